"""A bus ride cut anywhere, on the card or on the module: the validator's own recovery, and every fen counted."""

import json
from typing import Any, Literal, TypeAlias

from firmware_sim.bench.street import Street
from firmware_sim.card.faults import FaultPlan
from firmware_sim.card.slot import Slot
from firmware_sim.psam import SEQUENCE
from firmware_sim.tears.chips import BALANCE, OFFLINE, TornSlot, card_memory, centre, psam_memory
from firmware_sim.tears.cutting import Ended, Operation, Settled
from keys.centre import PurchaseTacInput
from keys.errors import KeysError
from keys.tac import Moment
from terminal.bus.main import BusValidator
from terminal.config import BusConfig
from terminal.screen import Screen

Cut: TypeAlias = Literal["card", "psam", "terminal"]
FARE = 170
AWAY_S = 20  # within the time of one ride
PAID, RECOVERED, NOT_CHARGED = "S-BUS-PAID", "S-BUS-RECOVERED", "S-BUS-NOT-CHARGED"
TORN = ("E-CARD-LOST", "D-CARD-MOVED", "E-PSAM-LOST")
TRIES = 5  # a module torn out needs a tap to be noticed and another to be powered again


class Ride:
    """One person, one card, one ride to pay: `compound` with a trip record or simple."""

    def __init__(self, cut: Cut, compound: bool, contactless: bool = False) -> None:
        self._cut = cut
        self._compound = compound
        values, self._twin = card_memory()
        self._card = TornSlot("card", values, contactless=contactless)
        self._psam = TornSlot("psam", psam_memory(), psam=True)
        self._street = Street.open(centre())
        self._journal = self._street.journal()
        self._bus = self._switched_on()
        self._said: list[Screen] = []

    def _switched_on(self) -> BusValidator:
        """A validator that knows what its journal knows."""
        config = BusConfig(compound=self._compound)
        return BusValidator(self._street.post, config, self._card.reader, self._psam.reader, self._journal)

    @property
    def slot(self) -> Slot:
        return (self._psam if self._cut == "psam" else self._card).slot

    def run(self) -> None:
        self._said.append(self._bus.tap().screen)

    def settle(self, again: FaultPlan) -> Settled:
        ended: Ended = "completed" if self._card.purse.offline > OFFLINE else "undone"
        pending = bool(self._journal.pending())
        self._card.again()
        self._put_back()
        if self._cut == "terminal":
            self._psam.again()
            self._bus = self._switched_on()
        self.slot.suffer(again)
        self._street.clock.advance(AWAY_S)
        while not self._over() and len(self._said) <= TRIES:
            self._said.append(self._bus.tap().screen)
            self._put_back()
        wrong = [*self._money(), *self._records(), *self._words(ended, pending)]
        self._journal.close()
        return Settled(ended, tuple(self._said), tuple(wrong))

    def _over(self) -> bool:
        return bool(self._said) and self._said[-1].code in (PAID, RECOVERED)

    def _put_back(self) -> None:
        """What is torn out is put back; a module that was not goes on working as if nothing had been."""
        for torn in (self._card, self._psam):
            if not torn.slot.occupied:
                torn.again()

    def _money(self) -> list[str]:
        """One ride, one fare: on the card, in the counter, in the events, in the module."""
        wrong = []
        purse, paid = self._card.purse, self._bodies("posted")
        if (purse.balance, purse.offline) != (BALANCE - FARE, OFFLINE + 1):
            wrong.append(f"purse {purse.balance} fen, counter {purse.offline}")
        if len(paid) != 1:
            wrong.append(f"{len(paid)} paid events")
        wrong += [f"TAC of event {body['terminal_seq']} is wrong" for body in paid if not self._proven(body)]
        sequences = [body["terminal_seq"] for body in self._bodies("") if body["terminal_seq"] > 0]
        if len(set(sequences)) != len(sequences):
            wrong.append(f"module sequences used twice: {sequences}")
        if int.from_bytes(self._psam.chip.nv.need(SEQUENCE), "big") < max(sequences, default=0):
            wrong.append("the module has forgotten a sequence it gave")
        if self._journal.pending() or self._journal.open_cases():
            wrong.append("the journal still has an open ride")
        return wrong

    def _records(self) -> list[str]:
        """The debit's own log entry, and the trip record with it or not at all."""
        values = self._card.values
        logged = values.get("cy/EP/0018", bytes(2))[0]
        trips = values.get("cy/EP/001E", bytes(2))[0]
        wanted = (1, 1 if self._compound else 0)
        return [] if (logged, trips) == wanted else [f"{logged} log entries and {trips} trip records"]

    def _words(self, ended: Ended, pending: bool) -> list[str]:
        """The torn tap is called paid exactly when it is, and an open one is answered by the next."""
        torn = 0 if self._cut == "terminal" else 1  # a terminal without power says nothing
        first, later = [shown.code for shown in self._said[:torn]], [shown.code for shown in self._said[torn:]]
        spoken = [line[0] for shown in self._said for line in shown.lines] + [shown.zh for shown in self._said]
        if ended == "completed":
            return [] if PAID in first or RECOVERED in later else [f"nobody says that it was paid: {later}"]
        if any(code not in TORN for code in first):
            return [f"the torn tap showed {first}"]
        told = any(NOT_PAID in line for line in spoken)
        return [] if told or not pending else ["nobody says that it was not paid"]

    def _bodies(self, outcome: str) -> list[dict[str, Any]]:
        events = [json.loads(event.raw) for event in self._journal.unsent(100)]
        bodies = [event["body"] for event in events if event["type"] in ("bus", "resolution")]
        return [body for body in bodies if not outcome or body.get("outcome") == outcome]

    def _proven(self, body: dict[str, Any]) -> bool:
        if not body["tac"]:
            return False
        moment = Moment.from_digits(body["card_date"], body["card_time"])
        terminal, tac = bytes.fromhex(body["psam_no"]), bytes.fromhex(body["tac"])
        sequence, kind = body["terminal_seq"], body["txn_type"]
        wanted = PurchaseTacInput(self._twin.issuer, self._twin.asn, FARE, terminal, sequence, moment, tac, kind=kind)
        try:
            centre().check_purchase_tac(wanted)
        except KeysError:
            return False
        return True


NOT_PAID = "上次刷卡未扣款"

COMPOUND = Operation("compound purchase, card cut", "复合消费（断卡）", lambda: Ride("card", compound=True))
IN_THE_AIR = Operation(
    "compound purchase, card leaves the field", "复合消费（非接触离场）", lambda: Ride("card", True, contactless=True)
)
SIMPLE = Operation("purchase, card cut", "消费（断卡）", lambda: Ride("card", compound=False))
COMPOUND_PSAM = Operation("compound purchase, module cut", "复合消费（断PSAM）", lambda: Ride("psam", compound=True))
COMPOUND_TERMINAL = Operation(
    "compound purchase, terminal cut", "复合消费（断终端）", lambda: Ride("terminal", compound=True), machine=True
)
SIMPLE_PSAM = Operation("purchase, module cut", "消费（断PSAM）", lambda: Ride("psam", compound=False))
