"""Money from one card to another of the same person, one way: unload, wait at the server, load (keys-and-purse §1.3).

What may have happened to a card is durable before it can happen. A card torn away is asked when it is back: an unmoved
sequence means nothing happened; a moved one is proven by the card's own transaction proof. Between the two cards the
money stands in the server's suspense for the purse that is to have it, so it is never lost and never twice.
"""

import json
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from card.domain.money import ZERO, Fen
from card.errors import ProofMissingError, PurseMacError
from card.purse import LoadInit, PublicInfo, PurseSession
from terminal.errors import ServerRefusedError, TransferStuckError
from terminal.memory import Memory
from terminal.uplink import API, Uplink, accepted

LOST_CARD = "lost_card"
UNMOVED = ""
NOT_SO_MUCH = "E-LOAD-FUNDS"  # the server has another sum waiting


class MoneyStage(Enum):
    """How far the money is. SENT stages were durable before the card's command; DONE ones after the server knew."""

    START = "start"
    UNLOAD_SENT = "unload sent"
    UNLOADED = "unloaded"
    UNLOAD_DONE = "unload done"
    LOAD_SENT = "load sent"
    LOADED = "loaded"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class MoneyState:
    """What must survive a power cut. Hex lower case, fen; `mac3`, `tac` the cards' words, not secrets."""

    source: str
    target: str
    stage: str = MoneyStage.START.value
    amount: int = 0
    unload_id: str = ""
    unload_seq: int = -1
    mac3: str = ""
    loaded: int = 0
    load_id: str = ""
    load_seq: int = -1
    load_balance: int = 0
    tac: str = ""

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> "MoneyState":
        found: dict[str, Any] = json.loads(raw)
        return cls(**found)

    def at(self, stage: MoneyStage, **changes: Any) -> "MoneyState":
        """The next state."""
        return replace(self, stage=stage.value, **changes)


class PurseDesk:
    """The server's side of moving money between purses. LinkDownError, ServerRefusedError."""

    def __init__(self, uplink: Uplink) -> None:
        self._uplink = uplink

    def begin_unload(self, public: PublicInfo, heir: str, amount: Fen, opened: LoadInit, terminal: bytes) -> Any:
        """`unload_id`, `date`, `time`, `mac2`."""
        wish = {**_opened(public, amount, opened, terminal), "heir": heir}
        return accepted(self._uplink.exchange("POST", f"{API}/purse/unloads", wish), "asking for an unload")

    def end_unload(self, unload_id: str, mac3: str, sequence: int) -> str:
        """The state the server answers."""
        end = {"mac3": mac3, "online_seq_after": sequence}
        reply = self._uplink.exchange("POST", f"{API}/purse/unloads/{unload_id}:finish", end)
        return str(accepted(reply, "telling the end of an unload").get("state", ""))

    def waiting(self, asn: str) -> Fen:
        """What waits for this purse."""
        reply = self._uplink.exchange("POST", f"{API}/purse/credits", {"asn": asn})
        return Fen(int(accepted(reply, "asking what waits for a purse")["amount"]))

    def begin_load(self, public: PublicInfo, amount: Fen, opened: LoadInit, terminal: bytes) -> Any:
        """`load_id`, `date`, `time`, `mac2`."""
        wish = {**_opened(public, amount, opened, terminal), "terminal_time": "", "funding": LOST_CARD}
        return accepted(self._uplink.exchange("POST", f"{API}/purse/loads", wish), "asking for a load")

    def end_load(self, load_id: str, tac: str, balance_after: int, sequence: int) -> str:
        """The state the server answers."""
        end = {
            "result": "tac" if tac else "not_credited",
            "tac": tac,
            "proof_mac": "",
            "balance_after": balance_after,
            "online_seq_after": sequence,
        }
        reply = self._uplink.exchange("POST", f"{API}/purse/loads/{load_id}:finish", end)
        return str(accepted(reply, "telling the end of a load").get("state", ""))


class MoneyMove:
    """One way, from any point of it: `run` again after whatever went wrong, with both cards in their readers."""

    def __init__(self, desk: PurseDesk, memory: Memory, name: str, terminal: bytes) -> None:
        """`name` is the place of this move in `memory`; `terminal` the 6-byte number the cards are shown."""
        self._desk = desk
        self._memory = memory
        self._name = name
        self._terminal = terminal

    def state(self) -> MoneyState | None:
        """What is known of it; None before its first step."""
        raw = self._memory.get(self._name)
        return MoneyState.from_bytes(raw) if raw else None

    def run(self, source: PurseSession, target: PurseSession, most: Fen | None = None) -> MoneyState:
        """Until DONE. `most` limits what is taken.

        Raises CardLostError, LinkDownError, TransferStuckError and others; each leaves a state `run` goes on from.
        """
        out, into = source.select(), target.select()
        state = self.state() or self._keep(MoneyState(out.asn.raw.hex(), into.asn.raw.hex()))
        if (state.source, state.target) != (out.asn.raw.hex(), into.asn.raw.hex()):
            raise TransferStuckError("other cards than those of the transfer that is open")
        steps = {
            MoneyStage.START: lambda now: self._unload(now, source, most),
            MoneyStage.UNLOAD_SENT: lambda now: self._find_unload(now, source),
            MoneyStage.UNLOADED: self._tell_unload,
            MoneyStage.UNLOAD_DONE: lambda now: self._load(now, target),
            MoneyStage.LOAD_SENT: lambda now: self._find_load(now, target),
            MoneyStage.LOADED: self._tell_load,
        }
        while state.stage != MoneyStage.DONE.value:
            state = self._keep(steps[MoneyStage(state.stage)](state))
        return state

    # ---- out of the one ------------------------------------------------------------------------------------------

    def _unload(self, state: MoneyState, purse: PurseSession, most: Fen | None) -> MoneyState:
        public = purse.select()
        amount = purse.balance() if most is None else min(purse.balance(), most)
        if not amount:
            return state.at(MoneyStage.UNLOAD_DONE)
        opened = purse.init_unload(amount, self._terminal)
        answer = self._desk.begin_unload(public, state.target, amount, opened, self._terminal)
        sent = state.at(
            MoneyStage.UNLOAD_SENT, amount=int(amount), unload_id=answer["unload_id"], unload_seq=opened.online_seq
        )
        self._keep(sent)
        try:
            mac3 = purse.debit_unload(answer["date"], answer["time"], bytes.fromhex(answer["mac2"]))
        except PurseMacError:
            return self._find_unload(sent, purse)
        return sent.at(MoneyStage.UNLOADED, mac3=mac3.hex())

    def _find_unload(self, state: MoneyState, purse: PurseSession) -> MoneyState:
        """The card is back: has the money left it?"""
        purse.select()
        if purse.init_unload(ZERO, self._terminal).online_seq == state.unload_seq:
            self._desk.end_unload(state.unload_id, UNMOVED, state.unload_seq)
            return state.at(MoneyStage.START, amount=0, unload_id="", unload_seq=-1)
        return state.at(MoneyStage.UNLOADED, mac3=_proof(purse, "unload", state.unload_seq))

    def _tell_unload(self, state: MoneyState) -> MoneyState:
        if self._desk.end_unload(state.unload_id, state.mac3, state.unload_seq + 1) != "posted":
            raise TransferStuckError("the server does not book the unload")
        return state.at(MoneyStage.UNLOAD_DONE)

    # ---- into the other ------------------------------------------------------------------------------------------

    def _load(self, state: MoneyState, purse: PurseSession) -> MoneyState:
        """`loaded` is durable before the server is asked: an answer lost on the road leaves the money held there.

        A fresh question over the unmoved sequence frees it again; then the whole is asked for.
        """
        public = purse.select()
        waiting = self._desk.waiting(state.target)
        for amount in dict.fromkeys((Fen(int(waiting) + state.loaded), waiting)):
            if not amount:
                continue
            asked = self._keep(state.at(MoneyStage.UNLOAD_DONE, loaded=int(amount)))
            opened = purse.init_load(amount, self._terminal)
            try:
                answer = self._desk.begin_load(public, amount, opened, self._terminal)
            except ServerRefusedError as refused:
                if refused.problem != NOT_SO_MUCH or amount == waiting:
                    raise
                continue
            return self._credit(asked, purse, opened, answer)
        return state.at(MoneyStage.DONE)

    def _credit(self, state: MoneyState, purse: PurseSession, opened: LoadInit, answer: Any) -> MoneyState:
        sent = state.at(
            MoneyStage.LOAD_SENT,
            load_id=answer["load_id"],
            load_seq=opened.online_seq,
            load_balance=int(opened.balance),
        )
        self._keep(sent)
        try:
            tac = purse.credit_load(answer["date"], answer["time"], bytes.fromhex(answer["mac2"]))
        except PurseMacError:
            return self._find_load(sent, purse)
        return sent.at(MoneyStage.LOADED, tac=tac.hex())

    def _find_load(self, state: MoneyState, purse: PurseSession) -> MoneyState:
        """The card is back: has the money reached it?"""
        purse.select()
        if purse.init_load(ZERO, self._terminal).online_seq == state.load_seq:
            self._desk.end_load(state.load_id, UNMOVED, state.load_balance, state.load_seq)
            return state.at(MoneyStage.UNLOAD_DONE, loaded=0, load_id="", load_seq=-1)
        return state.at(MoneyStage.LOADED, tac=_proof(purse, "load", state.load_seq))

    def _tell_load(self, state: MoneyState) -> MoneyState:
        after = state.load_balance + state.loaded
        if self._desk.end_load(state.load_id, state.tac, after, state.load_seq + 1) != "posted":
            raise TransferStuckError("the server does not book the load")
        return state.at(MoneyStage.DONE)

    def _keep(self, state: MoneyState) -> MoneyState:
        self._memory.put(self._name, state.to_bytes())
        return state


def _proof(purse: PurseSession, kind: str, sequence: int) -> str:
    try:
        return purse.prove(kind, sequence).tac.hex()
    except ProofMissingError as gone:
        raise TransferStuckError("the card has moved on and keeps no proof") from gone


def _opened(public: PublicInfo, amount: Fen, opened: LoadInit, terminal: bytes) -> dict[str, object]:
    return {
        "asn": public.asn.raw.hex(),
        "issuer": public.issuer.raw.hex(),
        "online_seq": opened.online_seq,
        "card_random": opened.random.hex(),
        "amount": int(amount),
        "balance": int(opened.balance),
        "key_version": opened.key_version,
        "algorithm": opened.algorithm,
        "mac1": opened.mac1.hex(),
        "terminal_no": terminal.hex(),
    }
