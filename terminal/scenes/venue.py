"""A scenic gate: an offline code opens a barrier, once.

A code is used up by its replay key. Two lanes share one journal, so the second lane refuses without a line; another
site asks the server when the line is up. When it is down the gate grants, and the server marks the pair (contract §6).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from card.domain.credential import PresentedCredential, VerifiedCredential
from card.domain.decision import Decision, Deny, DenyReason, Grant, decision_to_json
from card.domain.event import Outcome
from terminal.config import VenueConfig
from terminal.errors import BarrierError, ServerRefusedError
from terminal.gate.barrier import Barrier
from terminal.journal import EventDraft, JournalCases
from terminal.post import Post, credential_json, inputs_part, unbelieved
from terminal.scenes.venue_rule import ask_rule, rule_inputs
from terminal.screen import Screen, Tone, screen
from terminal.tap import Acted, Recovered
from terminal.uplink import API, LinkDownError, Uplink, accepted
from terminal.verifiers.code import present_code
from terminal.verifiers.online import GateVerifier

NOT_ASKED, ASKED, DOWN = "not-asked", "asked", "down"
OPENED, NOT_OPENED, UNKNOWN = "opened", "not-opened", "unknown"


@dataclass(frozen=True, slots=True)
class CodePresented:
    """Bytes of a code, and what it says of itself."""

    credential: PresentedCredential
    raw: bytes
    at_ms: int


class Crowd:
    """How many people are inside, for the site's capacity; shared by its lanes."""

    def __init__(self, inside: int = 0) -> None:
        self._inside = inside
        self._lock = threading.Lock()

    @property
    def inside(self) -> int:
        return self._inside

    def entered(self) -> None:
        """One person went in."""
        with self._lock:
            self._inside += 1

    def left(self) -> None:
        """One person went out."""
        with self._lock:
            self._inside = max(0, self._inside - 1)


class SiteCheck:
    """Asks the server whether a code was seen elsewhere. Without a line the answer is yes, you may."""

    def __init__(self, uplink: Uplink | None, terminal: str) -> None:
        self._uplink = uplink
        self._terminal = terminal

    def first(self, replay_key: str, at_ms: int) -> tuple[bool, str]:
        """(no other terminal has seen it, asked | down | not-asked)."""
        if self._uplink is None:
            return True, NOT_ASKED
        body = {"replay_key": replay_key, "terminal": self._terminal, "at": at_ms}
        try:
            answer = accepted(self._uplink.exchange("POST", f"{API}/codes:check", body), "checking a code")
        except (LinkDownError, ServerRefusedError):
            return True, DOWN
        return bool(answer.get("first")) or answer.get("seen_by") == self._terminal, ASKED


class VenueErrand:
    """One code at one lane: implements `Errand[CodePresented]`."""

    def __init__(
        self,
        post: Post,
        config: VenueConfig,
        lane: str,
        read: Callable[[], bytes],
        verifier: GateVerifier,
        cases: JournalCases,
        check: SiteCheck,
        barrier: Barrier,
        crowd: Crowd,
    ) -> None:
        self._post = post
        self._config = config
        self._lane = lane
        self._read = read
        self._verifier = verifier
        self._cases = cases
        self._check = check
        self._barrier = barrier
        self._crowd = crowd
        self._site_check = NOT_ASKED
        self._replay = False

    def present(self) -> CodePresented:
        """From the camera or the scanner. PictureUnreadableError, ScannerLostError."""
        raw = self._read()
        return CodePresented(present_code(raw), raw, self._post.now_ms())

    def recover(self, presented: CodePresented) -> Recovered | None:
        """A code has no memory; an interrupted entry is settled at start (see `venue.main`)."""
        return None

    def verify(self, presented: CodePresented) -> VerifiedCredential:
        """Twelve checks of an offline code, or the server's word on a token; see `verifiers`."""
        return self._verifier.verify(presented.raw)

    def decide(self, presented: CodePresented, verified: VerifiedCredential) -> Decision:
        """The rule with what this site knows; the other sites are asked only about a code we would let in."""
        self._replay = self._cases.claimed(verified.claims["replay_key"])
        decision = ask_rule(self._post, self._inputs(verified))
        if not isinstance(decision, Grant):
            return decision
        first, self._site_check = self._check.first(verified.claims["replay_key"], presented.at_ms)
        if first:
            return decision
        self._replay = True
        return ask_rule(self._post, self._inputs(verified))

    def draft(
        self, presented: CodePresented, verified: VerifiedCredential | None, decision: Decision, why: str
    ) -> EventDraft:
        """The event; a grant claims the code's replay key."""
        if isinstance(decision, Deny) and decision.reason is DenyReason.REPLAYED:
            self._replay = True
        body: dict[str, object] = {
            **self._post.base_body(),
            **code_body(presented, verified, decision),
            "lane": self._lane,
            "site_check": self._site_check,
            "refused": why,
            **inputs_part(self._inputs(verified) if verified else None),
        }
        return EventDraft(
            "scenic",
            presented.at_ms,
            self._post.facts.versions(),
            credential_json(verified) if verified else unbelieved(presented.credential),
            decision_to_json(decision),
            body,
            subject=str(body["ecard_serial"]),
            claim=str(body["replay_key"]) if isinstance(decision, Grant) else "",
        )

    def prepare(self, presented: CodePresented, draft: EventDraft) -> EventDraft:
        """Nothing to open yet."""
        return draft

    def act(self, presented: CodePresented, draft: EventDraft) -> Acted:
        """Open the barrier. When it did not confirm, ask it; when it does not answer either, nobody knows."""
        state = open_barrier(self._barrier)
        outcome = {OPENED: Outcome.POSTED, NOT_OPENED: Outcome.VOIDED}.get(state, Outcome.UNCERTAIN)
        if outcome is not Outcome.VOIDED:
            self._crowd.entered()
        return Acted(outcome, {"barrier": state})

    def screen(self, presented: CodePresented, decision: Grant, acted: Acted) -> Screen:
        """Price and class; a barrier that stayed shut sends the person to another lane, the code still good."""
        if acted.outcome is not Outcome.POSTED:
            return screen(DenyReason.DEVICE_FAILED.value, Tone.STAFF)
        code = "S-SCENIC-OPEN" if decision.fare else "S-SCENIC-FREE"
        return screen(code, Tone.GO, PRICE_NAMES[decision.price_class], price=decision.fare.yuan())

    def _inputs(self, verified: VerifiedCredential) -> dict[str, object]:
        return rule_inputs(self._post, self._config, verified, replay=self._replay, inside=self._crowd.inside)


PRICE_NAMES = {
    "full": ("全价票", "full price"),
    "free": ("免票", "free"),
    "senior-half": ("敬老半价", "senior, half price"),
    "minor-half": ("未成年人半价", "minor, half price"),
    "student": ("学生优惠", "student price"),
}


def open_barrier(barrier: Barrier) -> str:
    """opened | not-opened | unknown."""
    try:
        barrier.open()
    except BarrierError:
        try:
            return OPENED if barrier.is_open() else NOT_OPENED
        except BarrierError:
            return UNKNOWN
    return OPENED


def code_body(presented: CodePresented, verified: VerifiedCredential | None, decision: Decision) -> dict[str, object]:
    """What a scenic event says about the code and the price; blanks where nothing was proven."""
    claims = verified.claims if verified else {}
    return {
        "ecard_serial": presented.credential.medium_id.hex(),
        "pseudonym": claims.get("pseudonym", ""),
        "generation": int(claims.get("generation", 0)),
        "replay_key": claims.get("replay_key", ""),
        "code_hash": claims.get("code_hash", ""),
        "rights": int(claims.get("rights", 0)),
        "rights_valid_to": claims.get("rights_valid_to", ""),
        "catalogue_version": int(claims.get("catalogue_version", 0)),
        "price": int(decision.fare) if isinstance(decision, Grant) else 0,
        "price_class": decision.price_class if isinstance(decision, Grant) else "",
        "barrier": "",
    }
