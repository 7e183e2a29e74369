"""Values to a bank file: the same rows always make the same bytes, so a file can be handed over again unchanged."""

from collections.abc import Mapping, Sequence

from keys.algorithms.sm3 import sm3
from server.benefit.dialects.cells import Value, to_text
from server.benefit.dialects.grammar import Dialect, Kind, Layout, Record
from server.benefit.errors import DialectError

Row = Mapping[str, Value]


def write_file(dialect: Dialect, layout: Layout, header: Row, details: Sequence[Row], trailer: Row) -> bytes:
    """The whole file. Raises DialectError when a value does not fit or there are too many lines.

    A column of kind `sm3` in the trailer gets the hex SM3 of every byte before the trailer line.
    """
    if len(details) > dialect.max_lines:
        raise DialectError(f"{dialect.name} takes at most {dialect.max_lines} lines a file")
    lines = [_line(dialect, record, header) for record in layout.headers]
    lines += [_line(dialect, layout.detail, row) for row in details]
    body = b"".join(lines)
    last = dict(trailer)
    for column in layout.trailer.columns:
        if column.kind is Kind.SM3:
            last[column.name] = sm3(body).hex()
    return body + _line(dialect, layout.trailer, last)


def _line(dialect: Dialect, record: Record, row: Row) -> bytes:
    cells = [to_text(dialect, column, _value(row, column.name, column.kind)) for column in record.columns]
    return (dialect.delimiter.join(cells) + dialect.newline).encode(dialect.encoding)


def _value(row: Row, name: str, kind: Kind) -> Value:
    if kind is Kind.CONST:
        return ""
    if name not in row:
        raise DialectError(f"no value for column {name}")
    return row[name]
