"""A code as a QR picture: raw bytes in byte mode, never re-encoded as text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import segno

_ERROR_LEVEL: Final = "m"
_QUIET_ZONE: Final = 4  # modules, ISO/IEC 18004


def write_png(code: bytes, path: Path, scale: int = 6) -> None:
    """Draw `code` with level M correction; `scale` is pixels a module. OSError when the file cannot be written."""
    symbol = segno.make_qr(code, error=_ERROR_LEVEL, mode="byte", boost_error=False)
    symbol.save(str(path), kind="png", scale=scale, border=_QUIET_ZONE)
