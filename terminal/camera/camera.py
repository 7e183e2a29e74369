"""Reading a code off a picture: zxing-cpp's bytes are the answer, pyzbar only fills in (contract §6).

zxing-cpp gives exact bytes. pyzbar guesses a text encoding and mangles binary, so it is asked only when zxing-cpp
finds nothing, and only an answer in plain ASCII is believed.
"""

from pathlib import Path
from typing import Protocol

from PIL import Image, UnidentifiedImageError

from terminal.errors import PictureUnreadableError

MAX_SIDE = 8000


class PictureReader(Protocol):
    """One decoding library."""

    def read(self, picture: Image.Image) -> list[bytes]:
        """Contents of every QR code it sees."""
        ...


class Camera:
    """Takes still frames. `first` is believed; `second`, when there is one, only for ASCII."""

    def __init__(self, first: PictureReader, second: PictureReader | None = None) -> None:
        self._first = first
        self._second = second

    def read(self, picture: Image.Image) -> bytes:
        """The one code in the picture. PictureUnreadableError when there is none, or more than one."""
        found = _distinct(self._first.read(picture))
        if not found and self._second is not None:
            found = [code for code in _distinct(self._second.read(picture)) if code.isascii()]
        if len(found) != 1:
            raise PictureUnreadableError("no code" if not found else f"{len(found)} codes in one picture")
        return found[0]

    def read_file(self, path: Path) -> bytes:
        """The one code in a picture file. PictureUnreadableError also for a file that is no picture."""
        try:
            with Image.open(path) as picture:
                if max(picture.size) > MAX_SIDE:
                    raise PictureUnreadableError("picture too large")
                return self.read(picture.convert("L"))
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as bad:
            raise PictureUnreadableError("not a picture") from bad


def _distinct(codes: list[bytes]) -> list[bytes]:
    return list(dict.fromkeys(code for code in codes if code))
