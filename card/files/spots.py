"""Where things stand in a TOML text: the line of every table, key and array element, beside what tomllib reads.

The text has been accepted by tomllib before; this scanner only follows its outline, so it may be simple.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_SKIP = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_KEY = re.compile(r"[ \t]*(\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_BARE = re.compile(r"[^\s,\]}#]+")


@dataclass(slots=True)
class Spot:
    """One value: the line its key (or itself, in an array) stands on, and what is inside it."""

    line: int
    keys: dict[str, "Spot"] = field(default_factory=dict)
    items: list["Spot"] = field(default_factory=list)


def spots(text: str) -> Spot:
    """The outline of `text`, which must be TOML."""
    return _Scanner(text).document()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counted = 0
        self._line = 1

    def document(self) -> Spot:
        root = Spot(1)
        table = root
        while self._skip():
            if self._text.startswith("[", self._at):
                table = self._header(root)
            else:
                self._pair(table)
        return root

    def _header(self, root: Spot) -> Spot:
        line = self._here()
        many = self._text.startswith("[[", self._at)
        self._at += 2 if many else 1
        path = self._path()
        self._at += 2 if many else 1
        table = root
        for name in path[:-1]:
            table = _last(table.keys.setdefault(name, Spot(line)))
        place = table.keys.setdefault(path[-1], Spot(line))
        if not many:
            place.line = line
            return place
        place.items.append(Spot(line))
        return place.items[-1]

    def _pair(self, table: Spot) -> None:
        line = self._here()
        path = self._path()
        self._at += 1  # the equals sign
        for name in path[:-1]:
            table = table.keys.setdefault(name, Spot(line))
        table.keys[path[-1]] = self._value(line)

    def _path(self) -> list[str]:
        names: list[str] = []
        while match := _KEY.match(self._text, self._at):
            names.append(match[1].strip("\"'"))
            self._at = match.end()
            if not self._text.startswith(".", self._at):
                break
            self._at += 1
        if not names:
            raise ValueError(f"line {self._here()}: no key")
        return names

    def _value(self, line: int) -> Spot:
        spot = Spot(line)
        self._skip()
        if self._text.startswith("[", self._at):
            self._each("]", lambda: spot.items.append(self._value(self._here())))
        elif self._text.startswith("{", self._at):
            self._each("}", lambda: self._pair(spot))
        else:
            match = _STRING.match(self._text, self._at) or _BARE.match(self._text, self._at)
            self._at = match.end() if match else self._at + 1
            # a date and a time may stand apart by one blank
            if match and (more := re.compile(r"[ ]\d\d:\S+").match(self._text, self._at)):
                self._at = more.end()
        return spot

    def _each(self, closing: str, element: Callable[[], None]) -> None:
        self._at += 1
        while self._skip() and not self._text.startswith(closing, self._at):
            element()
            if self._skip() and self._text.startswith(",", self._at):
                self._at += 1
        self._at += 1

    def _skip(self) -> bool:
        """Go over blanks and comments; False at the end."""
        match = _SKIP.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at < len(self._text)

    def _here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = max(self._counted, self._at)
        return self._line


def _last(spot: Spot) -> Spot:
    return spot.items[-1] if spot.items else spot
