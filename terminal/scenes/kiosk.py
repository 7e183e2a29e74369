"""The holder's page at a kiosk: the chip proven and the PIN verified open it."""

from collections.abc import Callable

from card.domain.credential import VerifiedCredential
from card.domain.decision import Decision, Grant, decision_to_json
from card.domain.event import Outcome
from card.domain.identity import mask_name
from card.rules import kiosk as rule
from terminal.journal import EventDraft
from terminal.post import DAY, Post, credential_json, inputs_part, parse_day, unbelieved, whole
from terminal.scenes.chip import ChipPresented
from terminal.screen import Screen, Tone, screen
from terminal.tap import Acted, Recovered
from terminal.verifiers.card import CardVerifier


class KioskErrand:
    """Opening the page: implements `Errand[ChipPresented]`. `kind` is the event type, `action` what is opened."""

    def __init__(
        self, post: Post, read: Callable[[], ChipPresented], kind: str = "kiosk", action: str = "open"
    ) -> None:
        self._post = post
        self._read = read
        self._kind = kind
        self._action = action
        self.verified: VerifiedCredential | None = None

    def present(self) -> ChipPresented:
        """What the reading and the PIN brought."""
        return self._read()

    def recover(self, presented: ChipPresented) -> Recovered | None:
        """Loads are recovered by `scenes.load`."""
        return None

    def verify(self, presented: ChipPresented) -> VerifiedCredential:
        """See `verifiers.card`."""
        self.verified = CardVerifier().verify(presented.proof)
        return self.verified

    def decide(self, presented: ChipPresented, verified: VerifiedCredential) -> Decision:
        """`card.rules.kiosk` on what was proven."""
        inputs = self._inputs(verified)
        day, valid_to = parse_day(str(inputs["day"])), parse_day(str(inputs["valid_to"]))
        if day is None or valid_to is None:
            raise ValueError("the verifier lets no other date through")
        visitor = rule.KioskVisitor(verified.assurance, True, bool(inputs["hotlisted"]), valid_to)
        return rule.decide(visitor, whole(inputs["hotlist_age_s"]), whole(inputs["hotlist_max_age_s"]), day)

    def draft(
        self, presented: ChipPresented, verified: VerifiedCredential | None, decision: Decision, why: str
    ) -> EventDraft:
        """Card id and action; the holder's data stay on the screen."""
        body: dict[str, object] = {
            **self._post.base_body(),
            "card_id": presented.credential.medium_id.hex(),
            "action": self._action,
            "refused": why,
            **inputs_part(self._inputs(verified) if verified else None),
        }
        return EventDraft(
            self._kind,
            presented.at_ms,
            self._post.facts.versions(),
            credential_json(verified) if verified else unbelieved(presented.credential),
            decision_to_json(decision),
            body,
        )

    def prepare(self, presented: ChipPresented, draft: EventDraft) -> EventDraft:
        """Nothing to open."""
        return draft

    def act(self, presented: ChipPresented, draft: EventDraft) -> Acted:
        """The page opens with its journal entry."""
        return Acted(Outcome.POSTED, {})

    def screen(self, presented: ChipPresented, decision: Grant, acted: Acted) -> Screen:
        """Welcome, name masked."""
        return screen("S-KIOSK-OPEN", Tone.GO, name=mask_name(presented.proof.snapshot.name))

    def _inputs(self, verified: VerifiedCredential) -> dict[str, object]:
        return {
            "assurance": verified.assurance.value,
            "genuine": True,
            "hotlisted": self._post.hotlisted(verified),
            "valid_to": verified.claims["valid_to"],
            **self._post.hotlist_ages(),
            "day": self._post.today().strftime(DAY),
        }
