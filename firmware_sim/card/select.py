"""SELECT (card §1.1, §2.1): by AID, by FID, elementary files under the current directory."""

from card.files.kinds import Dir
from firmware_sim.card import memory
from firmware_sim.card.cos import Card, Handler
from firmware_sim.card.dispatch import Command, want_data
from firmware_sim.card.status import BAD_P1P2, FILE_NOT_FOUND, SELECTED_BLOCKED, SwError

BY_FID, EF_UNDER_CURRENT, BY_AID = 0x00, 0x02, 0x04


def select(card: Card, command: Command) -> bytes:
    """00 A4: FCI of a directory; elementary files answer without data."""
    if command.p2 != 0:
        raise SwError(BAD_P1P2)
    if command.p1 == BY_AID:
        return _enter(card, card.plan.dir_by_aid(command.data))
    if command.p1 == BY_FID:
        fid = want_data(command, 2)
        directory = card.plan.dir_by_fid(fid)
        return _enter(card, directory) if directory else _open(card, fid)
    if command.p1 == EF_UNDER_CURRENT:
        return _open(card, want_data(command, 2))
    raise SwError(BAD_P1P2)


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
    """6F { 84 AID [A5 { 9F08 version, 9F0C file }] } (keys-and-purse §1.2); a directory without AID names its FID."""
    if not directory.aid:
        return _tlv(b"\x6f", _tlv(b"\x83", directory.fid))
    name = _tlv(b"\x84", directory.aid)
    if not directory.fci_file:
        return _tlv(b"\x6f", name)
    ef = card.plan.ef_by_fid(directory.name, bytes.fromhex(directory.fci_file))
    content = card.nv.need(memory.binary_name(ef)) if ef else b""
    proprietary = _tlv(b"\x9f\x08", directory.fci_version) + _tlv(b"\x9f\x0c", content)
    return _tlv(b"\x6f", name + _tlv(b"\xa5", proprietary))


def _tlv(tag: bytes, value: bytes) -> bytes:
    return tag + bytes((len(value),)) + value


HANDLERS: dict[int, Handler] = {0x00A4: select}
