"""The budget of key attempts: how often a chip may be tried, and when a whole delivery may not be touched any more.

A begin is written down before the secret leaves, in the transaction that binds the chip, so a power cut cannot give a
free try. The first doubt about a key stops the delivery for every slot, process and day after it, until a second
person lifts the stop with a reason. Nothing in this book is ever changed (keys-and-purse §3.4, card §2.2 no. 3).
"""

from dataclasses import dataclass, field
from typing import Final

from card.domain.clock import Clock, to_ms
from issuance.database import Engine, Session, reading, transaction
from issuance.errors import KeyBudgetError, LineStoppedError, SeparationError
from issuance.repository import KeyEvents, put
from issuance.rows import KeyEventRow

EVERYWHERE: Final = ""  # the batch of a stop that holds for the whole place: the chip could not even be asked
REASON_LENGTH: Final = 120
EXHAUSTED: Final = "E-KEY-BUDGET"
PERSONALISE: Final = "personalise"


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """`card_attempts` begins of one chip without success; `batch_failures` among the newest `batch_window` ends."""

    card_attempts: int = 4
    batch_failures: int = 8
    batch_window: int = 200


@dataclass(frozen=True, slots=True)
class LineStop:
    """A stop in force. `batch` 8 hex digits, "" for the whole place; `code` names the reason, `chip` its cause."""

    place: str
    batch: str
    code: str
    detail: str
    chip: str
    at_ms: int
    officer: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """One line of the book."""

    event: int
    batch: str
    subject: str
    kind: str
    doing: str
    reason: str
    at_ms: int
    officer: str = field(repr=False)


class KeyBudget:
    """The book of one place. Methods with a session belong to the caller's transaction."""

    def __init__(self, engine: Engine, *, clock: Clock, place: str, limits: BudgetLimits, officer: str = "") -> None:
        """`officer` is the natural person in charge of the line: he cannot lift his own stop."""
        self._engine = engine
        self._clock = clock
        self._place = place
        self._limits = limits
        self._officer = officer

    def begin(self, session: Session, subject: str, batch: str, doing: str = PERSONALISE) -> None:
        """Before the first secret. LineStoppedError while a stop is in force, KeyBudgetError for a chip used up."""
        self.require_open(session, batch)
        if KeyEvents(session, self._place).begun_in_vain(subject) >= self._limits.card_attempts:
            raise KeyBudgetError(f"{self._limits.card_attempts} attempts without success")
        self._write(session, "begun", subject, batch, doing)

    def good(self, session: Session, subject: str, batch: str, doing: str = PERSONALISE) -> None:
        """It ended well: the chip's attempts are given back."""
        self._write(session, "good", subject, batch, doing)

    def fail(
        self, session: Session, subject: str, batch: str, reason: str, doing: str = PERSONALISE
    ) -> LineStop | None:
        """It did not; too many of one delivery lately stop it. Returns the stop this failure brought about."""
        self._write(session, "failed", subject, batch, doing, reason)
        lately = KeyEvents(session, self._place).failed_lately(batch, self._limits.batch_window)
        if lately < self._limits.batch_failures or self._in_force(session, batch):
            return None
        detail = f"{lately} of the newest {self._limits.batch_window}"
        return self._stop(session, subject, batch, EXHAUSTED, detail, doing)

    def failed(self, subject: str, batch: str, reason: str, doing: str = PERSONALISE) -> LineStop | None:
        """As `fail`, in a transaction of its own."""
        with transaction(self._engine) as session:
            return self.fail(session, subject, batch, reason, doing)

    def doubt(self, subject: str, batch: str, code: str, detail: str = "", doing: str = PERSONALISE) -> LineStop:
        """A key is in doubt: written down, and the delivery stops at once. Returns the stop in force."""
        with transaction(self._engine) as session:
            known = self._in_force(session, batch)
            if known is None:
                return self._stop(session, subject, batch, code, detail, doing)
            self._write(session, "failed", subject, batch, doing, f"{code} {detail}")
            return known

    def require_open(self, session: Session, batch: str) -> None:
        """LineStoppedError while a stop of this delivery or of the whole place is in force."""
        stop = self._in_force(session, EVERYWHERE) or self._in_force(session, batch)
        if stop is not None:
            raise LineStoppedError(f"{stop.batch or 'every delivery'}: {stop.code}")

    def stops(self) -> list[LineStop]:
        """Stops in force, by delivery."""
        with reading(self._engine) as session:
            newest = {row.batch: row for row in KeyEvents(session, self._place).verdicts()}
        return [_stop_of(row) for _, row in sorted(newest.items()) if row.kind == "stop"]

    def lift(self, batch: str, officer: str, reason: str) -> LineStop:
        """A second person says why the delivery may go on. LookupError when there is no stop, SeparationError."""
        with transaction(self._engine) as session:
            stop = self._in_force(session, batch)
            if stop is None:
                raise LookupError(f"no stop of {batch or 'the place'} is in force")
            _second_person(officer, stop.officer, reason)
            self._write(session, "lift", "", batch, "", reason, officer)
            return stop

    def clear(self, subject: str, officer: str, reason: str) -> None:
        """A second person gives one chip its attempts back. SeparationError."""
        with transaction(self._engine) as session:
            _second_person(officer, self._officer, reason)
            self._write(session, "clear", subject, "", "", reason, officer)

    def history(self, batch: str | None = None, subject: str | None = None) -> list[KeyEvent]:
        """The book in order, of one delivery or one chip when named."""
        with reading(self._engine) as session:
            rows = KeyEvents(session, self._place).of(batch, subject)
            return [
                KeyEvent(row.event, row.batch, row.subject, row.kind, row.doing, row.reason, row.at, row.officer)
                for row in rows
            ]

    def _in_force(self, session: Session, batch: str) -> LineStop | None:
        row = KeyEvents(session, self._place).verdict_on(batch)
        return _stop_of(row) if row is not None and row.kind == "stop" else None

    def _stop(self, session: Session, subject: str, batch: str, code: str, detail: str, doing: str) -> LineStop:
        row = self._write(session, "stop", subject, batch, doing, f"{code} {detail}")
        return _stop_of(row)

    def _write(
        self, session: Session, kind: str, subject: str, batch: str, doing: str, reason: str = "", officer: str = ""
    ) -> KeyEventRow:
        row = KeyEventRow(
            place=self._place,
            batch=batch,
            subject=subject,
            kind=kind,
            doing=doing,
            reason=reason.strip()[:REASON_LENGTH],
            officer=officer or self._officer,
            at=to_ms(self._clock.now()),
        )
        put(session, row)
        return row


def _stop_of(row: KeyEventRow) -> LineStop:
    code, _, detail = row.reason.partition(" ")
    return LineStop(row.place, row.batch, code, detail, row.subject, row.at, row.officer)


def _second_person(officer: str, first: str, reason: str) -> None:
    if not officer or officer == first:
        raise SeparationError("a second person decides, not the one in charge of the line")
    if not reason.strip():
        raise ValueError("a reason is needed")
