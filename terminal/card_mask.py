"""What a person's data look like on a screen that others may see (business-rules §10).

Issuer data and purses are shown; everything about the holder is masked unless it is asked for in full. Lists of bytes
are never shown masked in part: only their length.
"""

from collections.abc import Mapping

from card.files.codecs import Value, show

# Files without anything of a person: who issued the card, and the purse, which has no name on it.
_OPEN_FILES = ("SSSE/EF05",)
_OPEN_DIRS = ("MF", "EP", "CU")
_HOLDER_FILES = ("EP/0016", "CU/0016")
_ENDS = {"citizen_no": (3, 4), "card_no": (2, 2), "pan": (0, 4)}
_SURNAME = ("name", "contact_name")
_PHONES = ("phone", "mobile", "tel")


def personal(path: str, name: str) -> bool:
    """Does this field say something about the holder?"""
    directory, _, _ = path.partition("/")
    if name in _ENDS or path in _HOLDER_FILES:
        return True
    return directory not in _OPEN_DIRS and path.partition(":")[0] not in _OPEN_FILES


def mask(name: str, value: Value) -> str:
    """`460***********1234`, `张*`, `138****0000`; "" stays "", a number or code becomes stars."""
    if isinstance(value, bytes):
        return f"‹{len(value)} bytes›" if value else ""
    if isinstance(value, Mapping):
        return ";".join(f"{part}={mask(part, item)}" for part, item in value.items())
    shown = show(value)
    if not shown:
        return ""
    if "=" in shown:  # a constructed value that was put into words already
        parts = (item.partition("=") for item in shown.split(";"))
        return ";".join(f"{part}={mask(part, item)}" for part, _, item in parts)
    if name in _SURNAME:
        return shown[0] + "*" * (len(shown) - 1 or 1)
    if any(part in name for part in _PHONES):
        return _keep(shown, 3, 4)
    if name in _ENDS:
        return _keep(shown, *_ENDS[name])
    return shown[:3] + "*" * (len(shown) - 3) if len(shown) > 8 else "*" * len(shown)


def mask_bytes(raw: bytes) -> str:
    """Only how many."""
    return f"‹{len(raw)} bytes›" if raw else ""


def _keep(text: str, head: int, tail: int) -> str:
    if len(text) <= head + tail:
        return "*" * len(text)
    return text[:head] + "*" * (len(text) - head - tail) + (text[-tail:] if tail else "")
