"""Targets that talk: our sessions with a card that answers nonsense, and the twin with a reader that asks it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from card import bank, purses
from card.certificate import CertificateSession
from card.channel import CardChannel, standard
from card.domain.money import Fen
from card.errors import CardLostError
from card.files.profile import load_profile
from card.medical import MedicalSession
from card.pin import Pin
from card.purse import PurseSession
from card.session import SscSession
from card.snapshot import read_purse, read_ssc
from firmware_sim.card.chip import memory_chip
from firmware_sim.card.cos import Card
from firmware_sim.card.factory import Order, TwinFactory
from firmware_sim.psam import PsamChip, memory_psam
from firmware_sim.world.keys import centre
from keys.certificate import CertificatePins
from keys.psam import PsamSession, PurchaseInit
from keys.tac import Moment
from tests.fuzz.inputs import Inputs, pick
from tests.fuzz.parsers import COMMANDS

ANSWERS = tuple(
    bytes.fromhex(text) for text in ("9000", "6A82", "6985", "63C2", "6100", "6C00", "6CFF", "61FF", "", "90")
)
TERMINAL = bytes(6)
MOST_ANSWERS = 400


@dataclass
class GarbageChannel:
    """A card gone mad: right answers, damaged ones, noise, none at all. Behind it a good twin, so that talks go on."""

    inputs: Inputs
    chip: Card | PsamChip
    madness: int
    answers: list[bytes] = field(default_factory=list)

    @property
    def atr(self) -> bytes:
        good = self.chip.atr
        return self.inputs.damaged(good) if self.inputs.odds(self.madness // 4) else good

    def transmit(self, apdu: bytes) -> bytes:
        if len(self.answers) >= MOST_ANSWERS:
            raise CardLostError("the fuzzer has had enough")
        good = self.chip.process(apdu)
        if self.inputs.odds(self.madness):
            kind = self.inputs.below(4)
            if kind == 0:
                good = pick(self.inputs, ANSWERS)
            elif kind == 1:
                good = self.inputs.noise()
            else:
                good = self.inputs.damaged(good)
        self.answers.append(good)
        return good

    def reset(self) -> bytes:
        self.chip.power_on()
        return self.atr

    def close(self) -> None:
        """Nothing to let go of."""


Talk = Callable[[CardChannel, Inputs], object]


def reading(channel: CardChannel, inputs: Inputs) -> object:
    """`card read`."""
    snapshot = read_ssc(channel)
    return repr(snapshot), snapshot.personalised, snapshot.name, snapshot.bound_to_atr


def purse_reading(channel: CardChannel, inputs: Inputs) -> object:
    """Numbers, balance, logs."""
    return repr(read_purse(channel, entries=3))


def holder(channel: CardChannel, inputs: Inputs) -> object:
    """PIN, the files behind it, the proof of the chip."""
    session = SscSession(channel, load_profile("ssc-2.00"))
    session.select()
    session.internal_authenticate(bytes(8), bytes(8))
    session.verify_pin(Pin("654321"))
    session.select_dir("DF01")
    return session.read_dir("DF01")


def paying(channel: CardChannel, inputs: Inputs) -> object:
    """A compound purchase, a load and the proof, with cryptograms that fit nothing."""
    session = PurseSession(channel, load_profile("tunion"))
    session.select()
    session.init_load(Fen(100), TERMINAL)
    begun = session.init_capp(Fen(0), TERMINAL)
    if inputs.odds(50):
        session.debit(1, "20260115", "083000", bytes(4))
    return begun, session.prove("capp", 0), session.credit_load("20260115", "083000", bytes(4))


def everything(channel: CardChannel, inputs: Inputs) -> object:
    """Every purse, the bank's number, the medical accounts."""
    order = ("tunion", "cityunion")
    found = [repr(purse) for purse in purses.find(channel, order)]
    pan = bank.read_pan(channel)
    medical = MedicalSession(channel, load_profile("ssc-2.00"))
    medical.select()
    medical.verify_pin(Pin("654321"))
    return found, repr(pan), medical.accounts(), medical.details(2)


def writing(channel: CardChannel, inputs: Inputs) -> object:
    """A typed write with a key that is none."""
    session = SscSession(channel, load_profile("ssc-2.00"))
    session.select()
    if inputs.odds(30):
        session.change_pin(Pin("654321"), Pin("135790"))
    values = {"valid_to": "20460114", "issued": "20260115"}
    return session.write("SSSE/EF05", values, lambda key, challenge: challenge[:8] + bytes(8))


def certificates(channel: CardChannel, inputs: Inputs) -> object:
    """Certificate, public key, PIN, signature of a 3.00 card."""
    session = CertificateSession(channel, load_profile("ssc-3.00"))
    session.select()
    read = session.pin_state(), session.certificate(), session.certificate("encryption")
    session.verify_pin(Pin("123456"), CertificatePins())
    made = session.generate_key()
    assert len(made) == len(session.public_key()) == len(session.sign(bytes(32))) == 64, "lengths"
    assert len(session.generate_encryption_key()) == 64, "lengths"
    return read


def module(channel: CardChannel, inputs: Inputs) -> object:
    """A PSAM as a terminal uses it."""
    session = PsamSession(channel)
    moment = Moment(bytes.fromhex("20260115"), bytes.fromhex("083000"))
    wish = PurchaseInit(bytes(4), 0, 100, 9, moment, 1, 0, bytes(8), bytes(8))
    session.terminal_number()
    session.authenticate_internal(0x11, bytes(8), bytes(8), bytes(8), bytes(8))
    session.init_purchase(wish)
    session.credit_purchase(bytes(4))
    return session.serial()


CARD_TALKS: tuple[Talk, ...] = (reading, purse_reading, holder, paying, everything, writing)
CHIPS = (("ssc-2.00", "tunion", "cityunion", "pboc-debit"), ("ssc-3.00", "tunion-sm4", "pboc-debit"))


class Talkers:
    """One good card and one good PSAM, taken afresh for every talk."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        factory = TwinFactory(centre(), inputs)
        self._cards = [factory.card_values(Order(1, profiles=profiles))[0] for profiles in CHIPS]
        self._psam = factory.psam_state(1)

    def card(self, generation: int = 0) -> Card:
        """A personalised twin, powered: of 2.00, or of 3.00; over contacts or in a field."""
        chip = memory_chip(self._cards[generation], self.inputs)
        if self.inputs.odds(20):
            chip.power_on("contactless")
        else:
            chip.power_on("contact", "T=1" if generation and self.inputs.odds(50) else "T=0")
        return chip

    def psam(self) -> PsamChip:
        """The PSAM twin, powered."""
        chip = memory_psam(self._psam, self.inputs)
        chip.power_on()
        return chip

    def talk(self) -> tuple[str, GarbageChannel, Callable[[], object]]:
        """(name, the mad card, the talk to be run with it)."""
        madness = (5, 20, 60)[self.inputs.below(3)]
        if self.inputs.odds(25):
            channel, work = GarbageChannel(self.inputs, self.psam(), madness), module
        elif self.inputs.odds(10):
            channel, work = GarbageChannel(self.inputs, self.card(1), madness), certificates
        else:
            channel = GarbageChannel(self.inputs, self.card(), madness)
            work = CARD_TALKS[self.inputs.below(len(CARD_TALKS))]
        return f"{work.__name__} with a mad card", channel, lambda: work(standard(channel), self.inputs)


class Askers:
    """Random commands to the twins: any bytes must be answered with a status word."""

    FRESH_EVERY = 500

    def __init__(self, inputs: Inputs, talkers: Talkers) -> None:
        self.inputs = inputs
        self._talkers = talkers
        self._left = 0
        self._chip: Card | PsamChip | None = None
        self._heads: Sequence[bytes] = COMMANDS

    def ask(self) -> tuple[str, bytes, Callable[[], object]]:
        """(name, the command, the asking)."""
        if self._chip is None or self._left == 0:
            self._chip = self._talkers.psam() if self.inputs.odds(20) else self._talkers.card(self.inputs.below(2))
            self._left = self.FRESH_EVERY
        self._left -= 1
        chip, command = self._chip, self._command()
        return f"{type(chip).__name__} asked", command, lambda: answered(chip, command)

    def _command(self) -> bytes:
        kind = self.inputs.below(4)
        if kind == 0:
            return self.inputs.noise()
        if kind == 1:
            return pick(self.inputs, self._heads)
        if kind == 2:
            return self._extended()
        return self.inputs.damaged(pick(self.inputs, self._heads), self._heads)

    def _extended(self) -> bytes:
        """A command in the long form, its lengths right or wrong."""
        data = self.inputs.token(self.inputs.below(700))
        length = (len(data) if self.inputs.odds(80) else self.inputs.below(65_536)).to_bytes(2, "big")
        tail = self.inputs.token(2) if self.inputs.odds(50) else b""
        return pick(self.inputs, self._heads)[:4] + b"\0" + length + data + tail


def answered(chip: Card | PsamChip, command: bytes) -> None:
    """An answer has a status word that exists: 61 to 6F or 9x (ISO/IEC 7816-3 §12.2.1)."""
    answer = chip.process(command)
    assert len(answer) >= 2, "no status word"
    assert answer[-2] in range(0x61, 0x70) or answer[-2] & 0xF0 == 0x90, f"status word {answer[-2:].hex()}"
