"""A phone that shows a code: a screen picture with status bar, title and a large code, brightness up.

Codes are binary, so the symbol is made in byte mode from bytes; a text encoding on the way would destroy them.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import segno
from PIL import Image, ImageDraw, ImageEnhance

WIDTH, HEIGHT = 1080, 2160
STATUS_BAR = 96
CODE_TOP = 620
CODE_WIDTH = 900
QUIET_ZONE = 4
ERROR_LEVEL = "m"
PANEL = (255, 255, 255)
BACKGROUND = (24, 98, 72)
INK = (20, 20, 20)


@dataclass(frozen=True, slots=True)
class Look:
    """How the phone is held: `tilt_deg` counter-clockwise, `brightness` 1.0 = full, `scale` of the photograph."""

    tilt_deg: float = 0.0
    brightness: float = 1.0
    scale: float = 1.0


def screen_picture(code: bytes, clock_text: str = "09:00", look: Look | None = None) -> Image.Image:
    """The phone's screen as a camera frames it."""
    look = look or Look()
    picture = Image.new("RGB", (WIDTH, HEIGHT), BACKGROUND)
    draw = ImageDraw.Draw(picture)
    _status_bar(draw, clock_text)
    margin = (WIDTH - CODE_WIDTH) // 2
    draw.rounded_rectangle((margin - 40, CODE_TOP - 140, WIDTH - margin + 40, CODE_TOP + CODE_WIDTH + 60), 40, PANEL)
    draw.text((margin, CODE_TOP - 100), "onecard", INK, font_size=56)
    picture.paste(symbol(code, CODE_WIDTH), (margin, CODE_TOP))
    picture = ImageEnhance.Brightness(picture).enhance(look.brightness)
    if look.tilt_deg:
        picture = picture.rotate(look.tilt_deg, Image.Resampling.BICUBIC, expand=True, fillcolor=(70, 70, 70))
    if look.scale != 1.0:
        size = (int(picture.width * look.scale), int(picture.height * look.scale))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return picture


def save_screen(path: Path, code: bytes, clock_text: str = "09:00", look: Look | None = None) -> Path:
    """The picture as a PNG file."""
    screen_picture(code, clock_text, look).save(path, "PNG")
    return path


def symbol(code: bytes, width: int) -> Image.Image:
    """The bare symbol with its quiet zone, scaled by whole modules and centred in a square of `width` pixels."""
    made = segno.make_qr(code, error=ERROR_LEVEL, mode="byte", boost_error=False)
    modules = made.symbol_size(border=QUIET_ZONE)[0]
    buffer = io.BytesIO()
    made.save(buffer, kind="png", scale=max(1, width // modules), border=QUIET_ZONE)
    inner = Image.open(buffer).convert("RGB")
    square = Image.new("RGB", (width, width), PANEL)
    square.paste(inner, ((width - inner.width) // 2, (width - inner.height) // 2))
    return square


def _status_bar(draw: ImageDraw.ImageDraw, clock_text: str) -> None:
    draw.rectangle((0, 0, WIDTH, STATUS_BAR), (0, 0, 0))
    draw.text((48, 26), clock_text, PANEL, font_size=44)
    for bar in range(4):
        left = WIDTH - 300 + bar * 22
        draw.rectangle((left, 66 - bar * 12, left + 14, 72), PANEL)
    draw.rounded_rectangle((WIDTH - 170, 34, WIDTH - 80, 70), 8, outline=PANEL, width=4)
    draw.rectangle((WIDTH - 164, 40, WIDTH - 100, 64), PANEL)
