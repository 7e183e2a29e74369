"""Deliberately bad chips, for tests that must refuse them. Each takes chips that sit in no reader."""

from pathlib import Path

from firmware_sim.card import memory
from firmware_sim.card.authentication import EXTERNAL_ONLY
from firmware_sim.card.cos import HEADER, INTERNAL
from firmware_sim.card.store import FileStorage

_FLIP = 0x55


def wrong_internal_key(chip: Path) -> None:
    """The chip keeps all its data but proves itself with another key: a forged chip with copied files."""
    storage = FileStorage(chip)
    try:
        names = [name for name in storage.load() if name.startswith("key/") and f"/{INTERNAL:02X}/" in name]
        values = storage.load()
        storage.append({name: values[name][:HEADER] + _other(values[name][HEADER:]) for name in names})
    finally:
        storage.close()


def _other(key: bytes) -> bytes:
    return bytes(byte ^ _FLIP for byte in key)


def copy_files(source: Path, target: Path) -> None:
    """Give `target`, a genuine chip with its own ATR and keys, all files of `source`: copied data on a real chip."""
    donor, receiver = FileStorage(source), FileStorage(target)
    try:
        files = {name: value for name, value in donor.load().items() if name.startswith(("ef/", "cy/"))}
        receiver.append(files)
    finally:
        donor.close()
        receiver.close()


def external_only(chip: Path) -> None:
    """The chip checks us (INS 82) but never proves itself: INS 88 is unknown to it."""
    storage = FileStorage(chip)
    try:
        storage.append({memory.VARIANT: EXTERNAL_ONLY})
    finally:
        storage.close()
