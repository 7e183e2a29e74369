"""Profiles as tables before they mean anything: read with their lines, all syntax mistakes, one upon another."""

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from card.files.spots import Spot, spots

MAX_SYNTAX = 30
_AT = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")
_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.-]+)")
_PAIR = re.compile(r"\s*([\w-]+)\s*=")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: the text it stands in, its line (0: the file as a whole), what it is about, and why."""

    source: str
    line: int
    where: str
    zh: str
    en: str

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{place}: {self.where}: {self.en}"


class Table(dict[str, Any]):
    """A TOML table that remembers where it and each of its keys came from: `lines[key]` is (source, line)."""

    def __init__(self, values: Iterable[tuple[str, Any]], source: str, line: int) -> None:
        super().__init__(values)
        self.source = source
        self.line = line
        self.lines: dict[str, tuple[str, int]] = {}

    def at(self, key: str = "") -> tuple[str, int]:
        """Where `key` was written, or the table itself when it was not."""
        return self.lines.get(key, (self.source, self.line))

    def copied(self) -> "Table":
        """A table of its own with the same content: tables and lists of tables are copied too."""
        made = Table(((key, _copy(value)) for key, value in self.items()), self.source, self.line)
        made.lines = dict(self.lines)
        return made

    def lay(self, key: str, value: object, over: "Table") -> None:
        """Set `key` as `over` says it, with its line."""
        self[key] = value
        self.lines[key] = over.at(key)


class Findings:
    """All mistakes found so far, in no order."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def note(self, table: Table | None, key: str, where: str, zh: str, en: str) -> None:
        """A mistake at `key` of `table`."""
        source, line = table.at(key) if table is not None else ("profile", 0)
        self.problems.append(Problem(source, line, where, zh, en))


def read_table(text: str, source: str, findings: Findings, located: bool = True) -> Table:
    """The document as a table. Every syntax mistake becomes a finding; what is left after mending is returned."""
    data, text = _parse(text, source, findings)
    outline = spots(text) if located else Spot(0)
    return _table(data, outline, source)


def _parse(text: str, source: str, findings: Findings) -> tuple[dict[str, Any], str]:
    lines = text.split("\n")
    for _ in range(MAX_SYNTAX):
        try:
            return tomllib.loads("\n".join(lines)), "\n".join(lines)
        except tomllib.TOMLDecodeError as bad:
            match = _AT.search(str(bad))
            reason = _AT.sub("", str(bad)).strip()
            number = int(match[1]) if match and match[1] else len(lines)
            findings.problems.append(Problem(source, number, "TOML", f"不是TOML：{reason}", f"not TOML: {reason}"))
            if not _mend(lines, number):
                break
        except ValueError:  # a number of thousands of digits
            findings.problems.append(Problem(source, 0, "TOML", "数字过长", "not TOML: a number is too long"))
            break
        except RecursionError:
            findings.problems.append(Problem(source, 0, "TOML", "嵌套过深", "not TOML: nested too deeply"))
            break
    return {}, ""


def _mend(lines: list[str], number: int) -> bool:
    """Make a broken line harmless so that the next mistake can be seen: a header keeps its name, a pair its key."""
    index = min(number, len(lines)) - 1
    if index < 0:
        return False
    broken = lines[index]
    header, pair = _HEADER.match(broken), _PAIR.match(broken)
    mended = "#"
    if header:
        mended = f"[[{header[2]}]]" if header[1] == "[[" else f"[{header[2]}]"
    elif pair:
        mended = f'{pair[1]} = ""'
    lines[index] = "#" if mended == broken else mended
    return broken != "#"


def _table(data: dict[str, Any], spot: Spot, source: str) -> Table:
    made = Table((), source, spot.line)
    for key, value in data.items():
        inner = spot.keys.get(key, Spot(spot.line))
        made[key] = _value(value, inner, source)
        made.lines[key] = (source, inner.line)
    return made


def _value(value: object, spot: Spot, source: str) -> object:
    if isinstance(value, dict):
        return _table(value, spot, source)
    if isinstance(value, list):
        nothing = Spot(spot.line)
        return [_value(item, spot.items[n] if n < len(spot.items) else nothing, source) for n, item in enumerate(value)]
    return value


def _copy(value: Any) -> Any:
    if isinstance(value, Table):
        return value.copied()
    return [_copy(item) for item in value] if isinstance(value, list) else value


# ---- one profile upon another -------------------------------------------------------------------------------------

_NAMED: dict[str, Callable[[Table], object]] = {
    "dir": lambda row: row.get("name"),
    "key": lambda row: row.get("name"),
    "file": lambda row: (row.get("dir"), str(row.get("fid", "")).upper()),
    "record": lambda row: row.get("name"),
    "field": lambda row: row.get("name"),
}


def merged(base: Table, over: Table, findings: Findings) -> Table:
    """`base` with what `over` takes away, replaces and adds. Rows meet by name, files by directory and FID."""
    made = base.copied()
    made.source, made.line = over.source, over.line
    removed = over.get("remove", [])
    if not isinstance(removed, list):
        findings.note(over, "remove", "remove", "remove 应为列表", "remove must be a list")
        removed = []
    for path in removed:
        if not (isinstance(path, str) and _remove(made, path)):
            findings.note(over, "remove", str(path), "要去掉的东西本来就没有", "there is no such thing to remove")
    for key, value in over.items():
        if key != "remove":
            _lay(made, key, value, over)
    return made


def _lay(made: Table, key: str, value: object, over: Table) -> None:
    mine = made.get(key)
    if key in _NAMED and isinstance(value, list) and isinstance(mine, list):
        made.lay(key, _rows(mine, value, _NAMED[key]), over)
    elif isinstance(value, Table) and isinstance(mine, Table):
        for inner in value:
            mine.lay(inner, value[inner], value)
    else:
        made.lay(key, _copy(value), over)


def _rows(mine: list[Any], theirs: list[Any], name: Callable[[Table], object]) -> list[Any]:
    rows = list(mine)
    places = {name(row): n for n, row in enumerate(rows) if isinstance(row, Table)}
    for row in theirs:
        n = places.get(name(row)) if isinstance(row, Table) else None
        if n is None:
            rows.append(_copy(row))
            continue
        laid = rows[n].copied()
        laid.source, laid.line = row.source, row.line
        for key, value in row.items():
            _lay(laid, key, value, row)
        _renumber(laid)
        rows[n] = laid
    return rows


def _renumber(file: Table) -> None:
    """A file that lost or gained records counts them again."""
    for row in file.get("record", []) if isinstance(file.get("record"), list) else []:
        if isinstance(row, Table):
            row.pop("no", None)


def _remove(made: Table, path: str) -> bool:
    """`key:NAME`, `DIR` with all that is below it, `DIR/FID`, or `DIR/FID/record`."""
    if path.startswith("key:"):
        return _drop(made, "key", lambda row: row.get("name") == path[4:])
    directory, _, rest = path.partition("/")
    fid, _, record = rest.partition("/")
    if not fid:
        return _remove_dir(made, directory)

    def wanted(row: Table) -> bool:
        return row.get("dir") == directory and str(row.get("fid", "")).upper() == fid.upper()

    if not record:
        return _drop(made, "file", wanted)
    found = False
    for file in made.get("file", []):
        if isinstance(file, Table) and wanted(file):
            for part in ("record", "field"):
                if _drop(file, part, lambda row: row.get("name") == record):
                    _renumber(file)
                    found = True
    return found


def _remove_dir(made: Table, directory: str) -> bool:
    if not _drop(made, "dir", lambda row: row.get("name") == directory):
        return False
    for part in ("key", "file"):
        _drop(made, part, lambda row: row.get("dir") == directory)
    for row in [row for row in made.get("dir", []) if isinstance(row, Table) and row.get("parent") == directory]:
        _remove_dir(made, str(row.get("name")))
    return True


def _drop(table: Table, key: str, wanted: Callable[[Table], bool]) -> bool:
    rows = table.get(key)
    if not isinstance(rows, list):
        return False
    kept = [row for row in rows if not (isinstance(row, Table) and wanted(row))]
    if len(kept) == len(rows):
        return False
    table[key] = kept
    return True
