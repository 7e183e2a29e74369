"""zxing-cpp (the only file of this floor that imports zxingcpp)."""

import zxingcpp
from PIL import Image


class ZxingReader:
    """Implements `PictureReader`; rotation, scaling and inverted codes included."""

    def read(self, picture: Image.Image) -> list[bytes]:
        """The `.bytes` of every QR code: `.text` would corrupt binary codes."""
        found = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
        return [bytes(code.bytes) for code in found if code.valid]
