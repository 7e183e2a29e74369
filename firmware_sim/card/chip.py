"""Chips as things one can hold: made blank, kept in a file or in memory, put into a reader."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from card.domain.entropy import Entropy
from firmware_sim.card import (
    authentication,
    bank,
    blocking,
    certificate,
    files,
    medical,
    memory,
    personalisation,
    pin,
    purse,
    select,
)
from firmware_sim.card.blueprint import blueprint
from firmware_sim.card.cos import MASTER, Card
from firmware_sim.card.memory import PurseState, blank_file
from firmware_sim.card.rules import Rule
from firmware_sim.card.store import ChipFileError, FileStorage, MemoryStorage, NonVolatile, Storage, create_file
from firmware_sim.mother_card import KIND as CUSTODY
from firmware_sim.mother_card import CustodyChip
from firmware_sim.psam import PsamChip

RULES: dict[int, Rule] = {
    **select.RULES,
    **files.RULES,
    **authentication.RULES,
    **pin.RULES,
    **personalisation.RULES,
    **blocking.RULES,
    **purse.RULES,
    **medical.RULES,
    **bank.RULES,
}
TRANSPORT_TRIES = 3
BLANK_TAIL = bytes(6)


def blank_values(
    profiles: Sequence[str], transport_key: bytes, batch: bytes, options: Mapping[str, str] | None = None
) -> dict[str, bytes]:
    """What the factory delivers: operating system, file tree, transport key as every declared master key, no data.

    `transport_key` 16 bytes, `batch` 4 bytes. `options` may set `prove_sequence` and `prove_order` of the purse.
    """
    if len(transport_key) != 16 or len(batch) != 4:
        raise ValueError("a transport key has 16 bytes, a batch number 4")
    plan = blueprint(tuple(profiles))
    values = {
        memory.KIND: memory.KIND_CARD,
        **memory.profile_values(profiles),
        memory.LIFECYCLE: bytes((plan.cos.lifecycle["blank"],)),
        memory.BATCH: batch,
        memory.ATR_TAIL: BLANK_TAIL,
    }
    for name, value in (options or {}).items():
        values[f"option/{name}"] = value.encode("ascii")
    header = bytes((MASTER, 0, memory.TRANSPORT_VERSION, 0, TRANSPORT_TRIES, 0, 0, 16))
    for directory in plan.dirs:
        if plan.key(directory, MASTER, 0):  # a directory without a master key has nothing to replace it with
            values[memory.key_name(directory, MASTER, 0, memory.TRANSPORT_VERSION)] = header + transport_key
        for ef in plan.files[directory]:
            values.update(blank_file(ef))
        if plan.purse(directory):
            values[memory.purse_name(directory)] = PurseState(0, 0, 0).pack()
    return values | certificate.blank_values(plan)


def make_blank(
    path: Path,
    profiles: Sequence[str],
    transport_key: bytes,
    batch: bytes,
    options: Mapping[str, str] | None = None,
) -> Path:
    """A blank chip in a new file; see `blank_values`. Raises ChipFileError when `path` exists."""
    create_file(path, blank_values(profiles, transport_key, batch, options))
    return path


def memory_chip(values: Mapping[str, bytes], entropy: Entropy) -> Card:
    """A card without a file, for simulated worlds: `values` from `blank_values` or `values_of`."""
    return _card(MemoryStorage(values), entropy)


def load_chip(path: Path, entropy: Entropy) -> Card | PsamChip | CustodyChip:
    """The card, PSAM or custody card kept in `path`. Raises ChipFileError, ChipBusyError."""
    return chip_over(FileStorage(path), entropy)


def chip_over(storage: Storage, entropy: Entropy) -> Card | PsamChip | CustodyChip:
    """The card, PSAM or custody card that `storage` holds. Raises ChipFileError."""
    kind = storage.load().get(memory.KIND)
    if kind == memory.KIND_PSAM:
        return PsamChip(storage, entropy)
    if kind == CUSTODY:
        return CustodyChip(storage, entropy)
    return _card(storage, entropy)


def load_card(path: Path, entropy: Entropy) -> Card:
    """The card kept in `path`. Raises ChipFileError, ChipBusyError."""
    return _card(FileStorage(path), entropy)


def _card(storage: Storage, entropy: Entropy) -> Card:
    nv = NonVolatile(storage)
    if nv.need(memory.KIND) != memory.KIND_CARD:
        nv.close()
        raise ChipFileError("this chip is not a card")
    return Card(nv, entropy, RULES)


def values_of(path: Path) -> dict[str, bytes]:
    """All that a chip outside any reader remembers, for tests and copies. Raises ChipFileError, ChipBusyError."""
    storage = FileStorage(path)
    try:
        return storage.load()
    finally:
        storage.close()
