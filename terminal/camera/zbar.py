"""pyzbar (the only file of this floor that imports it). Its import needs the zbar library of the system."""

from PIL import Image
from pyzbar import pyzbar


class ZbarReader:
    """Implements `PictureReader`. Answers are raw symbol text; callers believe only ASCII."""

    def read(self, picture: Image.Image) -> list[bytes]:
        """What zbar sees."""
        return [bytes(code.data) for code in pyzbar.decode(picture, symbols=[pyzbar.ZBarSymbol.QRCODE])]
