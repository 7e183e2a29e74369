"""A bank's two files as data: records, columns, encoding, codes. A dialect is loaded from TOML and checked whole."""

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any

from server.benefit.codes import FAMILIES
from server.benefit.errors import DialectError

ENCODINGS = ("utf-8", "gb18030")
NEWLINES = {"lf": "\n", "crlf": "\r\n"}
TOTALS = frozenset({"count", "total", "count_ok", "sum_ok", "count_fail", "sum_fail"})
RETURN_HEAD = frozenset({"batch_no", "file_no", "bank_date"})
RETURN_LINE = frozenset({"line", "e2e_id", "status", "raw_code", "paid_at", "bank_serial", "amount"})
PAYMENT_LINE = frozenset({"line", "e2e_id", "name", "acct_no", "amount", "summary"})


class Kind(Enum):
    """What a column holds; decides its alphabet and its one canonical form."""

    CONST = "const"
    TEXT = "text"
    DIGITS = "digits"
    COUNT = "count"
    MONEY = "money"
    DATE = "date"
    TIME = "time"
    TOKEN = "token"
    SM3 = "sm3"


class Status(Enum):
    """A line's outcome as a return file may say it."""

    PAID = "paid"
    FAILED = "failed"
    PENDING = "pending"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `width` is bytes in a fixed file; `size` is the most characters in a delimited one."""

    name: str
    kind: Kind
    width: int = 0
    size: int = 0
    value: str = ""
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    columns: tuple[Column, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(column.name for column in self.columns)

    @property
    def width(self) -> int:
        return sum(column.width for column in self.columns)


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of file: header lines (the last may be a heading row), details, one trailer."""

    headers: tuple[Record, ...]
    detail: Record
    trailer: Record


@dataclass(frozen=True, slots=True)
class Dialect:
    """A bank's declared way of writing.

    `complete_first`: the first return file must answer every line. `cause_told`: column `msg` says something on every
    line that was not simply paid, and nothing on a paid one.
    """

    name: str
    title: str
    bank: str
    delimiter: str
    encoding: str
    newline: str
    money: str
    codes: str
    complete_first: bool
    cause_told: bool
    max_lines: int
    statuses: Mapping[str, Status]
    payment: Layout
    answer: Layout

    @property
    def fixed(self) -> bool:
        return not self.delimiter


def _column(row: Mapping[str, Any]) -> Column:
    known = {item.name for item in dataclasses.fields(Column)}
    if set(row) - known:
        raise DialectError(f"column {row.get('name')}: unknown keys {sorted(set(row) - known)}")
    return Column(**{**row, "kind": Kind(row["kind"])})


def _record(rows: list[Mapping[str, Any]]) -> Record:
    columns = tuple(_column(row) for row in rows)
    names = [column.name for column in columns if column.kind is not Kind.CONST]
    if len(names) != len(set(names)):
        raise DialectError("one record names a column twice")
    return Record(columns)


def _layout(table: Mapping[str, Any]) -> Layout:
    return Layout(
        headers=tuple(_record(rows) for rows in table["headers"]),
        detail=_record(table["detail"]),
        trailer=_record(table["trailer"]),
    )


def _check(dialect: Dialect) -> None:
    if dialect.encoding not in ENCODINGS or dialect.codes not in FAMILIES or dialect.money not in ("yuan2", "fen"):
        raise DialectError(f"{dialect.name}: encoding, codes or money is not one of the declared kinds")
    if set(dialect.statuses.values()) != set(Status):
        raise DialectError(f"{dialect.name}: each outcome needs exactly one name")
    head = frozenset().union(*(record.names for record in dialect.answer.headers))
    if missing := RETURN_HEAD - head:
        raise DialectError(f"{dialect.name}: return header lacks {sorted(missing)}")
    if missing := RETURN_LINE - dialect.answer.detail.names:
        raise DialectError(f"{dialect.name}: return line lacks {sorted(missing)}")
    if missing := PAYMENT_LINE - dialect.payment.detail.names:
        raise DialectError(f"{dialect.name}: payment line lacks {sorted(missing)}")
    if missing := TOTALS - (head | dialect.answer.trailer.names):
        raise DialectError(f"{dialect.name}: return totals lack {sorted(missing)}")
    for layout in (dialect.payment, dialect.answer):
        for record in (*layout.headers, layout.detail, layout.trailer):
            _check_record(dialect, record)


def _check_record(dialect: Dialect, record: Record) -> None:
    for column in record.columns:
        if dialect.fixed and column.width < 1:
            raise DialectError(f"{dialect.name}: {column.name} needs a width")
        if not dialect.fixed and column.kind in (Kind.TEXT, Kind.DIGITS, Kind.TOKEN) and column.size < 1:
            raise DialectError(f"{dialect.name}: {column.name} needs a size")
        if column.kind is Kind.CONST and not column.value:
            raise DialectError(f"{dialect.name}: constant {column.name} needs a value")


def parse_dialect(text: str) -> Dialect:
    """A dialect from TOML text. Raises DialectError when it does not describe both files whole."""
    try:
        data = tomllib.loads(text)
        head = data["dialect"]
        dialect = Dialect(
            name=head["name"],
            title=head["title"],
            bank=head["bank"],
            delimiter=head.get("delimiter", ""),
            encoding=head["encoding"],
            newline=NEWLINES[head["newline"]],
            money=head["money"],
            codes=head["codes"],
            complete_first=head["complete_first"],
            cause_told=head["cause_told"],
            max_lines=head["max_lines"],
            statuses={key: Status(value) for key, value in data["statuses"].items()},
            payment=_layout(data["payment"]),
            answer=_layout(data["return"]),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as bad:
        raise DialectError(f"dialect file: {bad}") from bad
    _check(dialect)
    return dialect


@cache
def dialects() -> Mapping[str, Dialect]:
    """Every declared dialect by bank code (three digits)."""
    found: dict[str, Dialect] = {}
    folder = files("server.benefit.dialects")
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if re.fullmatch(r"bank_[0-9]{3}\.toml", entry.name):
            dialect = parse_dialect(entry.read_text("utf-8"))
            found[dialect.bank] = dialect
    return found


def dialect_of(bank: str) -> Dialect:
    """The dialect of a bank; DialectError when there is no agreement with it."""
    try:
        return dialects()[bank]
    except KeyError:
        raise DialectError(f"no declared file dialect for bank {bank}") from None
