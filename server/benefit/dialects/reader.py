"""A bank file to values, or a refusal that says what moved: nothing is guessed, repaired or skipped."""

from collections.abc import Iterator
from dataclasses import dataclass

from keys.algorithms.sm3 import sm3
from server.benefit.dialects.cells import CONTROL, CellError, Value, from_text
from server.benefit.dialects.grammar import Dialect, Kind, Layout, Record
from server.benefit.dialects.writer import write_file
from server.benefit.errors import DialectError, ReturnFault, ReturnRefusedError

MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileRow:
    """One detail line: its 1-based line in the file and its values by column name."""

    at: int
    values: dict[str, Value]

    def text(self, name: str) -> str:
        return str(self.values.get(name, ""))

    def number(self, name: str) -> int:
        value = self.values[name]
        assert isinstance(value, int)
        return value


@dataclass(frozen=True, slots=True)
class BankFile:
    """A file that read cleanly: merged header values, details, trailer values."""

    header: dict[str, Value]
    details: tuple[FileRow, ...]
    trailer: dict[str, Value]

    def total(self, name: str) -> int:
        """A declared total, wherever this bank writes it."""
        value = self.trailer[name] if name in self.trailer else self.header[name]
        assert isinstance(value, int)
        return value

    def head(self, name: str) -> str:
        return str(self.header[name])


def read_file(dialect: Dialect, layout: Layout, raw: bytes) -> BankFile:
    """Parse `raw` under the declared grammar. Raises ReturnRefusedError on any drift, naming line and expectation."""
    lines = _lines(dialect, raw)
    fixed_lines = len(layout.headers) + 1
    if len(lines) < fixed_lines:
        raise ReturnRefusedError(ReturnFault.LAYOUT, len(lines), f"a file has at least {fixed_lines} lines")
    if len(lines) - fixed_lines > dialect.max_lines:
        raise ReturnRefusedError(ReturnFault.LAYOUT, 0, f"more than {dialect.max_lines} lines")
    header: dict[str, Value] = {}
    for at, record in enumerate(layout.headers, 1):
        for name, value in _row(dialect, record, lines[at - 1], at).items():
            if header.setdefault(name, value) != value:
                raise ReturnRefusedError(ReturnFault.LAYOUT, at, f"{name} is said twice, differently")
    first = len(layout.headers)
    details = tuple(
        FileRow(at, _row(dialect, layout.detail, line, at)) for at, line in enumerate(lines[first:-1], first + 1)
    )
    trailer = _row(dialect, layout.trailer, lines[-1], len(lines))
    _check_digest(dialect, layout, raw, lines, trailer)
    found = BankFile(header, details, trailer)
    _check_round_trip(dialect, layout, raw, found)
    return found


def _lines(dialect: Dialect, raw: bytes) -> list[str]:
    if len(raw) > MAX_BYTES:
        raise ReturnRefusedError(ReturnFault.LAYOUT, 0, f"larger than {MAX_BYTES} bytes")
    if not raw:
        raise ReturnRefusedError(ReturnFault.LAYOUT, 0, "the file is empty")
    text = _decoded(dialect, raw)
    if not text.endswith(dialect.newline):
        raise ReturnRefusedError(ReturnFault.LAYOUT, 0, "the last line does not end: cut, or another line end")
    lines = text[: -len(dialect.newline)].split(dialect.newline)
    for at, line in enumerate(lines, 1):
        if CONTROL.search(line):
            raise ReturnRefusedError(ReturnFault.LAYOUT, at, "a control character or a foreign line end")
    return lines


def _decoded(dialect: Dialect, raw: bytes) -> str:
    try:
        text = raw.decode(dialect.encoding)
    except UnicodeDecodeError as bad:
        raise ReturnRefusedError(ReturnFault.ENCODING, 0, f"byte {bad.start} is not {dialect.encoding}") from None
    if dialect.encoding != "utf-8" and not raw.isascii() and _is_utf8(raw):
        # UTF-8 Han text nearly always decodes as GB18030 too, into other characters.
        raise ReturnRefusedError(ReturnFault.ENCODING, 0, f"the file is UTF-8, agreed is {dialect.encoding}")
    return text


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _row(dialect: Dialect, record: Record, line: str, at: int) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for column, cell in zip(record.columns, _cells(dialect, record, line, at), strict=True):
        try:
            value = from_text(dialect, column, cell)
        except CellError as bad:
            raise ReturnRefusedError(ReturnFault.FIELD, at, str(bad)) from None
        if column.kind is not Kind.CONST:
            found[column.name] = value
    return found


def _cells(dialect: Dialect, record: Record, line: str, at: int) -> list[str]:
    if not dialect.fixed:
        cells = line.split(dialect.delimiter)
        if len(cells) != len(record.columns):
            why = f"{len(cells)} columns, agreed are {len(record.columns)}"
            raise ReturnRefusedError(ReturnFault.LAYOUT, at, why)
        return cells
    coded = line.encode(dialect.encoding)
    if len(coded) != record.width:
        raise ReturnRefusedError(ReturnFault.LAYOUT, at, f"{len(coded)} bytes, agreed are {record.width}")
    return list(_slices(dialect, record, coded, at))


def _slices(dialect: Dialect, record: Record, coded: bytes, at: int) -> Iterator[str]:
    start = 0
    for column in record.columns:
        part = coded[start : start + column.width]
        start += column.width
        try:
            yield part.decode(dialect.encoding)
        except UnicodeDecodeError:
            raise ReturnRefusedError(ReturnFault.LAYOUT, at, f"{column.name} cuts a character: columns moved") from None


def _check_digest(dialect: Dialect, layout: Layout, raw: bytes, lines: list[str], trailer: dict[str, Value]) -> None:
    for column in layout.trailer.columns:
        if column.kind is Kind.SM3:
            tail = len((lines[-1] + dialect.newline).encode(dialect.encoding))
            if trailer[column.name] != sm3(raw[:-tail]).hex():
                raise ReturnRefusedError(ReturnFault.DIGEST, len(lines), "SM3 of the lines before is another")


def _check_round_trip(dialect: Dialect, layout: Layout, raw: bytes, found: BankFile) -> None:
    rows = [row.values for row in found.details]
    try:
        again = write_file(dialect, layout, found.header, rows, found.trailer)
    except DialectError as bad:
        raise ReturnRefusedError(ReturnFault.FIELD, 0, str(bad)) from None
    if again != raw:
        raise ReturnRefusedError(ReturnFault.LAYOUT, 0, "the values do not write back to the same bytes")
