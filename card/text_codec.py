"""Chinese text on the card: declared editions, whole characters, middle dots.

The edition is profile data. The codec of the language library is GB 18030-2000 throughout; later editions moved
nineteen two-byte codes: A8BC in 2005, and in 2022 ten vertical punctuation marks and eight Han characters. In each
move the two-byte code and a four-byte code exchange their characters, so an edition is the 2000 codec behind an
exchange of pairs (contract §5).
"""

import tomllib
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files

from card.errors import CardDataError, FieldError

# private-use character of 2000 <-> character of the later edition
_MOVED_2005 = {"\ue7c7": "\u1e3f"}
_MOVED_2022 = {
    "\ue78d": "\ufe10",
    "\ue78e": "\ufe12",
    "\ue78f": "\ufe11",
    "\ue790": "\ufe13",
    "\ue791": "\ufe14",
    "\ue792": "\ufe15",
    "\ue793": "\ufe16",
    "\ue794": "\ufe17",
    "\ue795": "\ufe18",
    "\ue796": "\ufe19",
    "\ue81e": "\u9fb4",
    "\ue826": "\u9fb5",
    "\ue82b": "\u9fb6",
    "\ue82c": "\u9fb7",
    "\ue832": "\u9fb8",
    "\ue843": "\u9fb9",
    "\ue854": "\u9fba",
    "\ue864": "\u9fbb",
}
# Dots people type between the parts of a name; the card holds one of them, A1A4.
MIDDLE_DOT = "·"
_DOTS = str.maketrans({"•": MIDDLE_DOT, "‧": MIDDLE_DOT, "・": MIDDLE_DOT})

FIRST_LENGTH = 30  # EF06.09 (card §1.3, A)
REST_LENGTH = 20  # EF06.4E (A)
WIDEST_CHARACTER = 4  # bytes of GB 18030: a record with so much room left was not too short for the name


class Edition(Enum):
    """Text editions a profile may declare."""

    GBK = "gbk"
    GB18030_2000 = "gb18030-2000"
    GB18030_2005 = "gb18030-2005"
    GB18030_2022 = "gb18030-2022"


@cache
def partner_edition(partner: str) -> Edition:
    """The edition declared for another party (`ldt33`, `applicants`, `police`, `bank`, `transit`); KeyError else."""
    table = tomllib.loads(files("card").joinpath("text_editions.toml").read_text("utf-8"))["partner"]
    return Edition(table[partner]["edition"])


def _exchange(moves: dict[str, str]) -> dict[int, str]:
    return str.maketrans({**moves, **{new: old for old, new in moves.items()}})


_TABLES: dict[Edition, tuple[str, dict[int, str]]] = {
    Edition.GBK: ("gbk", {}),
    Edition.GB18030_2000: ("gb18030", {}),
    Edition.GB18030_2005: ("gb18030", _exchange(_MOVED_2005)),
    Edition.GB18030_2022: ("gb18030", _exchange({**_MOVED_2005, **_MOVED_2022})),
}


def normalise(text: str) -> str:
    """Surrounding blanks removed, '•' '‧' '・' made '·'. Nothing else: compatibility ideographs are names too."""
    return text.strip().translate(_DOTS)


def encode(text: str, edition: Edition, field: str = "text") -> bytes:
    """Bytes of `text`, unpadded, dots normalised; FieldError for a control character or one without a code."""
    codec, exchange = _TABLES[edition]
    if any(ch < " " or ch == "\x7f" for ch in text):
        raise FieldError(field, "control character")
    try:
        return text.translate(_DOTS).translate(exchange).encode(codec)
    except UnicodeEncodeError as bad:
        raise FieldError(field, f"character {bad.start + 1} has no code in {edition.value}") from None


def decode(raw: bytes, edition: Edition, field: str = "text") -> str:
    """Text of unpadded bytes; CardDataError when they are not text of this edition."""
    codec, exchange = _TABLES[edition]
    try:
        return raw.decode(codec).translate(exchange)
    except UnicodeDecodeError:
        raise CardDataError(field, f"not {edition.value} text") from None


def fit(text: str, edition: Edition, room: int, field: str = "text") -> bytes:
    """As many whole characters of `text` as fit into `room` bytes: nothing is ever cut through a character."""
    return split(text, edition, room, field)[0]


def transcode(raw: bytes, source: Edition, target: Edition, field: str = "text") -> bytes:
    """Text of one edition in another. CardDataError when `raw` is no such text, FieldError when `target` lacks one.

    A character keeps its identity, not its code: FE59 of 2000 is a private-use sign and of 2022 the Han U+9FB4.
    """
    return encode(decode(raw, source, field), target, field)


def split(text: str, edition: Edition, first_length: int, field: str = "text") -> tuple[bytes, bytes]:
    """(as many whole characters as fit into `first_length` bytes, everything after them)."""
    whole = encode(text, edition, field)
    end = 0
    for character in text:
        width = len(encode(character, edition, field))
        if end + width > first_length:
            break
        end += width
    return whole[:end], whole[end:]


@dataclass(frozen=True, slots=True)
class NameOnCard:
    """The two halves of a name as the card holds them, unpadded; texts are for comparison and read-back."""

    first: bytes
    rest: bytes
    first_text: str
    rest_text: str

    def __repr__(self) -> str:
        return f"NameOnCard({len(self.first)}+{len(self.rest)} bytes)"


def split_name(name: str, edition: Edition) -> NameOnCard:
    """EF06.09 and EF06.4E of a name; FieldError(field='name') when empty or when the rest exceeds 20 bytes."""
    first, rest = split(normalise(name), edition, FIRST_LENGTH, "name")
    if not first:
        raise FieldError("name", "empty")
    if len(rest) > REST_LENGTH:
        raise FieldError("name", f"rest of {len(rest)} bytes exceeds {REST_LENGTH}")
    return NameOnCard(first, rest, decode(first, edition, "name"), decode(rest, edition, "name"))


def join_name(first: str, rest: str) -> str:
    """The name of a holder from the two decoded records.

    A first record with room for any further character is the whole name: what stands in 4E is then an old rest.
    """
    room = FIRST_LENGTH - len(first.encode(_TABLES[Edition.GB18030_2022][0], "replace"))  # only how long it is
    return first if room >= WIDEST_CHARACTER else first + rest
