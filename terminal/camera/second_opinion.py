"""pyzbar where its library is installed, else nothing: a camera without a second opinion still works."""

from terminal.camera.camera import PictureReader

try:
    from terminal.camera.zbar import ZbarReader
except (ImportError, OSError):  # libzbar0 is missing on this machine
    ZbarReader = None  # type: ignore[assignment,misc]


def second_opinion() -> PictureReader | None:
    """A pyzbar reader, or None."""
    return None if ZbarReader is None else ZbarReader()
