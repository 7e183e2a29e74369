"""Ground truth: what the chips themselves say about every debit and load, seen from outside all software."""

from dataclasses import dataclass, field

from firmware_sim.card.cos import Card
from firmware_sim.card.memory import PurseState, purse_name
from firmware_sim.world.errors import demand

PURSE_DIR = "EP"
PURSE_MAX = 10_000_000


# (ASN, offline sequence, terminal number, card date and time): one debit of one purse.
Tap = tuple[str, int, str, str]


@dataclass(frozen=True, slots=True)
class Moved:
    """What one presentation did to a purse, fen: `debited` None = no debit (a free ride debits 0)."""

    debited: int | None = None
    loaded: int | None = None


NOTHING = Moved()


@dataclass
class Truth:
    """Debits by tap, loads by (ASN, online sequence), fen."""

    debits: dict[Tap, int] = field(default_factory=dict)
    loads: dict[tuple[str, int], int] = field(default_factory=dict)
    _known: dict[str, PurseState] = field(default_factory=dict)

    def begin(self, asn: str, chip: Card) -> None:
        """Know a purse from now on."""
        self._known[asn] = state_of(chip)

    def watch(self, asn: str, chip: Card, terminal: str, moment: str) -> Moved:
        """Compare a purse with what was known of it, after one presentation at `terminal` at its time `moment`."""
        before, now = self._known[asn], state_of(chip)
        if now == before:
            return NOTHING
        self._known[asn] = now
        demand(0 <= now.balance <= PURSE_MAX, "purse_never_negative", f"{asn} holds {now.balance}")
        debits, loads = now.offline - before.offline, now.online - before.online
        demand(debits + loads == 1, "one_presentation_one_transaction", f"{asn}: {debits} debits, {loads} loads")
        change = now.balance - before.balance
        if loads:
            self.loads[(asn, before.online)] = change
            demand(change > 0, "loads_add", f"{asn}: load of {change}")
            return Moved(loaded=change)
        self.debits[(asn, before.offline, terminal, moment)] = -change
        demand(change <= 0, "debits_take", f"{asn}: debit of {-change}")
        return Moved(debited=-change)

    def balance(self, asn: str) -> int:
        """What is on the chip, fen."""
        return self._known[asn].balance

    def total(self) -> int:
        """What is on all chips, fen."""
        return sum(state.balance for state in self._known.values())


def state_of(chip: Card) -> PurseState:
    """Balance and counters of a chip, wherever it is."""
    return PurseState.unpack(chip.nv.need(purse_name(PURSE_DIR)))
