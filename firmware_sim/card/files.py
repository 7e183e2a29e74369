"""READ and UPDATE of records and binary files (card §1.2, §2.1), plain or with a MAC (2.3).

P2 = SFI<<3 | 4: P1 is a record number; P2 = SFI<<3: P1 is a record identifier (tag); SFI 0 is the current file.
"""

from card.files.kinds import AnyEf, CyclicEf, RecordEf, RecordField, TransparentEf
from firmware_sim.card import crypto, memory
from firmware_sim.card.cos import MASTER, STK, Card, Handler, check_mac
from firmware_sim.card.dispatch import MAX_LE, Command, want_le
from firmware_sim.card.status import (
    BAD_DATA,
    BAD_OFFSET,
    BAD_P1P2,
    CONDITIONS,
    EXACT_LENGTH,
    FILE_NOT_FOUND,
    KEY_NOT_FOUND,
    NO_CURRENT_EF,
    RECORD_NOT_FOUND,
    SM_MISSING,
    SM_NOT_SUPPORTED,
    WRONG_FILE_TYPE,
    WRONG_LENGTH,
    SwError,
)

BY_NUMBER = 4
MAC = 4
SFI_IN_P1 = 0x80


def read_record(card: Card, command: Command) -> bytes:
    """00 B2."""
    ef = _by_p2(card, command)
    _may_read(card, ef)
    if isinstance(ef, CyclicEf):
        content = read_cyclic(card, ef, command.p1)
    else:
        content = card.nv.need(memory.record_name(ef, _record(ef, command).no))
    want_le(command, len(content))
    return content


def update_record(card: Card, command: Command) -> bytes:
    """00 DC, 04 DC with MAC: the new TLV has the record's own tag and length."""
    ef = _by_p2(card, command)
    if not isinstance(ef, RecordEf):
        raise SwError(WRONG_FILE_TYPE)
    content = _may_write(card, ef, command)
    item = _record(ef, command)
    if content[:2] != bytes((item.tag, item.length)) or len(content) != 2 + item.length:
        raise SwError(BAD_DATA)
    card.nv.commit({memory.record_name(ef, item.no): content})
    return b""


def read_binary(card: Card, command: Command) -> bytes:
    """00 B0."""
    ef, offset = _by_offset(card, command)
    _may_read(card, ef)
    content = card.nv.need(memory.binary_name(ef))
    if offset >= len(content):
        raise SwError(BAD_OFFSET)
    left = min(len(content) - offset, MAX_LE)
    length = command.le or MAX_LE
    if length > left:
        raise SwError(EXACT_LENGTH | left & 0xFF)
    return content[offset : offset + length]


def update_binary(card: Card, command: Command) -> bytes:
    """00 D6, 04 D6 with MAC."""
    ef, offset = _by_offset(card, command)
    part = _may_write(card, ef, command)
    content = card.nv.need(memory.binary_name(ef))
    if offset + len(part) > len(content):
        raise SwError(BAD_OFFSET)
    card.nv.commit({memory.binary_name(ef): content[:offset] + part + content[offset + len(part) :]})
    return b""


def read_cyclic(card: Card, ef: CyclicEf, number: int) -> bytes:
    """Record `number`, 1 being the newest. Raises SwError 6A83."""
    used, newest = card.nv.need(memory.cyclic_head(ef))
    if not 1 <= number <= used:
        raise SwError(RECORD_NOT_FOUND)
    return card.nv.need(memory.cyclic_slot(ef, (newest - number + 1) % ef.capacity))


def append_cyclic(card: Card, ef: CyclicEf, record: bytes) -> dict[str, bytes]:
    """The changes that make `record` the newest; the caller commits them."""
    used, newest = card.nv.need(memory.cyclic_head(ef))
    slot = (newest + 1) % ef.capacity
    return {
        memory.cyclic_head(ef): bytes((min(used + 1, ef.capacity), slot)),
        memory.cyclic_slot(ef, slot): record,
    }


def _by_p2(card: Card, command: Command) -> RecordEf | CyclicEf:
    if command.p2 & 0x03:
        raise SwError(BAD_P1P2)
    ef = _find(card, command.p2 >> 3)
    if isinstance(ef, TransparentEf):
        raise SwError(WRONG_FILE_TYPE)
    return ef


def _by_offset(card: Card, command: Command) -> tuple[TransparentEf, int]:
    """P1 with the high bit set carries an SFI and P2 the offset; else P1P2 is an offset into the current file."""
    if command.p1 & SFI_IN_P1:
        ef, offset = _find(card, command.p1 & 0x1F), command.p2
    else:
        ef, offset = _find(card, 0), command.p1 << 8 | command.p2
    if not isinstance(ef, TransparentEf):
        raise SwError(WRONG_FILE_TYPE)
    return ef, offset


def _find(card: Card, sfi: int) -> AnyEf:
    if sfi == 0:
        if card.session.ef is None:
            raise SwError(NO_CURRENT_EF)
        return card.session.ef
    ef = card.plan.ef_by_sfi(card.session.directory, sfi)
    if ef is None:
        raise SwError(FILE_NOT_FOUND)
    card.session.ef = ef
    return ef


def _record(ef: RecordEf | CyclicEf, command: Command) -> RecordField:
    if not isinstance(ef, RecordEf):
        raise SwError(WRONG_FILE_TYPE)
    by_number = command.p2 & BY_NUMBER
    for item in ef.records:
        if (item.no if by_number else item.tag) == command.p1:
            return item
    raise SwError(RECORD_NOT_FOUND)


def _may_read(card: Card, ef: AnyEf) -> None:
    if card.in_state("initialised") and card.session.personalising:
        return
    card.check_access(ef.read)


def _may_write(card: Card, ef: AnyEf, command: Command) -> bytes:
    """The data to be written, its MAC checked and taken off. Raises SwError."""
    if not command.data:
        raise SwError(WRONG_LENGTH)
    if not card.in_state("personalised"):
        # Declared: before the end of personalisation only its right opens a file, and no MAC is needed.
        if not (card.in_state("initialised") and card.session.personalising):
            raise SwError(CONDITIONS)
        return command.data
    if command.cla & 0x04 == 0:
        card.check_access(ef.write)
        return command.data
    if len(command.data) <= MAC:
        raise SwError(SM_MISSING)
    name, key = _mac_key(card, ef)
    content, given = command.data[:-MAC], command.data[-MAC:]
    signed = command.header(len(command.data)) + content
    check_mac(given, crypto.retail_mac(key, signed, mac_iv(card)))
    card.check_access(ef.write, f"mac:{name}")
    return content


def _mac_key(card: Card, ef: AnyEf) -> tuple[str, bytes]:
    """The key a protected update is checked with: the one its access rule names, else the directory's STK."""
    named = [p[4:] for group in ef.write.any_of for p in group if p.startswith("mac:")]
    for spec in card.plan.keys:
        if spec.dir != ef.dir or spec.type is None or spec.card_kid is None:
            continue
        if spec.name in named or (not named and spec.type == STK):
            found = card.key(spec.dir, spec.type, spec.card_kid)
            if found:
                return spec.name, found[0]
    raise SwError(KEY_NOT_FOUND if named else SM_NOT_SUPPORTED)


def mac_iv(card: Card) -> bytes:
    """IV of a secure-messaging MAC: the last challenge, 4 bytes || 0000 0000 or 8 bytes by profile (card §2.3)."""
    if card.plan.crypto(card.session.directory).mac_iv == "challenge8":
        return card.session.use_challenge(8)
    return card.session.use_challenge(4) + bytes(4)


def maintenance_key(card: Card) -> bytes:
    """The key of block and unblock in the selected directory: its STK, else its master key (card §2.3)."""
    directory = card.session.directory
    found = card.key(directory, STK, 0) or card.need_key(directory, MASTER, 0)
    return found[0]


HANDLERS: dict[int, Handler] = {
    0x00B2: read_record,
    0x00DC: update_record,
    0x04DC: update_record,
    0x00B0: read_binary,
    0x00D6: update_binary,
    0x04D6: update_binary,
}
