"""The hotel desk: a proven chip registers a guest, with or without a line; the police receipt comes later."""

from collections.abc import Callable
from dataclasses import dataclass

from card.domain.credential import VerifiedCredential
from card.domain.decision import Decision, Grant, decision_to_json
from card.domain.event import Outcome
from card.domain.identity import mask_name
from card.rules import hotel as rule
from terminal.facts import item_in_force
from terminal.journal import EventDraft
from terminal.post import DAY, Post, credential_json, inputs_part, parse_day, unbelieved, whole
from terminal.scenes.chip import ChipPresented
from terminal.screen import Screen, Tone, screen
from terminal.tap import Acted, Recovered
from terminal.verifiers.card import CardVerifier

STAY_ID_BYTES = 16
ITEM = "hotel"


@dataclass(frozen=True, slots=True)
class StayRequest:
    """What the receptionist enters. `accompanied`: a guardian stays with a minor."""

    room: str
    guests: int = 1
    accompanied: bool = False


class HotelErrand:
    """One check-in: implements `Errand[ChipPresented]`."""

    def __init__(self, post: Post, stay: StayRequest, read: Callable[[], ChipPresented]) -> None:
        self._post = post
        self._stay = stay
        self._read = read

    def present(self) -> ChipPresented:
        """See `chip.read_chip`."""
        return self._read()

    def recover(self, presented: ChipPresented) -> Recovered | None:
        """A registration is complete with its journal entry: nothing is ever torn."""
        return None

    def verify(self, presented: ChipPresented) -> VerifiedCredential:
        """See `verifiers.card`."""
        return CardVerifier().verify(presented.proof)

    def decide(self, presented: ChipPresented, verified: VerifiedCredential) -> Decision:
        """`card.rules.hotel` on what was proven."""
        inputs = self._inputs(verified)
        day = parse_day(str(inputs["day"]))
        valid_to = parse_day(str(inputs["valid_to"]))
        if day is None or valid_to is None:
            raise ValueError("the verifier lets no other date through")
        guest = rule.HotelGuest(
            assurance=verified.assurance,
            genuine=True,
            hotlisted=bool(inputs["hotlisted"]),
            valid_to=valid_to,
            birth=parse_day(verified.claims["birth_date"]),
            accompanied=self._stay.accompanied,
        )
        facts = rule.HotelFacts(
            hotlist_age_s=whole(inputs["hotlist_age_s"]),
            hotlist_max_age_s=whole(inputs["hotlist_max_age_s"]),
            item_in_force=bool(inputs["item_in_force"]),
        )
        return rule.decide(guest, facts, day)

    def draft(
        self, presented: ChipPresented, verified: VerifiedCredential | None, decision: Decision, why: str
    ) -> EventDraft:
        """A refused card leaves its id only; a guest leaves what the register asks for (qr-and-acceptance §5.1)."""
        body: dict[str, object] = {
            **self._post.base_body(),
            "stay_id": "",
            "card_id": presented.credential.medium_id.hex(),
            "room": self._stay.room,
            "guests": self._stay.guests,
            "accompanied": self._stay.accompanied,
            "check_in": presented.at_ms,
            "refused": why,
            **inputs_part(self._inputs(verified) if verified else None),
        }
        if verified is not None:
            body |= verified.claims
        if isinstance(decision, Grant):
            body["stay_id"] = self._post.entropy.token(STAY_ID_BYTES).hex()
        return EventDraft(
            "hotel",
            presented.at_ms,
            self._post.facts.versions(),
            credential_json(verified) if verified else unbelieved(presented.credential),
            decision_to_json(decision),
            body,
            subject=str(body["stay_id"]),
        )

    def prepare(self, presented: ChipPresented, draft: EventDraft) -> EventDraft:
        """Nothing to open."""
        return draft

    def act(self, presented: ChipPresented, draft: EventDraft) -> Acted:
        """The register is the journal: the entry that is durable already."""
        return Acted(Outcome.POSTED, {})

    def screen(self, presented: ChipPresented, decision: Grant, acted: Acted) -> Screen:
        """Name masked: the desk's screen is seen by others."""
        name = mask_name(presented.proof.snapshot.name)
        return screen("S-HOTEL-REGISTERED", Tone.GO, name=name, room=self._stay.room)

    def _inputs(self, verified: VerifiedCredential) -> dict[str, object]:
        return {
            "genuine": True,
            "hotlisted": self._post.hotlisted(verified),
            "valid_to": verified.claims["valid_to"],
            "birth_date": verified.claims["birth_date"],
            "accompanied": self._stay.accompanied,
            **self._post.hotlist_ages(),
            "item_in_force": item_in_force(self._post.facts, ITEM, self._post.place.operator),
            "day": self._post.today().strftime(DAY),
        }
