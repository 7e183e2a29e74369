"""pyzbar (the only file of this floor that imports it). Its import needs the zbar library of the system."""

from ctypes import CDLL
from ctypes.util import find_library

from PIL import Image
from pyzbar import zbar_library


def _library(name: str) -> str | None:
    """As `find_library`, which sees a folder of LD_LIBRARY_PATH only where a linker or compiler is installed."""
    found = find_library(name)
    if found is None:
        try:
            CDLL(f"lib{name}.so.0")
        except OSError:
            return None
        return f"lib{name}.so.0"
    return found


zbar_library.find_library = _library  # asked when the next line is run
from pyzbar import pyzbar  # noqa: E402


class ZbarReader:
    """Implements `PictureReader`. Answers are raw symbol text; callers believe only ASCII."""

    def read(self, picture: Image.Image) -> list[bytes]:
        """What zbar sees."""
        return [bytes(code.data) for code in pyzbar.decode(picture, symbols=[pyzbar.ZBarSymbol.QRCODE])]
