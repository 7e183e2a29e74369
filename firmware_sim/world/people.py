"""The people of a world: holders with their cards, purses and phones. Chips are copies of personalised templates."""

from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from card.domain.clock import Clock, business_date, to_ms
from card.domain.entropy import Entropy
from card.rules.entitlements import by_age, to_days, valid_to
from firmware_sim.card.chip import memory_chip
from firmware_sim.card.cos import Card
from firmware_sim.card.factory import Order, Twin, TwinFactory
from firmware_sim.card.memory import PurseState, purse_name
from firmware_sim.world.chance import Chance
from firmware_sim.world.keys import centre
from firmware_sim.world.truth import PURSE_DIR
from keys.code.sign import AuthorisationRequest, CodeIssuer, Wallet, stand_in_user_key
from keys.code.token import IssuerArea

# One of these per holder: a child, adults, half fare at the bus, free rides.
BIRTHS = ("20150610", "19900101", "19780704", "20010228", "19591231", "19601115", "19480520", "19530303")
BANK = "102"
NORMAL, FORMAL_LOSS, TEMPORARY_LOSS, CANCELLED = "1", "2", "4", "9"
SPARE = 100  # numbers of replacement cards begin here


@dataclass
class Plastic:
    """One card. `gone`: nobody will ever present it again. `finder`: a stranger has it."""

    number: int
    twin: Twin
    chip: Card
    state: str = NORMAL
    version: int = 0
    supersedes: str = ""
    finder: bool = False
    gone: bool = False
    wallet: Wallet | None = None
    wallet_ends_ms: int = 0
    code: bytes = b""  # the last one shown

    @property
    def asn(self) -> str:
        """16 digits."""
        return self.twin.asn.hex()

    @property
    def card_id(self) -> str:
        return self.twin.card_id.hex()

    @property
    def ecard_serial(self) -> str:
        """19 digits."""
        return f"4601{self.number:015d}"


@dataclass
class Holder:
    """One person; the newest card is the last."""

    number: int
    name: str = field(repr=False)
    birth: str = field(repr=False)
    cards: list[Plastic] = field(default_factory=list)

    @property
    def card(self) -> Plastic:
        return self.cards[-1]

    @property
    def born(self) -> date:
        return date(int(self.birth[:4]), int(self.birth[4:6]), int(self.birth[6:]))


def settle_in(number: int, chance: Chance, chips: Entropy) -> Holder:
    """A person with a card and an opening balance: mostly enough for some rides, now and then next to nothing."""
    birth = BIRTHS[number % len(BIRTHS)]
    holder = Holder(number, f"陈{chr(0x4E00 + 37 * number)}", birth)
    balance = chance.between(0, 300) if chance.odds(20) else chance.between(1_000, 9_000)
    holder.cards.append(make_card(holder, number, chips, balance))
    return holder


def make_card(holder: Holder, number: int, chips: Entropy, balance: int = 0, supersedes: str = "") -> Plastic:
    """A card fresh from the encoder, with what the opening load left in its purse."""
    values, twin = _template(number, holder.name, holder.birth)
    chip = memory_chip({**values, purse_name(PURSE_DIR): PurseState(balance, 1, 1).pack()}, chips)
    return Plastic(number, twin, chip, supersedes=supersedes)


def wallet_of(holder: Holder, card: Plastic, issuer: CodeIssuer, clock: Clock) -> Wallet:
    """The phone with a valid authorisation, fetched anew when the old one has run out."""
    now = to_ms(clock.now())
    if card.wallet is None or now >= card.wallet_ends_ms:
        day = business_date(clock.now())
        last = valid_to(holder.born, day)
        area = IssuerArea(1, int(by_age(holder.born, day)), to_days(last))
        key = stand_in_user_key(centre().hsm, card.ecard_serial)
        ends = issuer.expiry_ms(now, last)
        request = AuthorisationRequest(card.ecard_serial, f"PS{holder.number:014d}", key.public, area, ends)
        card.wallet, card.wallet_ends_ms = Wallet(key, issuer.authorise(request)), ends
    return card.wallet


@lru_cache(maxsize=1000)
def _template(number: int, name: str, birth: str) -> tuple[dict[str, bytes], Twin]:
    """A personalised chip's memory, made once a process."""
    fields = {"name": name, "name_ext": "", "birth_date": birth}
    return _factory().card_values(Order(number, fields=fields))


@lru_cache(maxsize=1)
def _factory() -> TwinFactory:
    return TwinFactory(centre(), _Zero())


class _Zero:
    """Chance of the factory's bench: its challenges protect nothing here."""

    def token(self, length: int) -> bytes:
        return bytes(length)
