"""After a tear: what became of a record update, a PIN change, a key change; each is completed or found undone.

The card itself is asked; nothing is believed that it does not show. A session that is torn again leaves everything so
that the next one can ask again. Purses have their own recovery: their transaction proof (`terminal.scenes`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from card.errors import AccessDeniedError, CardDataError, KeyMissingError, NotGenuineError, PinError
from card.files.kinds import AnyEf, Field, RecordEf, TransparentEf
from card.holder import PinSession
from card.maintenance import KeyVersion, Maintenance
from card.pin import Pin
from card.reference import resolve
from card.session import SscSession
from card.writer import CHUNK, Means, Values, give_proofs, write_place
from card.writing import UNKNOWN, OpenWrite, PlannedStep, digest

What: TypeAlias = Literal["record", "pin", "key"]
# completed: the torn session's deed stands. undone: nothing of it stands. redone: it stood in part or not at all, and
# has been done now. half: in part, and the values to finish it are not at hand. superseded: somebody has written
# since. unknown: the card does not show it and nothing more may be tried.
Ended: TypeAlias = Literal["completed", "undone", "redone", "half", "superseded", "unknown"]
NEW, OLD, OTHER = "new", "old", "other"
LAST_TRY: Final = 1
CODES: Final[dict[tuple[What, Ended], str]] = {
    ("record", "completed"): "S-RECORD-COMPLETED",
    ("record", "undone"): "S-RECORD-UNDONE",
    ("record", "redone"): "S-RECORD-REDONE",
    ("record", "half"): "W-RECORD-HALF",
    ("record", "superseded"): "W-RECORD-SUPERSEDED",
    ("pin", "completed"): "S-PIN-COMPLETED",
    ("pin", "redone"): "S-PIN-REDONE",
    ("pin", "unknown"): "W-PIN-UNKNOWN",
    ("key", "completed"): "S-KEY-COMPLETED",
    ("key", "redone"): "S-KEY-REDONE",
    ("key", "unknown"): "W-KEY-UNKNOWN",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a torn deed. `evidence` is what the card showed, in English, without personal data."""

    what: What
    ended: Ended
    evidence: str

    @property
    def code(self) -> str:
        """The text for the screen, both languages."""
        return CODES[self.what, self.ended]

    @property
    def settled(self) -> bool:
        """Nothing is open any more."""
        return self.ended in ("completed", "undone", "redone", "superseded")


class OpenRecord(Protocol):
    """A record of a write that may have been left open (`card.writing.FileRecord`)."""

    def unfinished(self) -> OpenWrite | None:
        """What an earlier run left open."""
        ...

    def finish(self) -> None:
        """Nothing is open any more."""
        ...


def settle_records(
    session: SscSession, record: OpenRecord, means: Means, values: Values | None = None
) -> Finding | None:
    """Find out about the write that `record` left open, and finish it when it stands in part; None when none is open.

    `values` are what was to be written, if the caller still has them. All new: completed. All old: undone. Some new:
    written again with `values`, else half. What is neither new nor old was torn in the middle or written by somebody
    else: written again only where our command was under way. Raises CardDataError for another card, and what the
    session raises; the record stays open then.
    """
    left = record.unfinished()
    if left is None:
        return None
    if left.plan.card != session.channel.atr.hex():
        raise CardDataError("write record", "the open write belongs to another card")
    found = _standing(session, left, means)
    finding = _judge(left, found)
    if finding.ended == "half" and values is not None:
        # The record stays as it is meanwhile: torn again, the next session finds the same question.
        write_place(session, _place(left), values, Means(means.authorise, means.pin, means.crypto))
        finding = Finding("record", "redone", f"{finding.evidence}; written again and read back")
    if finding.settled:
        record.finish()
    return finding


def settle_pin(session: PinSession, old: Pin, new: Pin) -> Finding:
    """The holder types both PINs again: the change is repeated, or the new PIN proven when the old one is refused.

    One wrong try at most, and a right one fills the tries again; with a single try left nothing is tried: unknown.
    Raises what the session raises; torn again, it can be called again.
    """
    tries = session.pin_state().tries_left
    if tries <= LAST_TRY:
        return Finding("pin", "unknown", f"{tries} tries left: no guess is made")
    try:
        session.change_pin(old, new)
    except PinError as refused:
        if refused.tries_left == 0:
            return Finding("pin", "unknown", "no tries left")
    else:
        return Finding("pin", "redone", "the card took the old PIN and has changed it now")
    try:
        session.verify_pin(new)
    except PinError as refused:
        return Finding("pin", "unknown", f"neither PIN is right; {refused.tries_left} tries left")
    return Finding("pin", "completed", "the card refuses the old PIN and takes the new one")


def settle_master_key(deed: Maintenance, random: bytes, version: int, replace: Callable[[], None]) -> Finding:
    """The directory proves which master key it holds (8 `random` bytes); an older version is replaced by `replace`.

    unknown, and nothing sent, when the chip holds a key that is neither: a wrong secret never goes to it.
    """
    try:
        held: KeyVersion = deed.prove_version(random)
    except NotGenuineError as wrong:
        return Finding("key", "unknown", str(wrong))
    if held.version == version:
        return Finding("key", "completed", f"the chip proves master key version {version}")
    replace()
    return Finding("key", "redone", f"the chip proved version {held.version}; version {version} is loaded now")


def settle_key(prove: Callable[[], None], replace: Callable[[], None]) -> Finding:
    """Any other key: `prove` is an authentication that names the new version. Missing: `replace` loads it.

    A version that is there and does not answer rightly is unknown: no second try is spent on it.
    """
    try:
        prove()
    except KeyMissingError:
        replace()
        return Finding("key", "redone", "the chip had no key of this version; it is loaded now")
    except AccessDeniedError as wrong:
        return Finding("key", "unknown", str(wrong))
    return Finding("key", "completed", "the chip authenticates with the new version")


def _judge(left: OpenWrite, found: tuple[str, ...]) -> Finding:
    new, other = found.count(NEW), [at for at, state in enumerate(found) if state == OTHER]
    shown = f"{new} of {len(found)} records new, {found.count(OLD)} old"
    if new == len(found):
        return Finding("record", "completed", shown)
    if any(at != left.sent for at in other):
        return Finding("record", "superseded", f"{shown}, {len(other)} written by somebody else")
    if new == 0 and not other:
        return Finding("record", "undone", shown)
    return Finding("record", "half", shown)


def _standing(session: SscSession, left: OpenWrite, means: Means) -> tuple[str, ...]:
    """Each step of the plan as the card shows it: new, old, other."""
    target = resolve(session.profile, left.plan.path)
    give_proofs(session, session.need(left.plan.path, "read"), means)
    content = session.read_raw(target.ef) if isinstance(target.ef, TransparentEf) else b""
    states = []
    for number, step in enumerate(left.plan.steps):
        now = digest(left.plan.card, step.ref, _bytes_at(session, target.ef, step, content))
        # Nobody could read it before: what no command was under way to is as it was.
        old = number != left.sent if step.before == UNKNOWN else now == step.before
        states.append(NEW if now == step.after else OLD if old else OTHER)
    return tuple(states)


def _bytes_at(session: SscSession, ef: AnyEf, step: PlannedStep, content: bytes) -> bytes:
    if isinstance(ef, RecordEf):
        item = resolve(session.profile, step.ref).record
        if item is None:
            raise CardDataError(step.ref, "the open write names no record")
        return session.read_record_raw(ef, item)
    if not isinstance(ef, TransparentEf):
        raise CardDataError(step.ref, "a log is appended to, not rewritten")
    return content[step.number : step.number + _piece(ef.fields, step.number)]


def _piece(fields: tuple[Field, ...], offset: int) -> int:
    """How long the piece at `offset` is: a field is written in pieces of `CHUNK`."""
    start = 0
    for item in fields:
        if start <= offset < start + item.length:
            return min(CHUNK, start + item.length - offset)
        start += item.length
    raise CardDataError("write record", "the open write lies beyond its file")


def _place(left: OpenWrite) -> str:
    return left.plan.path if len(left.plan.steps) > 1 else left.plan.steps[0].ref.partition("@")[0]
