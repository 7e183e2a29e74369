"""Formats of card data (card §1.3): an, cn, b, date, time, datetime, dec, hex; padding and empty values."""

from typing import TypeAlias

from card import text_codec
from card.errors import CardDataError, FieldError
from card.files.kinds import AnyEf, CyclicEf, Field, RecordEf, RecordField
from card.text_codec import Edition

Value: TypeAlias = str | bytes | int
_CN = ("cn", "date", "time", "datetime")
_EXACT_DIGITS = {"date": 8, "time": 6, "datetime": 14}


def blank(field: Field) -> bytes:
    """Content of a field that was never personalised: an and amounts 00, cn and b FF (card §1.3, B)."""
    filler = b"\xff" if field.format in _CN or field.format == "b" else b"\x00"
    return filler * field.length


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
        return "" if not text.strip(b"\xff") else text_codec.decode(text, edition, field.name)
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
    """A value as people write it (an example, a command line) in the type `encode` takes."""
    if field.format == "b":
        return bytes.fromhex(text)
    if field.format in ("dec", "hex"):
        return int(text)
    return text


def show(value: Value) -> str:
    """A decoded value for a screen: bytes as upper-case hex."""
    return value.hex().upper() if isinstance(value, bytes) else str(value)


def encode_record(record: RecordField, value: Value, edition: Edition) -> bytes:
    """The whole record: tag 1 ‖ length 1 ‖ padded value."""
    return bytes([record.tag, record.length]) + encode(record, value, edition)


def decode_record(record: RecordField, raw: bytes, edition: Edition) -> Value:
    """Value of a whole record as READ RECORD returns it; CardDataError on another tag or length."""
    if raw[:2] != bytes([record.tag, record.length]):
        raise CardDataError(record.name, "record does not start with its declared tag and length")
    return decode(record, raw[2:], edition)


def encode_fields(fields: tuple[Field, ...], values: dict[str, Value], edition: Edition) -> bytes:
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
        return tuple(bytes([record.tag, record.length]) + blank(record) for record in ef.records)
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
