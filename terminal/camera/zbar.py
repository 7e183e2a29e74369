"""pyzbar (the only file of this floor that imports it). Its import needs the zbar library of the system.

Raises ImportError or OSError where that library is missing.
"""

from PIL import Image
from pyzbar import zbar_library

# The loader is asked by soname: `find_library` sees a folder of LD_LIBRARY_PATH only where a linker is installed.
zbar_library.find_library = "lib{}.so.0".format
from pyzbar import pyzbar  # noqa: E402


class ZbarReader:
    """Implements `PictureReader`. Answers are raw symbol text; callers believe only ASCII."""

    def read(self, picture: Image.Image) -> list[bytes]:
        """What zbar sees."""
        return [bytes(code.data) for code in pyzbar.decode(picture, symbols=[pyzbar.ZBarSymbol.QRCODE])]
