"""A caller's text and a card's bytes (card §1.3): what cannot be written has its return code before it is sent."""

import string
from collections.abc import Mapping, Sequence

from card import text_codec
from card.errors import CardDataError, FieldError
from card.files import codecs
from card.files.codecs import Plain, Value
from card.files.kinds import AnyEf, CyclicEf, Field, RecordEf, RecordField
from card.text_codec import Edition
from terminal.ldt33.addresses import hex_field
from terminal.ldt33.codes import Code, Ldt33Error

_EXACT = {"date": 8, "time": 6, "datetime": 14}


def text_of(value: Value, separator: str) -> str:
    """A decoded value; the parts of a constructed one joined by `separator`."""
    if isinstance(value, Mapping):
        return separator.join(text_of(part, separator) for part in value.values())
    return codecs.show(value)


def encode_group(
    ef: AnyEf, records: Sequence[RecordField], group: Sequence[str], edition: Edition, separator: str
) -> list[bytes]:
    """Bytes for one group of pWriteData: a record each, one cyclic entry, or a whole transparent file.

    -42 for what is too long, -41 for a character that has no place, -23 for anything else.
    """
    if isinstance(ef, RecordEf):
        pairs = zip(records, group, strict=True)
        return [_record(record, text, edition, separator) for record, text in pairs]
    if isinstance(ef, CyclicEf):
        if len(group) != len(ef.fields):
            raise Ldt33Error(Code.BAD_INPUT, f"{ef.path} has {len(ef.fields)} fields")
        return [b"".join(_field(item, text, edition) for item, text in zip(ef.fields, group, strict=True))]
    if len(group) != 1:
        raise Ldt33Error(Code.BAD_INPUT, f"{ef.path} is one run of bytes")
    return [hex_field(group[0], ef.size)]


def _record(record: RecordField, text: str, edition: Edition, separator: str) -> bytes:
    if not record.items:
        return record.header + _field(record, text, edition)
    parts = text.split(separator)
    if len(parts) != len(record.items):
        raise Ldt33Error(Code.BAD_INPUT, f"{record.name} has {len(record.items)} parts")
    values: dict[str, Plain] = {}
    for item, part in zip(record.items, parts, strict=True):
        _field(item, part, edition)  # says what is wrong with it
        value = codecs.parse(item, part) if part else ""
        if part and not isinstance(value, Mapping):
            values[item.name] = value
    return codecs.encode_record(record, values, edition)


def _field(field: Field, text: str, edition: Edition) -> bytes:
    """The padded value; nothing at all leaves the field as if it was never personalised."""
    if not text:
        return codecs.blank(field)
    try:
        return codecs.encode(field, codecs.parse(field, text), edition)
    except (FieldError, CardDataError, ValueError) as bad:
        raise Ldt33Error(_fault(field, text, edition), field.name) from bad


def _fault(field: Field, text: str, edition: Edition) -> Code:
    """What is wrong with a text that does not become the field."""
    if field.format == "an":
        try:
            return Code.TOO_LONG if len(text_codec.encode(text, edition, field.name)) > field.length else Code.BAD_INPUT
        except FieldError:
            return Code.BAD_CHARACTER
    allowed = string.hexdigits if field.format == "b" else string.digits
    if not set(text) <= set(allowed):
        return Code.BAD_CHARACTER
    fits = len(text) == _EXACT.get(field.format, len(text)) and len(text) <= 2 * field.length
    return Code.BAD_INPUT if fits else Code.TOO_LONG
