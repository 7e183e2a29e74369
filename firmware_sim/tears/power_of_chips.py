"""Power loss under whole chips: a card and a module on platters, used in every way that writes, then cut everywhere."""

from dataclasses import dataclass

from card.channel import standard
from card.domain.entropy import SeededEntropy
from card.domain.money import Fen
from card.files.profile import load_profile
from card.purse import PurseSession
from firmware_sim.card.chip import chip_over
from firmware_sim.card.memory import PurseState
from firmware_sim.card.slot import Slot
from firmware_sim.psam import SEQUENCE
from firmware_sim.rack import DirectReader
from firmware_sim.tears.chips import PURSE, card_memory, centre, psam_memory
from firmware_sim.tears.platter import SECTORS, PlatterDisk, Verdict, crashes
from firmware_sim.tears.power import REAL, Maker, Witness, prove, restart_with
from firmware_sim.tears.upkeep import keep_up
from keys.centre import LoadRequest
from keys.psam import PsamSession, PurchaseInit
from keys.tac import TYPE_COMPOUND, Moment

DAY, TIME = "20261123", "090000"
MOMENT = Moment.from_digits(DAY, TIME)
AMOUNT, FARE = 2_000, 170
RIDES = 2


@dataclass(frozen=True, slots=True)
class Told:
    """What a chip has told the outside by the time its disk had taken `step` steps: purse, or module sequence."""

    step: int
    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Life:
    """A chip's witness and what the chip told meanwhile."""

    witness: Witness
    told: tuple[Told, ...]


def live(maker: Maker = REAL) -> tuple[Life, Life]:
    """A card and a module: load, compound purchases, PIN, records and a key changed by the host; (card, module)."""
    values, twin = card_memory()
    card, module = Witness(PlatterDisk(), maker), Witness(PlatterDisk(), maker)
    card.create(values)
    module.create(psam_memory())
    slot = Slot("platter")
    slot.insert(chip_over(card, SeededEntropy(41, "card")))
    purse = PurseSession(standard(DirectReader(slot).connect()), load_profile("tunion"))
    place = Slot("module")
    place.insert(chip_over(module, SeededEntropy(42, "psam")))
    psam = PsamSession(standard(DirectReader(place).connect()))
    terminal = psam.terminal_number()
    purse.select()
    told: list[Told] = []
    given: list[Told] = []
    opened = purse.init_load(Fen(AMOUNT), terminal)
    balance = int(opened.balance)
    wish = LoadRequest(twin.issuer, twin.asn, opened.random, opened.online_seq, balance, AMOUNT, terminal, opened.mac1)
    purse.credit_load(DAY, TIME, centre().make_load_mac2(wish, MOMENT))
    state = PurseState(balance + AMOUNT, opened.online_seq + 1, PurseState.unpack(values[PURSE]).offline)
    told.append(Told(len(card.disk.steps), PURSE, state.pack()))
    for _ in range(RIDES):
        init = purse.init_capp(Fen(FARE), terminal)
        order = PurchaseInit(
            init.random,
            init.offline_seq,
            FARE,
            TYPE_COMPOUND,
            MOMENT,
            init.key_version,
            init.algorithm,
            twin.asn,
            twin.issuer,
        )
        answer = psam.init_purchase(order)
        given.append(Told(len(module.disk.steps), SEQUENCE, answer.terminal_seq.to_bytes(4, "big")))
        psam.credit_purchase(purse.debit(answer.terminal_seq, DAY, TIME, answer.mac1).mac2)
        state = PurseState(state.balance - FARE, state.online, state.offline + 1)
        told.append(Told(len(card.disk.steps), PURSE, state.pack()))
    keep_up(DirectReader(slot))
    return Life(card, tuple(told)), Life(module, tuple(given))


def judge_life(life: Life, maker: Maker = REAL) -> Verdict:
    """Whole state after every cut, and nothing that was told is ever taken back: no fen, no counter, no sequence."""
    verdict = prove(life.witness, SeededEntropy(43, "power"), maker)
    broken = [*verdict.broken, *_taken_back(life, maker)]
    return Verdict(verdict.cuts, verdict.states, verdict.bad + len(broken) - len(verdict.broken), tuple(broken))


def _taken_back(life: Life, maker: Maker) -> list[str]:
    """A restart right after an answer, before anything more is written, must show at least what the answer said."""
    disk, restart = life.witness.disk, restart_with(maker)
    wrong = []
    for told in life.told:
        for platter in crashes(disk.start, disk.steps[: told.step], SECTORS[0], SeededEntropy(44, "told")):
            found = restart(platter)
            if found is None or found.get(told.name, b"") != told.value:
                wrong.append(f"{told.name} was told as {told.value.hex()} and is another after the cut")
                break
    return wrong
