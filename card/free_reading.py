"""What a session may read of EF05 and EF06 with the rights it has, prepared once: commands ready to be sent.

A counter reads thousands of cards of one profile with the same rights: what to ask for, in which bytes, and what must
stand before the value is the same every time.
"""

from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from card import commands
from card.apdu import CommandApdu
from card.files.kinds import RecordEf, RecordField
from card.files.profile import Profile

ENVIRONMENT: Final = "SSSE"
FILES: Final = ("EF05", "EF06")
KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class Ask:
    """One record: the READ RECORD as bytes, and the tag and length its answer begins with."""

    ef: RecordEf
    record: RecordField
    command: bytes
    header: bytes


@dataclass(frozen=True, slots=True)
class FreeReading:
    """What to ask for, and the names of the records that stay closed."""

    asks: tuple[Ask, ...]
    closed: tuple[str, ...]


# By identity: profiles are loaded once, and hashing one costs more than reading by it. The profile is kept beside its
# plan, so that its identity is not given to another.
_PLANS: dict[tuple[int, frozenset[str], frozenset[str] | None], tuple[Profile, FreeReading]] = {}


def free_reading(profile: Profile, rights: frozenset[str], wanted: Set[str] | None = None) -> FreeReading:
    """The plan for `rights`; only the fields `wanted` when given, `closed` names all of them in either case."""
    key = (id(profile), rights, None if wanted is None else frozenset(wanted))
    known = _PLANS.get(key)
    if known is not None:
        return known[1]
    if len(_PLANS) >= KEPT:
        _PLANS.clear()
    plan = _plan(profile, rights, wanted)
    _PLANS[key] = (profile, plan)
    return plan


def _plan(profile: Profile, rights: frozenset[str], wanted: Set[str] | None) -> FreeReading:
    asks: list[Ask] = []
    closed: list[str] = []
    for fid in FILES:
        ef = profile.file(ENVIRONMENT, fid)
        for record in ef.records if isinstance(ef, RecordEf) else ():
            if not isinstance(ef, RecordEf) or not ef.read_of(record).satisfied_by(rights):
                closed.append(record.name)
            elif wanted is None or record.name in wanted:
                asks.append(Ask(ef, record, _command(ef, record).to_bytes(), record.header))
    return FreeReading(tuple(asks), tuple(closed))


def _command(ef: RecordEf, record: RecordField) -> CommandApdu:
    if ef.form != "tlv" or ef.by_number(record):
        return commands.read_record(record.no, ef.sfi, record.size)
    return commands.read_record_by_tag(record.tag, ef.sfi, record.size)
