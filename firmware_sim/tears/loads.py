"""A load cut anywhere: the kiosk's own recovery, the server's book beside the purse."""

import json
from collections.abc import Mapping
from typing import Any

from card.domain.decision import Grant
from card.domain.event import Outcome
from card.domain.money import Fen
from firmware_sim.bench.street import Street
from firmware_sim.card.factory import TWIN_PIN
from firmware_sim.card.faults import FaultPlan
from firmware_sim.card.memory import PIN_TRIES
from firmware_sim.card.slot import Slot
from firmware_sim.tears.chips import BALANCE, ONLINE, TornSlot, card_memory, centre, psam_memory
from firmware_sim.tears.cutting import Ended, Operation, Settled
from keys.centre import LoadRequest, LoadTacInput
from keys.tac import Moment
from terminal.config import KioskConfig
from terminal.kiosk.main import Kiosk
from terminal.memory import VolatileMemory
from terminal.screen import Screen
from terminal.uplink import Reply

AMOUNT = Fen(2_000)
DAY, TIME = "20261123", "090000"
DONE, NOT_DONE = "S-LOAD-DONE", "S-LOAD-NOT-DONE"
VISITS = 4


class LoadBook:
    """The server's side of loads: MAC1 checked, MAC2 made, TAC checked, money booked."""

    def __init__(self) -> None:
        self.wishes: dict[str, dict[str, Any]] = {}
        self.booked: dict[str, int] = {}
        self.states: dict[str, str] = {}

    def exchange(self, method: str, path: str, body: Mapping[str, object] | None) -> Reply:
        wish: dict[str, Any] = dict(body or {})
        if path.endswith("/purse/loads"):
            return self._begin(wish)
        return self._finish(path.split("/")[-1].partition(":")[0], wish)

    def _begin(self, wish: dict[str, Any]) -> Reply:
        request = LoadRequest(
            bytes.fromhex(wish["issuer"]),
            bytes.fromhex(wish["asn"]),
            bytes.fromhex(wish["card_random"]),
            wish["online_seq"],
            wish["balance"],
            wish["amount"],
            bytes.fromhex(wish["terminal_no"]),
            bytes.fromhex(wish["mac1"]),
        )
        centre().check_load_mac1(request)
        load_id = f"L{wish['card_random']}"
        self.wishes[load_id] = wish
        mac2 = centre().make_load_mac2(request, Moment.from_digits(DAY, TIME))
        return Reply(201, {"load_id": load_id, "date": DAY, "time": TIME, "mac2": mac2.hex()})

    def _finish(self, load_id: str, end: dict[str, Any]) -> Reply:
        wish = self.wishes[load_id]
        if end["result"] == "not_credited":
            state = "voided" if end["online_seq_after"] == wish["online_seq"] else "uncertain"
        else:
            self._check(wish, end)
            self.booked[load_id] = wish["amount"]
            state = "posted"
        self.states[load_id] = state
        return Reply(200, {"state": state})

    @staticmethod
    def _check(wish: dict[str, Any], end: dict[str, Any]) -> None:
        centre().check_load_tac(
            LoadTacInput(
                bytes.fromhex(wish["issuer"]),
                bytes.fromhex(wish["asn"]),
                end["balance_after"],
                wish["online_seq"],
                wish["amount"],
                bytes.fromhex(wish["terminal_no"]),
                Moment.from_digits(DAY, TIME),
                bytes.fromhex(end["tac"]),
            )
        )


class Load:
    """One visit to a kiosk: PIN, then 20 yuan onto the purse."""

    def __init__(self, terminal: bool = False) -> None:
        """`terminal`: it is the kiosk that loses its power."""
        self._terminal = terminal
        values, _ = card_memory()
        self._card = TornSlot("card", values)
        self._psam = TornSlot("psam", psam_memory(), psam=True)
        self._street = Street.open(centre())
        self._journal = self._street.journal()
        self._memory = VolatileMemory()  # a file in a kiosk: it survives the kiosk here too
        self._book = LoadBook()
        self._kiosk = self._switched_on()
        self._said: list[Screen] = []

    def _switched_on(self) -> Kiosk:
        """A kiosk that knows what its journal and its memory know."""
        readers = (self._card.reader, self._psam.reader)
        return Kiosk(self._street.post, KioskConfig(), *readers, self._journal, self._memory, self._book)

    @property
    def slot(self) -> Slot:
        return self._card.slot

    def run(self) -> None:
        if self._visit():
            self._said.append(self._kiosk.load(AMOUNT).screen)
        self._kiosk.leave()

    def settle(self, again: FaultPlan) -> Settled:
        ended: Ended = "completed" if self._card.purse.online > ONLINE else "undone"
        pending = bool(self._journal.pending())
        self._card.again()
        if self._terminal:
            self._psam.again()
            self._kiosk = self._switched_on()
            self._kiosk.settle_after_restart()
        self.slot.suffer(again)
        for _ in range(VISITS):
            opened = self._visit()
            self._kiosk.leave()
            if opened:
                break
            if not self.slot.occupied:
                self._card.again()
        wrong = [*self._money(ended), *self._counters(), *self._words(ended, pending)]
        self._journal.close()
        return Settled(ended, tuple(self._said), tuple(wrong))

    def _visit(self) -> bool:
        """True when the holder's page is open; an earlier load has been settled then."""
        shown = self._kiosk.insert()
        self._said.append(shown)
        if shown.code != "S-KIOSK-TRIES":
            return False
        result = self._kiosk.enter_pin(TWIN_PIN)
        self._said.append(result.screen)
        return isinstance(result.decision, Grant) and not self._journal.pending("load:" + self._asn)

    @property
    def _asn(self) -> str:
        return card_memory()[1].asn.hex()

    def _money(self, ended: Ended) -> list[str]:
        """What the card has more is what the book has booked, once."""
        wrong = []
        purse, credited = self._card.purse, AMOUNT if ended == "completed" else 0
        if (purse.balance, purse.online) != (BALANCE + credited, ONLINE + (1 if credited else 0)):
            wrong.append(f"purse {purse.balance} fen, counter {purse.online}")
        if sum(self._book.booked.values()) != credited:
            wrong.append(f"booked {self._book.booked}")
        if set(self._book.states.values()) - {"posted", "voided"}:
            wrong.append(f"loads {self._book.states}")
        events = [json.loads(event.raw) for event in self._journal.unsent(100)]
        posted = [e for e in events if e["type"] == "load" and e["body"]["outcome"] == Outcome.POSTED.value]
        if len(posted) != (1 if credited else 0):
            wrong.append(f"{len(posted)} posted load events")
        if [entry for entry in self._journal.pending() if entry.draft.type == "load"] or self._journal.open_cases():
            wrong.append("the journal still has an open load")
        return wrong

    def _counters(self) -> list[str]:
        """The right PIN of the next visit has filled the tries again."""
        tries = self._card.values.get(PIN_TRIES, b"\x06")[0]
        return [] if tries == 6 else [f"{tries} PIN tries left"]

    def _words(self, ended: Ended, pending: bool) -> list[str]:
        codes = [shown.code for shown in self._said]
        if ended == "completed":
            return [] if DONE in codes else [f"nobody says that it was loaded: {codes}"]
        if DONE in codes:
            return ["a load is called done that was not"]
        return [] if not pending or NOT_DONE in codes else [f"nobody says that it was not loaded: {codes}"]


LOAD_TERMINAL = Operation("load, terminal cut", "圈存（断终端）", lambda: Load(terminal=True), machine=True)
LOAD = Operation("load", "圈存", Load)
