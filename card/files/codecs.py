"""Formats of card data (card §1.3): an, cn, b, date, time, datetime, dec, hex; padding and empty values.

A constructed record has a mapping for its value: part name -> plain value.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TypeAlias

from card import text_codec
from card.errors import CardDataError, FieldError
from card.files.kinds import AnyEf, CyclicEf, Field, Item, RecordEf, RecordField, tlv_header
from card.text_codec import Edition

Plain: TypeAlias = str | bytes | int
Value: TypeAlias = Plain | Mapping[str, Plain]
_CN = ("cn", "date", "time", "datetime")
_EXACT_DIGITS = {"date": 8, "time": 6, "datetime": 14}
_DATES = ("date", "datetime")  # a time of zeros is midnight, a date of zeros is none


def blank(field: Field) -> bytes:
    """Content of a field that was never personalised: an and amounts 00, cn and b FF (card §1.3, B)."""
    filler = b"\xff" if field.format in _CN or field.format == "b" else b"\x00"
    return filler * field.length


class Standing(Enum):
    """What a field's bytes say about it (card §1.3): never written, written with nothing in it, or a value."""

    UNWRITTEN = "unwritten"
    EMPTY = "empty"
    FILLED = "filled"


def empty(field: Field) -> bytes:
    """Content of a field that was written and says nothing, unlike `blank`: an one space, dates and b zeros (C).

    FieldError for a format in which every content is a value: cn, time, dec, hex.
    """
    if field.format == "an":
        return b"\x20" + bytes(field.length - 1)
    if field.format in _DATES or field.format == "b":
        return bytes(field.length)
    raise FieldError(field.name, f"format {field.format} has no empty value")


def standing(field: Field, raw: bytes, *, in_use: bool = False) -> Standing:
    """What the value bytes of a field (without its header) say. `in_use`: the rest of its file was written.

    A blank field of a file in use is empty: who wrote the file had nothing to say there. Amounts have no blank of
    their own: zero in a file that is not in use is unwritten.
    """
    if isinstance(field, RecordField) and field.items:
        bare = () if field.form == "composite" else (bytes(field.length),)
        unwritten = raw in (_blank_items(field, field.form), b"\xff" * field.length, *bare)
    else:
        unwritten = raw in (blank(field), b"\xff" * field.length)
    if unwritten:
        if in_use and field.format in ("dec", "hex"):
            return Standing.FILLED
        return Standing.EMPTY if in_use else Standing.UNWRITTEN
    if field.format == "an" and not raw.strip(b"\x00\x20"):
        return Standing.EMPTY
    if (field.format in _DATES or field.format == "b") and not raw.strip(b"\x00"):
        return Standing.EMPTY
    return Standing.FILLED


def standings(fields: Sequence[Field], raws: Sequence[bytes]) -> dict[str, Standing]:
    """Field name -> standing of all fields of one file together; `raws` are whole records or the fields' bytes."""
    pairs = list(zip(fields, raws, strict=True))
    values = [raw[len(item.header) :] if isinstance(item, RecordField) else raw for item, raw in pairs]
    alone = {item.name: standing(item, raw) for item, raw in zip(fields, values, strict=True)}
    if all(found is Standing.UNWRITTEN for found in alone.values()):
        return alone
    return {item.name: standing(item, raw, in_use=True) for item, raw in zip(fields, values, strict=True)}


def encode(field: Field, value: Value, edition: Edition) -> bytes:
    """`field.length` bytes; empty text or bytes give the blank content. FieldError when the value does not fit."""
    if isinstance(value, str | bytes) and not value and field.format not in ("dec", "hex"):
        return blank(field)
    if field.format == "an":
        return _pad(field, text_codec.encode(_text(field, value), edition, field.name), b"\x00")
    if field.format in _CN:
        return _pad(field, _encode_digits(field, _text(field, value)), b"\xff")
    if field.format == "b":
        return _pad(field, _bytes(field, value), b"\xff")
    return _encode_amount(field, _whole(field, value))


def decode(field: Field, raw: bytes, edition: Edition) -> Value:
    """The value without its padding: "" or b"" when never personalised. CardDataError when the form is wrong."""
    if len(raw) != field.length:
        raise CardDataError(field.name, f"{len(raw)} bytes, declared {field.length}")
    if field.format == "an":
        text = raw.rstrip(b"\x00")
        return "" if not text.strip(b"\xff") or text == b" " else text_codec.decode(text, edition, field.name)
    if field.format in _CN:
        return _decode_digits(field, raw)
    if field.format == "b":
        return b"" if raw == b"\xff" * len(raw) else raw
    if field.format == "dec":
        digits = raw.hex()
        if not digits.isdigit():
            raise CardDataError(field.name, "amount is not BCD")
        return int(digits)
    return int.from_bytes(raw, "big")


def parse(field: Field, text: str) -> Value:
    """A value as people write it (an example, a command line) in the type `encode` takes.

    A constructed one is `name=value;name=value`; a part left out stays blank. FieldError for a part it has not.
    """
    parts = _leaves(field)
    if parts:
        return _parse_parts(field, {part.name: part for part in parts}, text)
    if field.format == "b":
        return bytes.fromhex(text)
    if field.format in ("dec", "hex"):
        return int(text)
    return text


def show(value: Value) -> str:
    """A decoded value for a screen: bytes as upper-case hex, a constructed one as `name=value;name=value`."""
    if isinstance(value, Mapping):
        return ";".join(f"{name}={show(part)}" for name, part in value.items())
    return value.hex().upper() if isinstance(value, bytes) else str(value)


def encode_record(record: RecordField, value: Value, edition: Edition) -> bytes:
    """The whole record: header ‖ padded value. FieldError when a value does not fit or names a part it has not."""
    if not record.items:
        return record.header + encode(record, value, edition)
    return record.header + _encode_items(record, _parts(record, value), edition)


def decode_record(record: RecordField, raw: bytes, edition: Edition) -> Value:
    """Value of a whole record as READ RECORD returns it; CardDataError on another tag or length."""
    if not raw.startswith(record.header):
        raise CardDataError(record.name, "record does not start with its declared tag and length")
    content = raw[len(record.header) :]
    return _decode_items(record, content, edition) if record.items else decode(record, content, edition)


def blank_record(record: RecordField) -> bytes:
    """A record that was never personalised: its header, and inside a constructed one the headers of its parts."""
    return record.header + _blank_items(record, record.form) if record.items else record.header + blank(record)


def encode_whole(field: Field, value: Value, edition: Edition) -> bytes:
    """A field as it stands on the card: a record with its header, a part of a constructed one with its own."""
    if isinstance(field, RecordField):
        return encode_record(field, value, edition)
    header = tlv_header(field.tag, field.length, "ber") if isinstance(field, Item) and field.tag else b""
    return header + encode(field, value, edition)


def decode_whole(field: Field, raw: bytes, edition: Edition) -> Value:
    """What `encode_whole` made. CardDataError."""
    if isinstance(field, RecordField):
        return decode_record(field, raw, edition)
    header = tlv_header(field.tag, field.length, "ber") if isinstance(field, Item) and field.tag else b""
    if not raw.startswith(header):
        raise CardDataError(field.name, "does not start with its declared tag and length")
    return decode(field, raw[len(header) :], edition)


def example(field: Field) -> tuple[Value, bytes]:
    """The declared example of a field, value and bytes; of a constructed one, put together from its parts."""
    if isinstance(field, RecordField | Item) and field.items:
        values = {part.name: example(part)[0] for part in _leaves(field)}
        form = field.form if isinstance(field, RecordField) else "tlv"
        return {name: value for name, value in values.items() if not isinstance(value, Mapping)}, _example_bytes(
            field, form
        )
    if field.example is None:
        raise FieldError(field.name, "has no example")
    raw = bytes.fromhex(field.example.hex)
    if field.example.rest:
        header = len(encode_whole_header(field))
        raw += bytes.fromhex(field.example.rest) * (header + field.length - len(raw))
    return parse(field, field.example.value), raw


def encode_whole_header(field: Field) -> bytes:
    """What stands before the value of a field on the card."""
    if isinstance(field, RecordField):
        return field.header
    return tlv_header(field.tag, field.length, "ber") if isinstance(field, Item) and field.tag else b""


def _example_bytes(field: RecordField | Item, form: str) -> bytes:
    inner = b"".join(_example_bytes(part, form) if part.items else example(part)[1] for part in field.items)
    head = field.header if isinstance(field, RecordField) else tlv_header(field.tag, field.length, form)
    return head + inner


def _leaves(field: Field) -> tuple[Item, ...]:
    if not isinstance(field, RecordField | Item):
        return ()
    found: list[Item] = []
    for part in field.items:
        found += _leaves(part) if part.items else (part,)
    return tuple(found)


def _parse_parts(field: Field, parts: Mapping[str, Item], text: str) -> dict[str, Plain]:
    values: dict[str, Plain] = {}
    for pair in filter(None, text.split(";")):
        name, _, given = pair.partition("=")
        if name not in parts:
            raise FieldError(field.name, f"no part {name!r}")
        value = parse(parts[name], given)
        if not isinstance(value, Mapping):
            values[name] = value
    return values


def _parts(record: RecordField, value: Value) -> Mapping[str, Plain]:
    if value == "" or value == b"":
        return {}
    if not isinstance(value, Mapping):
        raise FieldError(record.name, "a constructed record takes its parts by name")
    unknown = sorted(set(value) - {part.name for part in _leaves(record)})
    if unknown:
        raise FieldError(record.name, f"no part {unknown[0]!r}")
    return value


def _encode_items(holder: RecordField | Item, values: Mapping[str, Plain], edition: Edition, form: str = "") -> bytes:
    form = form or getattr(holder, "form", "tlv")
    made = b""
    for part in holder.items:
        if part.items:
            content = _encode_items(part, values, edition, form)
        else:
            content = encode(part, values[part.name], edition) if part.name in values else blank(part)
        made += (tlv_header(part.tag, part.length, form) if form != "composite" else b"") + content
    return made


def _blank_items(holder: RecordField | Item, form: str) -> bytes:
    made = b""
    for part in holder.items:
        content = _blank_items(part, form) if part.items else blank(part)
        made += (tlv_header(part.tag, part.length, form) if form != "composite" else b"") + content
    return made


def _decode_items(record: RecordField, content: bytes, edition: Edition) -> dict[str, Plain]:
    if len(content) != record.length:
        raise CardDataError(record.name, f"{len(content)} bytes, declared {record.length}")
    if record.form != "composite" and content in (bytes(record.length), b"\xff" * record.length):
        # a card may leave the inner headers out until somebody writes
        content = _blank_items(record, record.form)
    found: dict[str, Plain] = {}
    _read_items(record, content, edition, record.form, found)
    return found


def _read_items(
    holder: RecordField | Item, content: bytes, edition: Edition, form: str, found: dict[str, Plain]
) -> None:
    at = 0
    for part in holder.items:
        header = tlv_header(part.tag, part.length, form) if form != "composite" else b""
        if content[at : at + len(header)] != header:
            raise CardDataError(part.name, "part does not start with its declared tag and length")
        at += len(header)
        inner = content[at : at + part.length]
        at += part.length
        if part.items:
            _read_items(part, inner, edition, form, found)
            continue
        value = decode(part, inner, edition)
        if not isinstance(value, Mapping):
            found[part.name] = value


def encode_fields(fields: tuple[Field, ...], values: Mapping[str, Value], edition: Edition) -> bytes:
    """Content of a transparent file or of one cyclic record; a missing value gives the blank content.

    FieldError for a name no field has.
    """
    unknown = sorted(set(values) - {field.name for field in fields})
    if unknown:
        raise FieldError(unknown[0], "no such field in this file")
    return b"".join(
        encode(field, values[field.name], edition) if field.name in values else blank(field) for field in fields
    )


def decode_fields(fields: tuple[Field, ...], raw: bytes, edition: Edition) -> dict[str, Value]:
    """Field name -> value; CardDataError when `raw` has another length than the fields together."""
    if len(raw) != sum(field.length for field in fields):
        raise CardDataError(fields[0].name if fields else "file", "content has another length than declared")
    found: dict[str, Value] = {}
    offset = 0
    for field in fields:
        found[field.name] = decode(field, raw[offset : offset + field.length], edition)
        offset += field.length
    return found


def blank_file(ef: AnyEf) -> tuple[bytes, ...]:
    """What a file holds when it leaves the factory: records of a record file, one run of bytes, or no log entry."""
    if isinstance(ef, RecordEf):
        return tuple(blank_record(record) for record in ef.records)
    if isinstance(ef, CyclicEf):
        return ()
    return (b"".join(blank(field) for field in ef.fields),)


def _text(field: Field, value: Value) -> str:
    if not isinstance(value, str):
        raise FieldError(field.name, f"format {field.format} takes text")
    return value


def _bytes(field: Field, value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise FieldError(field.name, "format b takes bytes")
    return value


def _whole(field: Field, value: Value) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise FieldError(field.name, f"format {field.format} takes a whole number")
    return value


def _pad(field: Field, content: bytes, filler: bytes) -> bytes:
    if len(content) > field.length:
        raise FieldError(field.name, f"{len(content)} bytes, room for {field.length}")
    return content + filler * (field.length - len(content))


def _encode_digits(field: Field, digits: str) -> bytes:
    if not (digits.isascii() and digits.isdigit()):
        raise FieldError(field.name, "digits only")
    if len(digits) > 2 * field.length:
        raise FieldError(field.name, f"{len(digits)} digits, room for {2 * field.length}")
    if field.format in _EXACT_DIGITS and len(digits) != _EXACT_DIGITS[field.format]:
        raise FieldError(field.name, f"{field.format} is {_EXACT_DIGITS[field.format]} digits")
    return bytes.fromhex(digits.ljust(2 * field.length, "F"))


def _decode_digits(field: Field, raw: bytes) -> str:
    digits = raw.hex().rstrip("f")
    if field.format in _DATES and not digits.strip("0"):  # never written, or written and empty
        return ""
    if digits and not digits.isdigit():
        raise CardDataError(field.name, "not BCD digits")
    return digits


def _encode_amount(field: Field, amount: int) -> bytes:
    limit = 256**field.length if field.format == "hex" else 100**field.length
    if amount >= limit:
        raise FieldError(field.name, f"amount exceeds {field.length} bytes")
    if field.format == "hex":
        return amount.to_bytes(field.length, "big")
    return bytes.fromhex(str(amount).rjust(2 * field.length, "0"))
