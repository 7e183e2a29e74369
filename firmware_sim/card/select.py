"""SELECT (card §1.1, §2.1): by AID, by FID, elementary files under the current directory."""

from card.files.kinds import Dir
from firmware_sim.card import memory
from firmware_sim.card.blueprint import MF
from firmware_sim.card.cos import Card
from firmware_sim.card.dispatch import Command
from firmware_sim.card.rules import Form, Rule, exactly, sizes, within
from firmware_sim.card.status import FILE_NOT_FOUND, SELECTED_BLOCKED, SwError

BY_FID, EF_UNDER_CURRENT, BY_AID = 0x00, 0x02, 0x04
AID_MAX = 16


def select(card: Card, command: Command) -> bytes:
    """00 A4: FCI of a directory; elementary files answer without data."""
    if command.p1 == BY_AID:
        return _enter(card, card.plan.dir_by_aid(command.data))
    if command.p1 == EF_UNDER_CURRENT:
        return _open(card, command.data)
    directory = card.plan.dir_by_fid(command.data) if command.data else card.plan.dirs[MF]
    return _enter(card, directory) if directory else _open(card, command.data)


def _enter(card: Card, directory: Dir | None) -> bytes:
    if directory is None:
        raise SwError(FILE_NOT_FOUND)
    card.session.select_dir(card.plan, directory.name)
    if card.nv.get(memory.app_block(directory.name)):
        raise SwError(SELECTED_BLOCKED)
    return _fci(card, directory)


def _open(card: Card, fid: bytes) -> bytes:
    ef = card.plan.ef_by_fid(card.session.directory, fid)
    if ef is None:
        raise SwError(FILE_NOT_FOUND)
    card.session.ef = ef
    return b""


def _fci(card: Card, directory: Dir) -> bytes:
    """6F { 84 AID [A5 { 9F08 version, 9F0C file }] } (keys-and-purse §1.2); a directory without AID names its FID.

    `Dir.fci` is the whole content of A5, for directories whose profile spells it out (card §1.1, §6).
    """
    name = tlv(b"\x84", directory.aid) if directory.aid else tlv(b"\x83", directory.fid)
    proprietary = directory.fci
    if directory.fci_file:
        ef = card.plan.ef_by_fid(directory.name, bytes.fromhex(directory.fci_file))
        content = card.nv.need(memory.binary_name(ef)) if ef else b""
        proprietary += tlv(b"\x9f\x08", directory.fci_version) + tlv(b"\x9f\x0c", content)
    return tlv(b"\x6f", name + (tlv(b"\xa5", proprietary) if proprietary else b""))


def tlv(tag: bytes, value: bytes) -> bytes:
    """BER TLV with a value of at most 255 bytes."""
    return tag + (b"\x81" if len(value) > 0x7F else b"") + bytes((len(value),)) + value


RULES: dict[int, Rule] = {
    0x00A4: Rule(
        select,
        "BIP",
        (
            Form(exactly(0x0000), sizes(0, 2)),
            Form(exactly(0x0200), sizes(2)),
            Form(exactly(0x0400), within(range(1, AID_MAX + 1))),
        ),
        when_blocked=True,
    )
}
