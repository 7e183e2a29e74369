"""The bus: a purse pays its fare through card and PSAM.

Order of commands (keys-and-purse §1.7, A): card 8050 03 -> PSAM 8070 -> card 80DC -> card 8054 -> PSAM 8072. A free
ride runs the same with amount 0, so that it has a TAC and counts (contract §5).
"""

from collections.abc import Callable
from dataclasses import replace

from card.domain.clock import from_ms
from card.domain.credential import VerifiedCredential
from card.domain.decision import Decision, DenyReason, Grant, decision_to_json
from card.domain.event import Outcome
from card.domain.money import Fen
from card.errors import (
    AccessDeniedError,
    CardBlockedError,
    CardError,
    PurseFundsError,
    PurseLimitError,
    PurseMacError,
)
from keys.errors import Mac2Error
from keys.psam import PurchaseInit
from keys.tac import TYPE_COMPOUND, TYPE_PURCHASE, Moment
from terminal.config import BusConfig
from terminal.errors import VerificationError
from terminal.journal import EventDraft, TerminalJournal
from terminal.post import Post, credential_json, inputs_part, purse_moment, unbelieved, whole
from terminal.scenes.bus_card import TRIP_FILE, UNKNOWN, BusPresented, BusPsam, no_debit, posted_body, trip_record
from terminal.scenes.bus_inputs import ask_rule, rule_inputs
from terminal.scenes.bus_recovery import recover
from terminal.screen import Screen, Tone, screen
from terminal.tap import Acted, Recovered
from terminal.verifiers.purse import PurseVerifier

MS = 1000
NEVER = -1
# Status words that a card gives before it touches the purse; any other trouble in 8054 leaves the question open.
REFUSALS = (PurseFundsError, PurseLimitError, PurseMacError, CardBlockedError, AccessDeniedError)
PRICE_NAMES = {
    "card": ("持卡优惠", "card fare"),
    "senior-half": ("敬老半价", "senior, half fare"),
    "senior-free": ("敬老免费", "senior, free"),
}


class BusErrand:
    """One tap on a validator: implements `Errand[BusPresented]`."""

    def __init__(
        self,
        post: Post,
        config: BusConfig,
        psam: BusPsam,
        journal: TerminalJournal,
        last_taps: dict[bytes, int],
        read: Callable[[], BusPresented],
    ) -> None:
        """`last_taps`: purse -> ms of its last paid tap here, shared by the taps of one validator."""
        self._post = post
        self._config = config
        self._psam = psam
        self._journal = journal
        self._last_taps = last_taps
        self._read = read
        self._mac1 = b""

    def present(self) -> BusPresented:
        """See `bus_card.read_bus_card`."""
        return self._read()

    def recover(self, presented: BusPresented) -> Recovered | None:
        """See `bus_recovery`."""
        if presented.public is None:
            return None
        return recover(self._journal, presented, self._psam, self._config.same_ride_s)

    def verify(self, presented: BusPresented) -> VerifiedCredential:
        """Form of the data; see `verifiers.purse` for what a purse proves when."""
        if presented.public is None:
            raise VerificationError(DenyReason.APPLICATION_BLOCKED)
        return PurseVerifier().verify(presented.credential)

    def decide(self, presented: BusPresented, verified: VerifiedCredential) -> Decision:
        """`card.rules.bus` on what was read."""
        return ask_rule(self._post, self._config, self._inputs(presented, verified))

    def draft(
        self, presented: BusPresented, verified: VerifiedCredential | None, decision: Decision, why: str
    ) -> EventDraft:
        """The event so far; purse numbers of the debit come with `prepare`."""
        public, claims = presented.public, presented.credential.claims
        body: dict[str, object] = {
            **self._post.base_body(),
            **no_debit(),
            "txn_type": _kind(self._config),
            "line": self._config.line,
            "asn": public.asn.digits if public else "",
            "issuer": public.issuer.raw.hex() if public else "",
            "card_id": claims["card_id"],
            "psam_no": self._psam.terminal_no.hex(),
            "balance_before": int(presented.balance),
            "birth_date": claims["birth_date"],
            "refused": why,
            **inputs_part(self._inputs(presented, verified) if verified else None),
        }
        return EventDraft(
            "bus",
            presented.at_ms,
            self._post.facts.versions(),
            credential_json(verified) if verified else unbelieved(presented.credential),
            decision_to_json(decision),
            body,
            subject=str(body["asn"]),
        )

    def prepare(self, presented: BusPresented, draft: EventDraft) -> EventDraft:
        """8050 and 8070: the purse is opened, nothing has left it yet. PsamLostError, CardLostError."""
        if presented.public is None:
            raise ValueError("a blocked purse is never granted")
        fare = Fen(whole(draft.decision["fare"]))
        day, time = purse_moment(from_ms(presented.at_ms))
        initialise = presented.purse.init_capp if self._config.compound else presented.purse.init_purchase
        opened = initialise(fare, self._psam.terminal_no)
        terminal_seq, mac1 = self._psam.init(
            PurchaseInit(
                card_random=opened.random,
                offline_seq=opened.offline_seq,
                amount=int(fare),
                kind=_kind(self._config),
                moment=Moment.from_digits(day, time),
                key_version=opened.key_version,
                algorithm=opened.algorithm,
                asn=presented.public.asn.raw,
                issuer=presented.public.issuer.raw,
            )
        )
        known: dict[str, object] = {
            "amount": int(fare),
            "balance_before": int(opened.balance),
            "offline_seq": opened.offline_seq,
            "key_version": opened.key_version,
            "algorithm": opened.algorithm,
            "terminal_seq": terminal_seq,
            "card_date": day,
            "card_time": time,
        }
        self._mac1 = mac1
        return replace(draft, body={**draft.body, **known})

    def act(self, presented: BusPresented, draft: EventDraft) -> Acted:
        """80DC for a compound purchase, 8054, 8072.

        The moment of no return is 8054: before it a lost card is voided, in it nobody knows.
        """
        body = draft.body
        try:
            if self._config.compound:
                presented.purse.update_capp_cache(TRIP_FILE, trip_record(self._config, self._psam.terminal_no, body))
        except CardError as lost:
            return _voided(body, lost.code)
        try:
            done = presented.purse.debit(
                whole(body["terminal_seq"]),
                str(body["card_date"]),
                str(body["card_time"]),
                self._mac1,
            )
        except REFUSALS as refused:
            return _voided(body, refused.code)
        except CardError:  # lost, or an answer that says nothing about the money
            return Acted(None)
        self._last_taps[presented.credential.medium_id] = presented.at_ms
        paid = posted_body(body, done.tac.hex())
        try:
            paid["psam_confirmed"] = self._psam.confirm(whole(body["terminal_seq"]), done.mac2)
        except Mac2Error as wrong:  # not a debit of our card; the TAC check at the server has the last word
            return Acted(Outcome.UNCERTAIN, {**paid, "balance_after": UNKNOWN, "refused": wrong.code})
        return Acted(Outcome.POSTED, paid)

    def screen(self, presented: BusPresented, decision: Grant, acted: Acted) -> Screen:
        """Fare and balance, as the driver hears them."""
        if acted.outcome is Outcome.UNCERTAIN:
            return screen(DenyReason.NOT_GENUINE.value, Tone.STOP)
        if acted.outcome is Outcome.VOIDED:
            return screen(DenyReason.CARD_MOVED.value, Tone.WAIT)
        left = Fen(whole(acted.body["balance_after"])).yuan()
        code = "S-BUS-PAID" if decision.fare else "S-BUS-FREE"
        kind = PRICE_NAMES.get(decision.price_class, (decision.price_class, decision.price_class))
        return screen(code, Tone.GO, kind, fare=decision.fare.yuan(), balance=left)

    def _inputs(self, presented: BusPresented, verified: VerifiedCredential) -> dict[str, object]:
        last = self._last_taps.get(presented.credential.medium_id)
        return rule_inputs(self._post, presented, verified, last)


def _kind(config: BusConfig) -> int:
    return TYPE_COMPOUND if config.compound else TYPE_PURCHASE


def _voided(body: dict[str, object], why: str) -> Acted:
    return Acted(Outcome.VOIDED, {"balance_after": whole(body["balance_before"]), "refused": why})
