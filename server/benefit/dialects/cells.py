"""One cell to text and back. Each kind has one canonical form, so a file that reads writes back the same."""

import re
from datetime import datetime

from server.benefit.dialects.grammar import Column, Dialect, Kind
from server.benefit.errors import DialectError

Value = str | int
MONEY_YUAN = re.compile(r"(0|[1-9][0-9]{0,12})\.([0-9]{2})")
WHOLE = re.compile(r"0|[1-9][0-9]{0,14}")
TOKEN = re.compile(r"[A-Z0-9]+")
SM3_HEX = re.compile(r"[0-9a-f]{64}")
CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ufeff]")
TIMES = {Kind.DATE: "%Y%m%d", Kind.TIME: "%Y%m%d%H%M%S"}


class CellError(ValueError):
    """A cell outside its declared form; the message names what was expected, never a personal value."""

    code = "E-RET-FIELD"


def to_text(dialect: Dialect, column: Column, value: Value) -> str:
    """The cell as written, padded in a fixed file. Raises DialectError when the value does not fit the column."""
    text = _plain(dialect, column, value)
    if not dialect.fixed:
        if dialect.delimiter in text or CONTROL.search(text) or (column.size and len(text) > column.size):
            raise DialectError(f"{column.name} cannot be written in {dialect.name}")
        return text
    if CONTROL.search(text) or text != text.strip(" "):
        raise DialectError(f"{column.name} cannot be written in {dialect.name}")
    room = column.width - len(text.encode(dialect.encoding))
    if room < 0:
        raise DialectError(f"{column.name} does not fit {column.width} bytes of {dialect.name}")
    if column.kind in (Kind.COUNT, Kind.MONEY) and text:
        return "0" * room + text
    return text + " " * room


def _plain(dialect: Dialect, column: Column, value: Value) -> str:
    if column.kind is Kind.CONST:
        return column.value
    if column.kind in (Kind.COUNT, Kind.MONEY):
        if not isinstance(value, int) or value < 0:
            raise DialectError(f"{column.name} must be a whole number from 0")
        if column.kind is Kind.MONEY and dialect.money == "yuan2":
            return f"{value // 100}.{value % 100:02d}"
        return str(value)
    if not isinstance(value, str):
        raise DialectError(f"{column.name} must be text")
    if not value:
        if not column.empty:
            raise DialectError(f"{column.name} may not be empty")
        return value
    try:
        return _worded(column, value)
    except CellError as bad:
        raise DialectError(str(bad)) from bad


def from_text(dialect: Dialect, column: Column, text: str) -> Value:
    """The value of a cell. Raises CellError when it is not in the column's canonical form."""
    if dialect.fixed:
        text = _unpadded(column, text)
    if column.kind is Kind.CONST:
        if text != column.value:
            raise CellError(f"{column.name} must read {column.value!r}")
        return text
    if not text:
        if column.empty:
            return ""
        raise CellError(f"{column.name} is empty")
    if column.kind is Kind.MONEY and dialect.money == "yuan2":
        match = MONEY_YUAN.fullmatch(text)
        if match is None:
            raise CellError(f"{column.name} must be yuan with exactly two decimals")
        return int(match[1]) * 100 + int(match[2])
    if column.kind in (Kind.COUNT, Kind.MONEY):
        if not WHOLE.fullmatch(text):
            raise CellError(f"{column.name} must be a whole number")
        return int(text)
    return _worded(column, text)


def _worded(column: Column, text: str) -> str:
    if column.kind in TIMES:
        # fullmatch first: strptime alone also takes spaces and short fields.
        shape = 8 if column.kind is Kind.DATE else 14
        if not re.fullmatch(rf"[0-9]{{{shape}}}", text):
            raise CellError(f"{column.name} must be {shape} digits")
        try:
            datetime.strptime(text, TIMES[column.kind])
        except ValueError:
            raise CellError(f"{column.name} is not on the calendar") from None
        return text
    patterns = {Kind.DIGITS: re.compile(r"[0-9]+"), Kind.TOKEN: TOKEN, Kind.SM3: SM3_HEX}
    pattern = patterns.get(column.kind)
    if pattern is not None and not pattern.fullmatch(text):
        raise CellError(f"{column.name} holds characters a {column.kind.value} column never has")
    if column.size and len(text) > column.size:
        raise CellError(f"{column.name} is longer than {column.size}")
    return text


def _unpadded(column: Column, text: str) -> str:
    if column.kind in (Kind.COUNT, Kind.MONEY):
        # Zero padding is the only padding of numbers: a blank inside means that the columns have moved.
        if not re.fullmatch(r"[0-9]+", text):
            raise CellError(f"{column.name} must be zero-padded digits")
        return text.lstrip("0") or "0"
    return text.rstrip(" ")
