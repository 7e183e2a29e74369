"""Portraits: where they come from and whether they are good enough (business-rules §4.6; limits are data)."""

import io
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from PIL import Image, ImageDraw, ImageFilter, UnidentifiedImageError

from issuance.errors import PhotoRefusedError
from issuance.reference import PhotoRules
from keys.algorithms.sm3 import sm3

AUTO = "auto"
_QUALITY = 92
_CORNER = 24  # px looked at in each upper corner
_DPI_SLACK = 1.0  # JFIF keeps whole numbers, EXIF does not
_MAX_FILE = 4 * 1024 * 1024

# 示例 as strokes on a 100 x 100 grid each: no font is needed, so the mark is there on every machine.
_SHI = (
    ((25, 15), (75, 15)),
    ((10, 38), (90, 38)),
    ((50, 38), (50, 92), (38, 86)),
    ((28, 54), (12, 82)),
    ((70, 54), (88, 80)),
)
_LI = (
    ((24, 8), (8, 46)),
    ((18, 34), (18, 94)),
    ((32, 18), (66, 18)),
    ((46, 18), (34, 52)),
    ((42, 34), (62, 34), (52, 66), (32, 92)),
    ((42, 46), (52, 58)),
    ((74, 18), (74, 70)),
    ((92, 8), (92, 92), (82, 88)),
)


@dataclass(frozen=True, slots=True)
class Portrait:
    """JPEG bytes that passed every rule; `stand_in` when drawn by us."""

    jpeg: bytes = field(repr=False)
    stand_in: bool = False

    @property
    def digest(self) -> str:
        """SM3 in hex: what the person base keeps."""
        return sm3(self.jpeg).hex()


def load_portrait(reference: str, folder: Path, person: str, rules: PhotoRules) -> Portrait:
    """The portrait a form names: `auto`, or a path beside the form. PhotoRefusedError names the failed rule."""
    if reference == AUTO:
        portrait = Portrait(draw_stand_in(person, rules), stand_in=True)
    else:
        portrait = Portrait(_read_beside(reference, folder))
    check_portrait(portrait.jpeg, rules)
    return portrait


def _read_beside(reference: str, folder: Path) -> bytes:
    parts = PurePosixPath(reference.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in reference:
        raise PhotoRefusedError("PH-FILE")
    path = (folder / parts).resolve()
    try:
        if not path.is_relative_to(folder.resolve()) or path.stat().st_size > _MAX_FILE:
            raise PhotoRefusedError("PH-FILE")
        return path.read_bytes()
    except OSError:
        raise PhotoRefusedError("PH-FILE") from None


def check_portrait(jpeg: bytes, rules: PhotoRules) -> None:
    """Size in bytes, format, pixels, resolution, background, in this order; PhotoRefusedError with the QC code.

    Face detection (PH-FACE0, PH-FACE2+, PH-GEO, PH-MATCH) needs a model and is no part of this release.
    """
    if not rules.min_bytes <= len(jpeg) <= rules.max_bytes:
        raise PhotoRefusedError("PH-SIZE")
    try:
        image = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
        if image.size != (rules.width, rules.height) or image.mode != "RGB":
            raise PhotoRefusedError("PH-DIM")
        resolution = image.info.get("dpi", (0, 0))
        if any(abs(float(value) - rules.dpi) > _DPI_SLACK for value in resolution):
            raise PhotoRefusedError("PH-DPI")
        image.load()
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        raise PhotoRefusedError("PH-DIM") from None
    _check_background(image, rules)


def _check_background(image: Image.Image, rules: PhotoRules) -> None:
    for left in (0, rules.width - _CORNER):
        corner = image.crop((left, 0, left + _CORNER, _CORNER)).resize((1, 1), Image.Resampling.BOX)
        pixel = corner.getpixel((0, 0))
        if not isinstance(pixel, tuple) or min(pixel) < rules.background:
            raise PhotoRefusedError("PH-BG")


def draw_stand_in(person: str, rules: PhotoRules) -> bytes:
    """A drawn head that is nobody, clearly marked 示例 SAMPLE; the same `person` gives the same picture."""
    seed = sm3(f"onecard stand-in portrait {person}".encode())
    image = Image.new("RGB", (rules.width, rules.height), (250, 250, 250))
    draw = ImageDraw.Draw(image)
    skin = (226 - seed[0] % 28, 190 - seed[1] % 28, 160 - seed[2] % 28)
    cloth = (40 + seed[3] % 90, 60 + seed[4] % 80, 90 + seed[5] % 110)
    hair = (30 + seed[6] % 40,) * 3
    _draw_head(draw, rules, skin, cloth, hair)
    grain = Image.frombytes("L", (64, 64), (seed * 128)[:4096]).resize(image.size).filter(ImageFilter.BoxBlur(2))
    shade = Image.composite(Image.new("RGB", image.size, (236, 240, 244)), image, grain.point(lambda v: v // 9))
    _draw_mark(ImageDraw.Draw(shade), rules)
    out = io.BytesIO()
    shade.save(out, "JPEG", quality=_QUALITY, subsampling=0, dpi=(rules.dpi, rules.dpi))
    return out.getvalue()


def _draw_head(
    draw: ImageDraw.ImageDraw,
    rules: PhotoRules,
    skin: tuple[int, int, int],
    cloth: tuple[int, int, int],
    hair: tuple[int, ...],
) -> None:
    middle = rules.width // 2
    draw.ellipse((10, 330, rules.width - 10, 640), fill=cloth)
    draw.rectangle((middle - 38, 285, middle + 38, 360), fill=skin)
    draw.ellipse((middle - 112, 14, middle + 112, 250), fill=hair)
    draw.ellipse((middle - 98, 56, middle + 98, 322), fill=skin)
    for side in (-42, 42):
        draw.ellipse((middle + side - 15, 172, middle + side + 15, 188), fill=(250, 250, 250))
        draw.ellipse((middle + side - 7, 173, middle + side + 7, 187), fill=(40, 34, 30))
    draw.line((middle, 190, middle - 8, 232, middle + 6, 234), fill=tuple(max(0, c - 40) for c in skin), width=3)
    draw.arc((middle - 34, 240, middle + 34, 280), 20, 160, fill=(170, 80, 80), width=4)


def _draw_mark(draw: ImageDraw.ImageDraw, rules: PhotoRules) -> None:
    top = rules.height - 92
    draw.rectangle((0, top, rules.width, rules.height), fill=(178, 34, 34))
    for left, strokes in ((80, _SHI), (200, _LI)):
        for stroke in strokes:
            points = [(left + x * 0.78, top + 6 + y * 0.78) for x, y in stroke]
            draw.line(points, fill=(255, 255, 255), width=6, joint="curve")
