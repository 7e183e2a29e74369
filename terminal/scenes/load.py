"""Loading a purse: the card opens, the server checks MAC1 and makes MAC2, the card credits (contract §5).

The kiosk never holds a load key. What is durable before 8052 leaves names the load; a lost answer is found out when the
card is back: an unmoved online sequence was not credited, a moved one is proven by the card's transaction proof.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from card.domain.credential import PresentedCredential, VerifiedCredential
from card.domain.decision import Decision, Grant, decision_to_json
from card.domain.event import Outcome, TapEvent
from card.domain.money import ZERO, Fen
from card.errors import CardError, ProofMissingError, PurseMacError
from card.purse import PublicInfo, PurseSession
from keys.tac import TYPE_LOAD
from terminal.errors import LinkDownError, LoadRefusedError, WireFormatError
from terminal.journal import EventDraft, OpenEntry, TerminalJournal
from terminal.memory import Memory
from terminal.post import Post, credential_json, whole
from terminal.screen import Screen, Tone, screen
from terminal.tap import Acted, Recovered
from terminal.uplink import API, Uplink

UNKNOWN = -1
BANK_ACCOUNT = "bank_account"
SUBJECT = "load:"


@dataclass(frozen=True, slots=True)
class LoadPresented:
    """The purse, selected, in the session in which chip and PIN were proven."""

    credential: PresentedCredential
    purse: PurseSession
    public: PublicInfo
    balance: Fen
    at_ms: int


class LoadDesk:
    """The server's side of a load, and the device's memory of which loads ever reached a card."""

    def __init__(self, uplink: Uplink, memory: Memory) -> None:
        self._uplink = uplink
        self._memory = memory

    def begin(self, wish: dict[str, object]) -> dict[str, str]:
        """POST purse/loads: load_id, date, time, mac2. LoadRefusedError, LinkDownError."""
        reply = self._uplink.exchange("POST", f"{API}/purse/loads", wish)
        if not reply.ok:
            raise LoadRefusedError(str(reply.body.get("code", reply.status)))
        try:
            answer = {name: str(reply.body[name]) for name in ("load_id", "date", "time", "mac2")}
        except KeyError as bad:
            raise WireFormatError("answer to a load") from bad
        return answer

    def reaches_card(self, load_id: str) -> None:
        """From here on the card may have been credited; the journal's entry is durable already."""
        self._memory.put(f"load.{load_id}", b"begun")

    def finish(self, load_id: str, end: dict[str, object]) -> str:
        """POST :finish; the state the server answers, "" when it could not be told: the event tells it later."""
        try:
            reply = self._uplink.exchange("POST", f"{API}/purse/loads/{load_id}:finish", end)
        except LinkDownError:
            return ""
        return str(reply.body.get("state", "")) if reply.ok else ""

    def answer_proof_wanted(self, body: dict[str, Any]) -> None:
        """The server asks about a load: one that never reached a card here was not credited, others wait."""
        if self._memory.get(f"load.{body['load_id']}") is not None:
            return
        unmoved: dict[str, object] = {
            "result": "not_credited",
            "tac": "",
            "proof_mac": "",
            "balance_after": UNKNOWN,
            "online_seq_after": int(body["online_seq"]),
        }
        self.finish(str(body["load_id"]), unmoved)


class LoadErrand:
    """One load: implements `Errand[LoadPresented]`. The visit was verified and granted before."""

    def __init__(
        self,
        post: Post,
        desk: LoadDesk,
        journal: TerminalJournal,
        verified: VerifiedCredential,
        grant: Decision,
        amount: Fen,
        read: Callable[[], LoadPresented],
        funding: str = BANK_ACCOUNT,
    ) -> None:
        self._post = post
        self._desk = desk
        self._journal = journal
        self._verified = verified
        self._grant = grant
        self._amount = amount
        self._read = read
        self._funding = funding
        self._mac2 = b""

    def present(self) -> LoadPresented:
        """The purse of the card whose holder's page is open."""
        return self._read()

    def recover(self, presented: LoadPresented) -> Recovered | None:
        """An interrupted load of this purse comes first; then the person decides anew."""
        return settle_loads(self._journal, self._desk, presented, self._post.terminal.raw)

    def verify(self, presented: LoadPresented) -> VerifiedCredential:
        """Chip and PIN were proven when the page was opened, in this same session."""
        return self._verified

    def decide(self, presented: LoadPresented, verified: VerifiedCredential) -> Decision:
        """The page's decision holds for what is done on it."""
        return self._grant

    def draft(
        self, presented: LoadPresented, verified: VerifiedCredential | None, decision: Decision, why: str
    ) -> EventDraft:
        """The event; the card's and the server's numbers come with `prepare`."""
        asn = presented.public.asn.digits
        body: dict[str, object] = {
            **self._post.base_body(),
            "asn": asn,
            "issuer": presented.public.issuer.raw.hex(),
            "card_id": self._verified.medium_id.hex(),
            "amount": int(self._amount),
            "txn_type": TYPE_LOAD,
            "balance_before": int(presented.balance),
            "balance_after": UNKNOWN,
            "online_seq": UNKNOWN,
            "key_version": UNKNOWN,
            "algorithm": UNKNOWN,
            "load_id": "",
            "psam_no": "",
            "terminal_no": self._post.terminal.hex,
            "card_date": "",
            "card_time": "",
            "tac": "",
            "funding": self._funding,
            "recovered": "",
            "resolved_at": UNKNOWN,
            "refused": why,
        }
        return EventDraft(
            "load",
            presented.at_ms,
            self._post.facts.versions(),
            credential_json(self._verified),
            decision_to_json(decision),
            body,
            subject=SUBJECT + asn,
        )

    def prepare(self, presented: LoadPresented, draft: EventDraft) -> EventDraft:
        """8050 00, then the server. LoadRefusedError, LinkDownError: nothing has happened to the purse."""
        opened = presented.purse.init_load(self._amount, self._post.terminal.raw)
        known: dict[str, object] = {
            "balance_before": int(opened.balance),
            "online_seq": opened.online_seq,
            "key_version": opened.key_version,
            "algorithm": opened.algorithm,
        }
        wish: dict[str, object] = {
            "asn": draft.body["asn"],
            "issuer": draft.body["issuer"],
            "online_seq": opened.online_seq,
            "card_random": opened.random.hex(),
            "amount": int(self._amount),
            "balance": int(opened.balance),
            "key_version": opened.key_version,
            "algorithm": opened.algorithm,
            "mac1": opened.mac1.hex(),
            "terminal_no": self._post.terminal.hex,
            "terminal_time": presented.at_ms,
            "funding": self._funding,
        }
        answer = self._desk.begin(wish)
        self._mac2 = bytes.fromhex(answer["mac2"])
        known |= {"load_id": answer["load_id"], "card_date": answer["date"], "card_time": answer["time"]}
        return replace(draft, body={**draft.body, **known})

    def act(self, presented: LoadPresented, draft: EventDraft) -> Acted:
        """8052. A card lost in it may or may not be richer; one that refuses MAC2 is not."""
        body = draft.body
        self._desk.reaches_card(str(body["load_id"]))
        try:
            tac = presented.purse.credit_load(str(body["card_date"]), str(body["card_time"]), self._mac2)
        except PurseMacError as refused:
            finding = _not_credited(body, {"refused": refused.code})
        except CardError:  # lost, or an answer that says nothing about the money
            return Acted(None)
        else:
            finding = _credited(body, tac, {})
        _tell_server(self._desk, {**body, **finding.body}, finding.outcome, "tac")
        return finding

    def screen(self, presented: LoadPresented, decision: Grant, acted: Acted) -> Screen:
        """Amount and balance."""
        return load_screen(self._amount, acted)


def settle_loads(
    journal: TerminalJournal, desk: LoadDesk, presented: LoadPresented, terminal: bytes
) -> Recovered | None:
    """Find out about interrupted loads of the purse in front of us; None when there is none. Raises CardLostError."""
    subject = SUBJECT + presented.public.asn.digits
    entries = journal.open_cases(subject) + journal.pending(subject)
    events: list[TapEvent] = []
    shown = screen("S-LOAD-UNCERTAIN", Tone.WAIT)
    for entry in entries:
        finding = _investigate(presented.purse, entry.draft.body, presented.at_ms, terminal)
        body = {**entry.draft.body, **finding.body}
        events += _write(journal, entry, finding)
        _tell_server(desk, body, finding.outcome, "proof")
        shown = load_screen(Fen(whole(body["amount"])), finding)
    # What stays uncertain is told once; after that the holder may load again, and that load's MAC1 is the proof.
    return Recovered(tuple(events), bool(events), shown) if entries else None


def load_screen(amount: Fen, acted: Acted) -> Screen:
    """What the person reads after a load, or after its recovery."""
    if acted.outcome is Outcome.POSTED:
        left = Fen(whole(acted.body["balance_after"])).yuan()
        return screen("S-LOAD-DONE", Tone.GO, amount=amount.yuan(), balance=left)
    if acted.outcome is Outcome.VOIDED:
        return screen("S-LOAD-NOT-DONE", Tone.STOP)
    return screen("S-LOAD-UNCERTAIN", Tone.WAIT)


def _investigate(purse: PurseSession, body: dict[str, object], now_ms: int, terminal: bytes) -> Acted:
    sequence, known = whole(body["online_seq"]), {"resolved_at": now_ms}
    # 8050 00 with amount 0 binds nobody and tells the sequence of now.
    if purse.init_load(ZERO, terminal).online_seq == sequence:
        return _not_credited(body, {**known, "recovered": "unmoved"})
    try:
        proof = purse.prove("load", sequence)
    except ProofMissingError:
        return Acted(Outcome.UNCERTAIN, dict(known))
    return _credited(body, proof.tac, {**known, "recovered": "proof"})


def _write(journal: TerminalJournal, entry: OpenEntry, finding: Acted) -> list[TapEvent]:
    outcome = finding.outcome or Outcome.UNCERTAIN
    if entry.event is None:
        return [journal.resolve(entry.local, outcome, finding.body)]
    return [] if outcome is Outcome.UNCERTAIN else [journal.settle(entry.local, outcome, finding.body)]


def _tell_server(desk: LoadDesk, body: dict[str, object], outcome: Outcome | None, result: str) -> None:
    credited = outcome is Outcome.POSTED
    moved = 0 if outcome is Outcome.VOIDED else 1
    desk.finish(
        str(body["load_id"]),
        {
            "result": result if credited else "not_credited",
            "tac": body["tac"],
            "proof_mac": "",
            "balance_after": body["balance_after"],
            "online_seq_after": whole(body["online_seq"]) + moved,
        },
    )


def _credited(body: dict[str, object], tac: bytes, known: dict[str, object]) -> Acted:
    after = whole(body["balance_before"]) + whole(body["amount"])
    return Acted(Outcome.POSTED, {**known, "tac": tac.hex(), "balance_after": after})


def _not_credited(body: dict[str, object], known: dict[str, object]) -> Acted:
    return Acted(Outcome.VOIDED, {**known, "balance_after": whole(body["balance_before"])})
