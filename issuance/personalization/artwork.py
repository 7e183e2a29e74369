"""The printed face of a card: a layout that is data, a portrait, and an honest count of glyphs the font lacks.

A character without a glyph is drawn as a box with a cross and counted; a real card of such a person goes to the
centre, which has the rare-character library (business-rules §4.7).
"""

import io
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final, TypeAlias

from PIL import Image, ImageDraw, ImageFont

from issuance.errors import FontMissingError

Colour: TypeAlias = tuple[int, int, int]
Font: TypeAlias = ImageFont.FreeTypeFont
FONT_FOLDERS: Final = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
FONT_NAMES: Final = ("NotoSansCJK-Regular.ttc", "NotoSerifCJK-Regular.ttc", "wqy-microhei.ttc", "wqy-zenhei.ttc")
_NOWHERE: Final = "\U0010fffd"  # no font has a glyph for it
_LINE: Final = 1.25
_BORDER: Final = 3


@dataclass(frozen=True, slots=True)
class Item:
    """One line of text: `room` px wide at most (0 unlimited), `size` px high, `label` small in front of it."""

    field: str
    label: str
    x: int
    y: int
    size: int
    room: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """Pixels throughout."""

    id: str
    dpi: int
    width: int
    height: int
    corner: int
    background: Colour
    ink: Colour
    mark: Colour
    smallest: int
    photo: tuple[int, int, int, int]
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Face:
    """PNG bytes and what they could not show: (field, how many boxes) for each field with a missing glyph."""

    png: bytes
    missing: tuple[tuple[str, int], ...]

    @property
    def boxes(self) -> int:
        return sum(count for _, count in self.missing)


@cache
def load_layout() -> Layout:
    """The built-in specimen layout."""
    data = tomllib.loads(files("issuance.personalization").joinpath("layout.toml").read_text("utf-8"))
    head, photo = data["layout"], data["photo"]
    for name in ("background", "ink", "mark"):
        head[name] = tuple(head[name])
    box = (photo["x"], photo["y"], photo["width"], photo["height"])
    return Layout(**head, photo=box, items=tuple(Item(**row) for row in data["item"]))


def find_font(folders: Sequence[Path] = FONT_FOLDERS) -> Path:
    """A font with Chinese glyphs under one of `folders`. FontMissingError when there is none."""
    for folder in folders:
        for name in FONT_NAMES:
            found = sorted(folder.rglob(name)) if folder.is_dir() else []
            if found:
                return found[0]
    raise FontMissingError("no font with Chinese glyphs")


class Glyphs:
    """A font that knows what it lacks."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._fonts: dict[int, Font] = {}
        self._known: dict[str, bool] = {}
        self._absent = self._shape(_NOWHERE)

    def font(self, size: int) -> Font:
        if size not in self._fonts:
            self._fonts[size] = ImageFont.truetype(self._path, size)
        return self._fonts[size]

    def has(self, character: str) -> bool:
        """False when the font would draw its 'no such glyph' shape."""
        if character not in self._known:
            self._known[character] = character.isspace() or self._shape(character) != self._absent
        return self._known[character]

    def width(self, text: str, size: int) -> int:
        """Pixels of a line, boxes included."""
        return sum(int(self.font(size).getlength(ch)) if self.has(ch) else size for ch in text)

    def _shape(self, character: str) -> tuple[tuple[int, int], bytes]:
        mask = self.font(32).getmask(character)
        return mask.size, bytes(mask)


def draw_face(fields: Mapping[str, str], portrait: bytes, glyphs: Glyphs, layout: Layout | None = None) -> Face:
    """`fields` by the layout's names (title, name, id_no, card_no, issued, mark); `portrait` JPEG or b"" for none."""
    plan = layout or load_layout()
    image = Image.new("RGB", (plan.width, plan.height), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, plan.width - 1, plan.height - 1), plan.corner, fill=plan.background)
    _place_portrait(image, draw, portrait, plan)
    missing: list[tuple[str, int]] = []
    for item in plan.items:
        colour = plan.mark if item.field == "mark" else plan.ink
        boxes = _Writer(draw, glyphs, colour).write(item, fields.get(item.field, ""), plan.smallest)
        if boxes:
            missing.append((item.field, boxes))
    out = io.BytesIO()
    image.save(out, "PNG", dpi=(plan.dpi, plan.dpi))
    return Face(out.getvalue(), tuple(missing))


def _place_portrait(image: Image.Image, draw: ImageDraw.ImageDraw, portrait: bytes, plan: Layout) -> None:
    left, top, width, height = plan.photo
    if not portrait:  # a child under seven: the card is printed without (business-rules §2.2)
        draw.rectangle((left, top, left + width, top + height), outline=plan.ink, width=_BORDER)
        return
    picture = Image.open(io.BytesIO(portrait), formats=["JPEG"]).convert("RGB")
    image.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (left, top))


class _Writer:
    """Writes lines and counts the boxes."""

    def __init__(self, draw: ImageDraw.ImageDraw, glyphs: Glyphs, colour: Colour) -> None:
        self._draw = draw
        self._glyphs = glyphs
        self._colour = colour

    def write(self, item: Item, text: str, smallest: int) -> int:
        """Boxes drawn. Too wide a text shrinks first and is broken into two lines then."""
        x, y = item.x, item.y
        if item.label:
            size = item.size * 2 // 3
            self._line(item.label, x, y - size, size)
            y += size // 3
        size = item.size
        while item.room and size > smallest and self._glyphs.width(text, size) > item.room:
            size -= 1
        lines = list(self._broken(text, size, item.room))
        return sum(self._line(line, x, y + int(n * size * _LINE), size) for n, line in enumerate(lines))

    def _broken(self, text: str, size: int, room: int) -> Iterator[str]:
        line = ""
        for character in text:
            if room and line and self._glyphs.width(line + character, size) > room:
                yield line
                line = ""
            line += character
        yield line

    def _line(self, text: str, x: int, y: int, size: int) -> int:
        boxes = 0
        for character in text:
            width = self._glyphs.width(character, size)
            if self._glyphs.has(character):
                self._draw.text((x, y), character, font=self._glyphs.font(size), fill=self._colour)
            else:
                boxes += 1
                box = (x + 2, y + 4, x + size - 3, y + size)
                self._draw.rectangle(box, outline=self._colour, width=_BORDER)
                self._draw.line((*box[:2], *box[2:]), fill=self._colour, width=2)
                self._draw.line((box[0], box[3], box[2], box[1]), fill=self._colour, width=2)
            x += width
        return boxes
