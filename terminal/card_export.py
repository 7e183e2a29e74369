"""Photo, fingerprint and certificates of a card as files: owner-only, never over a file that is there already."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from terminal.card_errors import ExportError, OutFileError

_OWNER_ONLY = 0o600
_JPEG_HEAD, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_SEQUENCE, _LONG_TWO = 0x30, 0x82


@dataclass(frozen=True, slots=True)
class Export:
    """A file of the chip that is of use outside: `paths` are tried in order."""

    option: str
    zh: str
    en: str
    paths: tuple[str, ...]


EXPORTS = (
    Export("photo", "照片", "the photo", ("SSSE/EF08",)),
    Export("fingerprint", "指纹", "the fingerprint", ("SSSE/EF07",)),
    Export("certificate", "签名证书", "the signing certificate", ("CERT/0018",)),
    Export("encryption-certificate", "加密证书", "the encryption certificate", ("CERT/0019",)),
)


def check_free(paths: Sequence[Path], force: bool) -> None:
    """OutFileError when one of them is there already or has no folder; asked before the card is touched."""
    for path in paths:
        if not path.parent.is_dir():
            raise OutFileError(f"no folder {path.parent}")
        if path.exists() and not force:
            raise OutFileError(f"{path} is there already")


def write_new(path: Path, content: bytes) -> None:
    """`content` into `path`, readable by its owner only. OutFileError."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except OSError as bad:
        raise OutFileError(f"{path}: {bad.strerror}") from bad


def export(item: Export, path: Path, contents: Mapping[str, bytes]) -> str:
    """Write what the card holds and say so in one line; ExportError when the card gave nothing, OutFileError."""
    raw = next((contents[source] for source in item.paths if source in contents), None)
    if raw is None:
        raise ExportError(f"{item.en} could not be read from this card (key or file missing)")
    content = trimmed(raw)
    if not content:
        raise ExportError(f"{item.en} is not on this card yet")
    write_new(path, content)
    return f"已导出{item.zh} {path}，{len(content)} 字节。 Exported {item.en}, {len(content)} bytes."


def trimmed(raw: bytes) -> bytes:
    """A picture up to its end mark, a certificate up to its own length; else without the file's filling."""
    if raw.startswith(_JPEG_HEAD) and _JPEG_END in raw:
        return raw[: raw.rindex(_JPEG_END) + 2]
    if len(raw) > 4 and raw[0] == _SEQUENCE and raw[1] == _LONG_TWO:
        return raw[: 4 + int.from_bytes(raw[2:4], "big")]
    return raw.rstrip(b"\xff").rstrip(b"\x00")
