"""A branch: everything from a file of applicants to a card in use, behind one door."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from card.domain.clock import Clock, to_ms
from card.domain.entropy import Entropy
from card.pin import Pin
from card.readers.reader import Reader
from issuance import stock
from issuance.application.desk import Acceptance, ApplicationDesk, Approval, Officer
from issuance.bank import Bank
from issuance.bank_leg import Outcome
from issuance.database import Engine, reading, transaction
from issuance.handout import HandOutCounter
from issuance.key_budget import KeyBudget
from issuance.lifecycle import CardView, Lifecycle, view
from issuance.maintenance_desk import MaintenanceDesk
from issuance.personalization.batch import BatchResult, BatchRun, ProgressCallback
from issuance.personalization.content import CardModel
from issuance.personalization.machine import Feeder, Machine
from issuance.personalization.machine_pcsc import PcscMachine
from issuance.personalization.makings import MakingBook
from issuance.personalization.proof import ProofWatch
from issuance.population import Population
from issuance.reference import load_reference
from issuance.settings import IssuanceSettings
from issuance.stock import StockCount
from keys.centre import KeyCentre

ENCODERS = tuple(f"encoder-{number}" for number in range(8))


class Encoders(Feeder, Protocol):
    """Encoder slots with their readers."""

    def reader(self, slot: str) -> Reader: ...


@dataclass(frozen=True, slots=True)
class Connectors:
    """The outside offices: the police register, and the banks by their three-digit code."""

    population: Population
    banks: Mapping[str, Bank]


def _silent(_event: object) -> None:
    """Nobody watches."""


class Branch:
    """Clerk and approver are different people; every method names what it raises where the work is done."""

    def __init__(
        self,
        engine: Engine,
        centre: KeyCentre,
        connectors: Connectors,
        clock: Clock,
        entropy: Entropy,
        clerk: Officer,
        approver: Officer,
        settings: IssuanceSettings | None = None,
    ) -> None:
        self._engine = engine
        self._centre = centre
        self._clock = clock
        self._entropy = entropy
        self._clerk = clerk
        self._approver = approver
        self._settings = settings or IssuanceSettings()
        reference = load_reference()
        self.model = CardModel(*self._settings.profiles)
        self.lifecycle = Lifecycle(engine, clock=clock, banks=connectors.banks, rules=self._settings.lifecycle)
        self._desk = ApplicationDesk(
            engine,
            clock=clock,
            population=connectors.population,
            banks=connectors.banks,
            reference=reference,
            rules=self._settings.rules(self.model.card_profile.text_codec),
            number_prefix=self._settings.card_number_prefix,
        )
        self.key_budget = KeyBudget(
            engine, clock=clock, place=self._settings.place, limits=self._settings.budget, officer=clerk.person
        )
        self._book = MakingBook(
            engine,
            clock=clock,
            centre=centre,
            model=self.model,
            settings=self._settings,
            reference=reference,
            budget=self.key_budget,
        )
        self.maintenance = MaintenanceDesk(
            engine, model=self.model, centre=centre, entropy=entropy, budget=self.key_budget
        )

    def accept(self, applicants: Path, on_progress: Callable[[int, int], None] | None = None) -> Acceptance:
        """The clerk takes a file: orders for good rows, refusals for the rest. FormTextError, FormHeaderError."""
        return self._desk.accept(applicants, self._clerk, on_progress)

    def approve(self, on_progress: Callable[[int, int], None] | None = None) -> Approval:
        """The approver releases what waits; accounts are opened. SeparationError when it is the clerk."""
        return self._desk.approve(self._approver, on_progress)

    def receive_blanks(self, batch: bytes, count: int, keepers: tuple[str, str]) -> None:
        """A delivery of blank chips, `batch` 4 bytes; two vault keepers sign. SeparationError."""
        with transaction(self._engine) as session:
            stock.receive(session, self._settings.place, batch.hex(), count, keepers, to_ms(self._clock.now()))

    def return_blanks(self, batch: bytes, count: int, keepers: tuple[str, str]) -> None:
        """Blanks that are not needed go back. StockShortError, SeparationError."""
        with transaction(self._engine) as session:
            stock.give_back(session, self._settings.place, batch.hex(), count, keepers, to_ms(self._clock.now()))

    def stock(self) -> StockCount:
        """What became of every chip received."""
        with reading(self._engine) as session:
            return stock.count(session, self._settings.place)

    def waiting(self) -> list[str]:
        """Approved orders that have no chip yet."""
        return self._book.waiting_orders()

    def personalize(
        self,
        encoders: Encoders,
        chips: Sequence[Path],
        progress: ProgressCallback = _silent,
        slots: Sequence[str] = ENCODERS,
    ) -> BatchResult:
        """Cards out of chips, one thread a slot, until either is used up; also continues a run that was stopped.

        The first chip whose key is in doubt stops every slot: `BatchResult.stops` says why, and so does
        `key_budget.stops()` until a second person lifts it there (`key_budget.lift`).
        """
        watch = ProofWatch(self._entropy, self._settings.proof_limit_ms)
        machines: dict[str, Machine] = {
            slot: PcscMachine(
                slot,
                encoders.reader(slot),
                encoders,
                model=self.model,
                centre=self._centre,
                entropy=self._entropy,
                watch=watch,
            )
            for slot in slots
        }
        return BatchRun(self._book, machines, progress).run(chips)

    def hand_out(self, card_id: str, reader: Reader, new_pin: str, receiver: str = "self") -> Outcome:
        """The card in `reader` becomes its holder's: chip proven, PIN changed, possession recorded."""
        counter = HandOutCounter(self.model, self._centre, self._entropy)
        counter.change_initial_pin(reader, card_id, Pin(new_pin))
        return self.lifecycle.hand_out(card_id, receiver)

    def enable(self, card_id: str) -> Outcome:
        """Sealed to normal; a predecessor ends. NotHandedOutError, TransitionRefusedError."""
        return self.lifecycle.enable(card_id)

    def order_replacement(self, card_id: str, reason: str, bank: str = "") -> str:
        """A new card for the holder of this one; to be approved like any order. Returns the order number."""
        return self.lifecycle.replace(card_id, self._clerk.person, reason, bank)

    def card(self, card_id: str) -> CardView:
        """The card as the store has it."""
        return view(self._engine, card_id)
