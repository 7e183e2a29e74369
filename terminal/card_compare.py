"""`onecard card compare A B`: two cards, or two saved dumps, or one of each, line by line."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from card.domain.entropy import Entropy
from card.readers.pcsc import find_reader
from terminal.card_desk import DONE, NO, Arguments, add_patience, powered, print_json, print_table, reported
from terminal.card_dump import Line, read_chip
from terminal.card_errors import DumpFileError
from terminal.card_mask import mask_bytes, personal
from terminal.card_rights import add_test_keys, rights_from

_KEYS = ("file", "name", "zh", "en", "value", "hex", "code")
_MAX_DUMP = 8_000_000
_SHOWN = 36
_HIDDEN = "‹"  # how a mask of bytes begins
KINDS = {
    "value": ("值不同", "values differ"),
    "only_a": ("仅 A 有", "only in A"),
    "only_b": ("仅 B 有", "only in B"),
    "reading": ("读取结果不同", "one could not be read"),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One line that is not the same; `kind` is one of KINDS."""

    kind: str
    a: Line | None
    b: Line | None

    def row(self, full: bool) -> dict[str, str]:
        """The stable keys of `--json`."""
        line = self.a or self.b
        assert line is not None  # a difference has a side
        return {
            "file": line.file,
            "name": line.name,
            "zh": line.zh,
            "en": line.en,
            "kind": self.kind,
            "a": _side(self.a, full),
            "b": _side(self.b, full),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two dumps stand to each other. `hidden` are lines whose masks are the same: nobody can tell."""

    same: int
    differences: tuple[Difference, ...]
    hidden: tuple[Line, ...]


def main_compare(argv: Sequence[str], entropy: Entropy) -> int:
    """The command. Exit status: 0 the same, 1 they differ, 2 could not be told, 64 usage."""
    parser = Arguments(
        prog="onecard card compare",
        description="比较两张卡或两份存档 · two readers or two saved dumps (card dump --out), or one of each",
    )
    parser.add_argument("a", metavar="A", help="读卡器名称或存档文件 · reader name, or file of a dump")
    parser.add_argument("b", metavar="B", help="另一个 · the other one")
    parser.add_argument("--psam", default="", help="PSAM 所在读卡器 · reader of the PSAM")
    add_test_keys(parser)
    add_patience(parser)
    parser.add_argument("--full", action="store_true", help="不遮盖持卡人资料 · do not mask the holder's data")
    parser.add_argument("--json", action="store_true", help="输出 JSON · print JSON")
    options = parser.parse_args(list(argv))
    return reported(lambda: _run(options, entropy))


def _run(options: argparse.Namespace, entropy: Entropy) -> int:
    found = compare(_lines(options.a, options, entropy), _lines(options.b, options, entropy))
    rows = [difference.row(options.full) for difference in found.differences]
    if options.json:
        hidden = [f"{line.file} {line.name}".strip() for line in found.hidden]
        print_json({"same": not rows, "equal_lines": found.same, "differences": rows, "not_compared": hidden})
    else:
        _print(rows, found)
    return NO if rows else DONE


def _lines(source: str, options: argparse.Namespace, entropy: Entropy) -> list[Line]:
    if Path(source).is_file():
        return load_dump(Path(source))
    with rights_from(options, entropy) as rights, powered(find_reader(source), options.patience) as channel:
        return read_chip(channel, None, rights).lines


def load_dump(path: Path) -> list[Line]:
    """Lines of a saved dump. DumpFileError."""
    try:
        if path.stat().st_size > _MAX_DUMP:
            raise DumpFileError(f"{path} is larger than any dump")
        rows = json.loads(path.read_text("utf-8"))
        if not isinstance(rows, list) or not rows:
            raise ValueError("not a list of lines")
        return [_line(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as bad:
        raise DumpFileError(f"{path}: {bad}") from bad


def _line(row: Mapping[str, object]) -> Line:
    if not all(isinstance(row[key], str) for key in _KEYS):
        raise ValueError("a line has text in every key")
    file, name, zh, en, value, hex_, code = (str(row[key]) for key in _KEYS)
    if not hex_.startswith(_HIDDEN):
        bytes.fromhex(hex_)
    return Line(file, name, zh, en, value, hex_, code)


def compare(a: Sequence[Line], b: Sequence[Line]) -> Comparison:
    """Line by line, by file and name, in the order of A."""
    left, right = _by_place(a), _by_place(b)
    same, differences, hidden = 0, [], []
    for place in [*left, *(place for place in right if place not in left)]:
        one, other = left.get(place), right.get(place)
        kind = _kind(one, other)
        if kind:
            differences.append(Difference(kind, one, other))
        elif one is not None and other is not None and (_masked(one) or _masked(other)):
            hidden.append(one)
        else:
            same += 1
    return Comparison(same, tuple(differences), tuple(hidden))


def _by_place(lines: Sequence[Line]) -> dict[tuple[str, str], Line]:
    """A cyclic file without entries has nothing to compare: its line is left out."""
    return {(line.file, line.name): line for line in lines if line.name or line.hex or line.code}


def _kind(a: Line | None, b: Line | None) -> str:
    """Empty for the same. A masked line is compared with the mask of the other one."""
    if a is None or b is None:
        return "only_b" if a is None else "only_a"
    if a.code != b.code:
        return "reading"
    if _masked(a) or _masked(b):
        return "value" if _as_masked(a) != _as_masked(b) else ""
    return "value" if a.hex != b.hex or (not a.hex and a.value != b.value) else ""


def _masked(line: Line) -> bool:
    return line.hex.startswith(_HIDDEN)


def _as_masked(line: Line) -> tuple[str, str]:
    if _masked(line):
        return line.value, line.hex
    return line.masked_value(), mask_bytes(bytes.fromhex(line.hex))


def _side(line: Line | None, full: bool) -> str:
    if line is None:
        return ""
    if line.code:
        return line.code
    if full or _masked(line) or not personal(line.file, line.name):
        return line.value or line.hex
    return line.masked_value() if line.value else mask_bytes(bytes.fromhex(line.hex))


def _print(rows: list[dict[str, str]], found: Comparison) -> None:
    if rows:
        heads = ("文件 file", "项目 field", "A", "B", "差别 difference")
        cells = [
            (row["file"], f"{row['zh']} {row['en']}", _cut(row["a"]), _cut(row["b"]), " ".join(KINDS[row["kind"]]))
            for row in rows
        ]
        print_table(cells, heads)
    print(f"相同 {found.same} 项，不同 {len(rows)} 项。 {found.same} lines are the same, {len(rows)} differ.")
    if found.hidden:
        print(
            f"另有 {len(found.hidden)} 项在存档里被遮盖，看不出是否相同；用 card dump --full 存档可比。 "
            f"{len(found.hidden)} lines are masked in the dumps and cannot be told apart; dump with --full to compare."
        )


def _cut(text: str) -> str:
    return (text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…") or "-"
