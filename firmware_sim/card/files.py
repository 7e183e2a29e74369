"""READ, UPDATE and APPEND of records and binary files (card §1.2, §2.1), plain or protected (card §2.3).

P2 = SFI<<3 | 4: P1 is a record number; P2 = SFI<<3: P1 is a record identifier (tag); SFI 0 is the current file.
"""

from card.files.kinds import AnyEf, CyclicEf, RecordEf, RecordField, TransparentEf
from firmware_sim.card import memory
from firmware_sim.card.cos import Card
from firmware_sim.card.dispatch import MAX_LE, Command, want_le
from firmware_sim.card.line import protected_content
from firmware_sim.card.rules import ANY_DATA, PROTECTED, Form, Rule, always, sizes, within
from firmware_sim.card.status import (
    BAD_DATA,
    BAD_OFFSET,
    CONDITIONS,
    EXACT_LENGTH,
    FILE_NOT_FOUND,
    NO_CURRENT_EF,
    NO_SPACE,
    RECORD_NOT_FOUND,
    WRONG_FILE_TYPE,
    WRONG_LENGTH,
    SwError,
)

BY_TAG, APPEND, BY_NUMBER = 0, 3, 4  # low three bits of P2
SFI_IN_P1 = 0x80
SFI_FORM, SFI_BITS = 0xE0, 0x1F


def read_record(card: Card, command: Command) -> bytes:
    """00 B2."""
    ef = _by_p2(card, command)
    if isinstance(ef, CyclicEf):
        _may_read(card, ef)
        content = read_cyclic(card, ef, command.p1)
    elif any(item.read for item in ef.records):
        item = find_record(ef, command)
        _may_read(card, ef, item)
        content = card.nv.need(memory.record_name(ef, item.no))
    else:
        _may_read(card, ef)
        content = card.nv.need(memory.record_name(ef, find_record(ef, command).no))
    want_le(command, len(content))
    return content


def update_record(card: Card, command: Command) -> bytes:
    """00 DC, 04 DC with MAC: the new content has the record's own header and size. Low bits 011 of P2 append."""
    if command.p2 & 0x07 == APPEND:
        ef = _by_p2(card, command)
        if isinstance(ef, RecordEf):
            raise SwError(WRONG_FILE_TYPE)
        return _append(card, ef, command)
    ef = _by_p2(card, command)
    if not isinstance(ef, RecordEf):
        raise SwError(WRONG_FILE_TYPE)
    content = _may_write(card, ef, command)
    item = find_record(ef, command)
    check_record(item, content)
    card.nv.commit({memory.record_name(ef, item.no): content})
    return b""


def append_record(card: Card, command: Command) -> bytes:
    """00 E2, 04 E2 with MAC: a cyclic file gets a new record 1; a record file is full from its creation on."""
    return _append(card, _by_p2(card, command), command)


def read_binary(card: Card, command: Command) -> bytes:
    """00 B0."""
    ef, offset = _by_offset(card, command)
    _may_read(card, ef)
    content = card.nv.need(memory.binary_name(ef))
    if offset >= len(content):
        raise SwError(BAD_OFFSET)
    left = len(content) - offset
    if command.t0:
        left = min(left, MAX_LE)
    elif command.wants_all:
        return content[offset : offset + (command.le or MAX_LE)]
    length = command.le or MAX_LE
    if length > left:
        raise SwError(EXACT_LENGTH | left & 0xFF if left <= MAX_LE else WRONG_LENGTH)
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


def find_record(ef: RecordEf, command: Command) -> RecordField:
    """The record that P1 names, by number or by tag. Raises SwError 6A83."""
    by_number = command.p2 & BY_NUMBER
    for item in ef.records:
        # A composite record's tag is its two-byte id, of which one byte fits into P1 (keys-and-purse §1.3).
        tag = item.tag & 0xFF if item.form == "composite" else item.tag
        if (item.no if by_number else tag) == command.p1:
            return item
    raise SwError(RECORD_NOT_FOUND)


def check_record(item: RecordField, content: bytes) -> None:
    """Raises SwError 6A80 unless `content` has the record's header and size."""
    if len(content) != item.size or not content.startswith(item.header):
        raise SwError(BAD_DATA)


def _append(card: Card, ef: RecordEf | CyclicEf, command: Command) -> bytes:
    content = _may_write(card, ef, command)
    if isinstance(ef, RecordEf):
        raise SwError(NO_SPACE)
    if len(content) != ef.size:
        raise SwError(WRONG_LENGTH)
    card.nv.commit(append_cyclic(card, ef, content))
    return b""


def _by_p2(card: Card, command: Command) -> RecordEf | CyclicEf:
    ef = _find(card, command.p2 >> 3)
    if isinstance(ef, TransparentEf):
        raise SwError(WRONG_FILE_TYPE)
    return ef


def _by_offset(card: Card, command: Command) -> tuple[TransparentEf, int]:
    """P1 with the high bit set carries an SFI and P2 the offset; else P1P2 is an offset into the current file."""
    if command.p1 & SFI_IN_P1:
        ef, offset = _find(card, command.p1 & SFI_BITS), command.p2
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


def _may_read(card: Card, ef: AnyEf, item: RecordField | None = None) -> None:
    if card.in_state("initialised") and card.session.personalising:
        return
    card.check_access(ef.read_of(item) if item and isinstance(ef, RecordEf) else ef.read)


def _may_write(card: Card, ef: AnyEf, command: Command) -> bytes:
    """The data to be written, its protection checked and taken off. Raises SwError."""
    if card.in_state("initialised"):
        # Declared: before the end of personalisation only its right opens a file, and no MAC is needed.
        if not card.session.personalising:
            raise SwError(CONDITIONS)
        return command.data
    if command.cla & PROTECTED:
        return protected_content(card, ef, command)
    card.check_access(ef.write)
    return command.data


def _offset_form(_card: Card, command: Command) -> bool:
    return not command.p1 & SFI_IN_P1 or command.p1 & SFI_FORM == SFI_IN_P1


def _record_form(_card: Card, command: Command) -> bool:
    return command.p2 & 0x07 in (BY_TAG, BY_NUMBER)


def _append_by_update(_card: Card, command: Command) -> bool:
    return command.p1 == 0 and command.p2 & 0x07 == APPEND


def _append_form(_card: Card, command: Command) -> bool:
    return command.p1 == 0 and command.p2 & 0x07 == 0


_UPDATE = always("update")
_BINARY = (Form(_offset_form, within(ANY_DATA)),)
_RECORD = (Form(_record_form, within(ANY_DATA)), Form(_append_by_update, within(ANY_DATA)))
_APPEND = (Form(_append_form, within(ANY_DATA)),)
RULES: dict[int, Rule] = {
    0x00B2: Rule(read_record, "BIP", (Form(_record_form, sizes(0)),)),
    0x00DC: Rule(update_record, "IP", _RECORD, _UPDATE),
    0x04DC: Rule(update_record, "P", _RECORD, _UPDATE),
    0x00E2: Rule(append_record, "IP", _APPEND, _UPDATE),
    0x04E2: Rule(append_record, "P", _APPEND, _UPDATE),
    0x00B0: Rule(read_binary, "BIP", (Form(_offset_form, sizes(0)),)),
    0x00D6: Rule(update_binary, "IP", _BINARY, _UPDATE),
    0x04D6: Rule(update_binary, "P", _BINARY, _UPDATE),
}
