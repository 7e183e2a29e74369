"""The road of a tap: the one thing everybody must be able to read.

    tap -> present -> [recover an earlier torn tap] -> verify (raises) -> decide (returns)
        -> prepare (still revocable) -> journal.append (durable) -> act -> journal.resolve -> uplink, later

Verify raises, because a verification result must be impossible to ignore. Decide returns a value, because a denial is
ordinary business and is recorded like a grant. The pending entry is on disk before anything irreversible happens. A
medium torn away during the act leaves the entry pending: when it comes back, `recover` finds out what happened.
"""

from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from card.domain.credential import VerifiedCredential
from card.domain.decision import Decision, Deny, DenyReason, Grant, Refer
from card.domain.event import EventId, Outcome, TapEvent
from card.errors import CardError
from terminal.errors import ClaimTakenError, TerminalError, VerificationError
from terminal.journal import EventDraft, Journal
from terminal.screen import Screen, Tone, screen

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Acted:
    """How the act ended. `outcome` None: nobody knows yet, the entry stays pending until the medium returns.

    `body` is laid over the draft's body.
    """

    outcome: Outcome | None
    body: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recovered:
    """An earlier tap of this medium has been settled. `finishes`: the person has what he came for; do not go on."""

    events: tuple[TapEvent, ...]
    finishes: bool
    screen: Screen


@dataclass(frozen=True, slots=True)
class TapResult:
    """What one tap came to. `decision` is None when the medium left before a rule could be asked.

    `event_ids` in order of minting (a recovery may add some); `apdus` are (command name, ms), card and PSAM together.
    """

    decision: Decision | None
    screen: Screen
    event_ids: tuple[EventId, ...] = ()
    apdus: tuple[tuple[str, float], ...] = ()
    outcome: Outcome | None = None


class Errand(Protocol[P]):
    """One scene's part of the road. `P` is what was presented, with everything read from it."""

    def present(self) -> P:
        """Reader to snapshot, or scanner to code."""
        ...

    def recover(self, presented: P) -> Recovered | None:
        """Settle what an earlier tap of this medium left open; None when there was nothing."""
        ...

    def verify(self, presented: P) -> VerifiedCredential:
        """Raises VerificationError."""
        ...

    def decide(self, presented: P, verified: VerifiedCredential) -> Decision:
        """Gather the inputs of the scene's rule in `card.rules` and ask it."""
        ...

    def draft(self, presented: P, verified: VerifiedCredential | None, decision: Decision, why: str) -> EventDraft:
        """The event of a decision; `verified` None when verification refused with text code `why`."""
        ...

    def prepare(self, presented: P, draft: EventDraft) -> EventDraft:
        """The last revocable steps of a grant; returns the draft completed with what must be durable before the act."""
        ...

    def act(self, presented: P, draft: EventDraft) -> Acted:
        """The irreversible step: debit, open, register. A torn medium is `Acted(None)`, never an exception."""
        ...

    def screen(self, presented: P, decision: Grant, acted: Acted) -> Screen:
        """What the person reads after a grant was carried out."""
        ...


class Road(Generic[P]):
    """Walks errands over one journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def tap(self, errand: Errand[P]) -> TapResult:
        """One tap from the reader to the journal. Device failures become a lamp here, and nowhere else."""
        recovered: Recovered | None = None
        try:
            presented = errand.present()
            recovered = errand.recover(presented)
            if recovered is not None and recovered.finishes:
                return TapResult(None, recovered.screen, _ids(*recovered.events))
            result = self._walk(errand, presented, recovered.events if recovered else ())
        except (CardError, TerminalError) as world:
            earlier = _ids(*recovered.events) if recovered else ()
            result = TapResult(None, screen(world.code, Tone.WAIT), earlier)
        return replace(result, screen=_after(recovered.screen, result.screen)) if recovered else result

    def _walk(self, errand: Errand[P], presented: P, earlier: tuple[TapEvent, ...]) -> TapResult:
        try:
            verified = errand.verify(presented)
        except VerificationError as refused:
            unproven = Deny(refused.reason)
            return self._record(errand.draft(presented, None, unproven, refused.code), unproven, refused.code, earlier)
        decision = errand.decide(presented, verified)
        if not isinstance(decision, Grant):
            why = decision.reason.value if isinstance(decision, Deny) else decision.reason
            return self._record(errand.draft(presented, verified, decision, ""), decision, why, earlier)

        draft = errand.prepare(presented, errand.draft(presented, verified, decision, ""))
        try:
            local = self._journal.append(draft)
        except ClaimTakenError:  # the other lane was quicker with the same code
            denied = Deny(DenyReason.REPLAYED)
            return self._record(errand.draft(presented, verified, denied, ""), denied, denied.reason.value, earlier)
        acted = errand.act(presented, draft)
        if acted.outcome is None:
            return TapResult(decision, screen(DenyReason.CARD_MOVED.value, Tone.WAIT), _ids(*earlier))
        event = self._journal.resolve(local, acted.outcome, acted.body)
        shown = errand.screen(presented, decision, acted)
        return TapResult(decision, shown, _ids(*earlier, event), outcome=acted.outcome)

    def _record(self, draft: EventDraft, decision: Deny | Refer, code: str, earlier: tuple[TapEvent, ...]) -> TapResult:
        event = self._journal.record(draft)
        tone = Tone.STAFF if isinstance(decision, Refer) else Tone.STOP
        return TapResult(decision, screen(code, tone), _ids(*earlier, event))


def _after(earlier: Screen, shown: Screen) -> Screen:
    """What became of the earlier tap is said too, below what is shown now."""
    return replace(shown, lines=(*shown.lines, (earlier.zh, earlier.en)))


def _ids(*events: TapEvent) -> tuple[EventId, ...]:
    return tuple(event.id for event in events)
