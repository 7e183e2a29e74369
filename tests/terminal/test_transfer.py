"""An old card's rights and balance move to a new card, and back, whatever is pulled, cut or unplugged meanwhile."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from card.channel import CardChannel, standard
from card.domain.clock import to_ms
from card.domain.entropy import SeededEntropy
from card.domain.money import Fen
from card.errors import CardBlockedError, CardError, CardLostError, HalfWrittenError
from card.files.profile import load_profile
from card.maintenance import Maintenance
from card.purse import PurseSession
from card.session import SscSession
from card.snapshot import CardSnapshot
from firmware_sim.card.chip import memory_chip
from firmware_sim.card.cos import Card
from firmware_sim.card.factory import Order, Twin
from firmware_sim.card.faults import Fault, FaultKind
from firmware_sim.card.memory import PurseState
from keys.card_crypto import CentreCardCrypto, authorise_with
from server.facts import service as facts
from server.registry import repository
from server.registry import service as registry
from terminal.device import Device
from terminal.errors import TerminalError, TransferRefusedError, TransferStateError
from terminal.memory import VolatileMemory
from terminal.scenes.transfer import CardSide, Transfer, TransferStage, spent
from terminal.scenes.transfer_money import PurseDesk
from terminal.uplink import LinkDownError, Reply, Uplink
from terminal.verifiers.card import CardVerifier, ChipProof
from tests.terminal.test_with_server import Row, Town
from tests.terminal.test_with_server import town as town  # the fixture

SSC, TUNION = load_profile("ssc-2.00"), load_profile("tunion")
OLD_SLOT, NEW_SLOT = "counter-card", "kiosk-card"
BALANCE, ON_NEW = 12_345, 100
BLANK_RIGHTS = {"living_address": "", "living_region": "", "phone": ""}
DEBIT, CREDIT, UPDATE = 0x54, 0x52, 0xDC


class CutUplink:
    """A line that goes down at the n-th exchange, before the server hears of it or after it has answered."""

    def __init__(self, inner: Uplink, at: int, after: bool) -> None:
        self._inner, self._left, self._after = inner, at, after

    def exchange(self, method: str, path: str, body: Mapping[str, object] | None) -> Reply:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise LinkDownError("cut")
        reply = self._inner.exchange(method, path, body)
        if self._left == 0:
            raise LinkDownError("cut")
        return reply

    @property
    def cut(self) -> bool:
        return self._left <= 0


class PowerCutError(Exception):
    """The terminal's process ends here."""

    code = "E-TEST"


class CutMemory(VolatileMemory):
    """A terminal that loses power at the n-th durable step, before or after it."""

    def __init__(self, at: int, after: bool) -> None:
        super().__init__()
        self.left, self._after = at, after

    def put(self, name: str, value: bytes) -> None:
        self.left -= 1
        if self.left == 0 and not self._after:
            raise PowerCutError
        super().put(name, value)
        if self.left == 0:
            raise PowerCutError


@dataclass
class Pair:
    """Two chips of one person, a terminal's memory, and a line."""

    town: Town
    device: Device
    old: Twin
    new: Twin
    memory: VolatileMemory = field(default_factory=VolatileMemory)
    uplink: Uplink | None = None
    chips: dict[str, Card] = field(default_factory=dict)
    open: list[CardChannel] = field(default_factory=list)

    def transfer(self) -> Transfer:
        desk = PurseDesk(self.uplink or self.device.uplink)
        return Transfer(desk, self.memory, self.device.post.terminal.raw, CardVerifier())

    def sides(self) -> tuple[CardSide, CardSide]:
        """Both cards as they lie in their readers now."""
        while self.open:
            self.open.pop().close()
        return self._side(OLD_SLOT, self.old), self._side(NEW_SLOT, self.new)

    def _side(self, slot: str, twin: Twin) -> CardSide:
        rack, centre = self.town.rack, self.town.house.centre
        rack.eject(slot)
        rack.insert_chip(slot, self.chips[slot])
        channel = standard(rack.reader(slot).connect())
        self.open.append(channel)
        session = SscSession(channel, SSC)
        session.select()
        snapshot = CardSnapshot(channel.atr, session.atr, session.read_basic())
        factor, original = bytes(8), bytes(range(8))
        answer = session.internal_authenticate(factor, original)
        expected = centre.authenticate("IRK", twin.f_city, twin.f_card, factor, original)
        crypto = CentreCardCrypto(centre, SSC.crypto, twin.f_city, twin.f_card)
        authorise = authorise_with(crypto, SeededEntropy(9, slot))
        return CardSide(session, PurseSession(channel, TUNION), ChipProof(snapshot, answer, expected), authorise)

    def balances(self) -> tuple[int, int]:
        """(old, new) as the chips' memories hold them."""
        old, new = (self.chips[slot].nv.need("purse/EP") for slot in (OLD_SLOT, NEW_SLOT))
        return PurseState.unpack(old).balance, PurseState.unpack(new).balance

    def books(self) -> dict[str, int]:
        """What the ledger holds for the two purses and for loads on the road, fen."""
        wanted = {
            f"{kind}:{twin.asn.hex()}" for twin in (self.old, self.new) for kind in ("purse", "suspense:transfer")
        }
        found = self.town.house.balances()
        return {name: -fen for name, fen in found.items() if name in wanted | {"suspense:load"}}

    def crypto(self, twin: Twin) -> CentreCardCrypto:
        return CentreCardCrypto(self.town.house.centre, SSC.crypto, twin.f_city, twin.f_card)


@dataclass
class Bureau:
    """Makes pairs on one server."""

    town: Town
    device: Device
    made: int = 0

    def pair(self, other_person: bool = False, **fields: str) -> Pair:
        self.made += 2
        number, factory = self.made, self.town.factory
        old_values, old = factory.card_values(Order(number))
        citizen = {} if other_person else {"citizen_no": old.citizen_no}
        new_values, new = factory.card_values(Order(number + 1, fields={**citizen, **BLANK_RIGHTS, **fields}))
        old_values["purse/EP"] = PurseState(BALANCE, 0, 0).pack()
        new_values["purse/EP"] = PurseState(ON_NEW, 0, 0).pack()
        pair = Pair(self.town, self.device, old, new)
        for slot, values in ((OLD_SLOT, old_values), (NEW_SLOT, new_values)):
            pair.chips[slot] = memory_chip(values, SeededEntropy(number, slot))
        self._tell(pair, number, other_person)
        return pair

    def _tell(self, pair: Pair, number: int, other_person: bool) -> None:
        """Both cards belong to one person in the registry, unless `other_person`."""
        town, context = self.town, self.town.house.context
        town.tell(pair.old, number, "19900101", "1")
        town.tell(pair.new, number + 1, "19900101", "1")
        if other_person:
            return
        with context.store.reading() as session:
            card = registry_card(session, pair.new.asn.hex())
        town.rows += 1
        payload = {**card, "person_id": f"p{number}"}
        at = to_ms(town.house.clock.now())
        with context.store.transaction() as session:
            registry.project(context, session, [Row(town.rows, "card", town.rows, at, payload)], [facts.follow_card])


def registry_card(session: object, asn: str) -> dict[str, object]:
    card = repository.card_by_asn(session, asn)  # type: ignore[arg-type]
    assert card is not None
    return {name: getattr(card, name) for name in card.__slots__ if name not in ("version", "changed_at")}


@pytest.fixture
def bureau(town: Town) -> Iterator[Bureau]:
    yield Bureau(town, town.device("counter-1", "counter", "service-hall", "hall-1", psam=3))


def conserved(pair: Pair, on_the_road: bool = False) -> None:
    """Chips and books together hold what was there; on the road never more, and what lacks is known to somebody."""
    chips, books = sum(pair.balances()), pair.books()
    waiting = sum(fen for name, fen in books.items() if name.startswith("suspense:transfer:"))
    held = books.get("suspense:load", 0)
    if on_the_road:
        assert chips + waiting <= BALANCE + ON_NEW
    else:
        assert (chips, waiting, held) == (BALANCE + ON_NEW, 0, 0)


def until_done(pair: Pair, deed: Callable[[CardSide, CardSide], object], tries: int = 6) -> object:
    """Present both cards again and again, as people do."""
    for _ in range(tries):
        try:
            return deed(*pair.sides())
        except (CardError, TerminalError, PowerCutError):
            continue
    raise AssertionError("the transfer never came to its end")


def test_rights_and_balance_move_and_the_old_card_ends(bureau: Bureau) -> None:
    pair = bureau.pair()
    old, new = pair.sides()
    rights = old.session.read_ref("DF01/EF06", old.authorise)
    state = pair.transfer().move(old, new)
    assert (state.stage, state.moved) == (TransferStage.MOVED.value, BALANCE)
    assert set(state.places) == {f"DF01/EF06/{name}" for name in BLANK_RIGHTS}
    assert pair.balances() == (0, BALANCE + ON_NEW)
    old, new = pair.sides()
    assert new.session.read_ref("DF01/EF06", new.authorise) == rights
    assert old.session.read_ref("DF01/EF06", old.authorise) == rights
    assert pair.books()[f"purse:{pair.new.asn.hex()}"] == BALANCE

    def retire(side: CardSide) -> None:
        side.purse.select()
        side.session.select()
        Maintenance(side.session, pair.crypto(pair.old)).block_application(permanent=True)

    confirmed = pair.transfer().confirm(*pair.sides(), retire)
    assert confirmed.stage == TransferStage.CONFIRMED.value
    with pytest.raises(CardBlockedError):
        pair.sides()


def test_until_confirmed_it_can_be_undone_and_done_again(bureau: Bureau) -> None:
    pair = bureau.pair()
    pair.transfer().move(*pair.sides())
    undone = pair.transfer().undo(*pair.sides())
    assert undone.stage == TransferStage.UNDONE.value
    assert pair.balances() == (BALANCE, ON_NEW)
    _, new = pair.sides()
    found = new.session.read_ref("DF01/EF06", new.authorise)
    assert isinstance(found, dict) and all(found[name] == "" for name in BLANK_RIGHTS)
    assert pair.transfer().undo(*pair.sides()) == undone
    again = pair.transfer().move(*pair.sides())
    assert again.run == 2 and pair.balances() == (0, BALANCE + ON_NEW)
    pair.transfer().confirm(*pair.sides())
    with pytest.raises(TransferStateError):
        pair.transfer().undo(*pair.sides())
    conserved(pair)


def test_what_the_new_card_holds_already_stays(bureau: Bureau) -> None:
    pair = bureau.pair(phone="13811112222")
    state = pair.transfer().move(*pair.sides())
    assert "DF01/EF06/phone" in state.kept and "DF01/EF06/phone" not in state.places
    pair.transfer().undo(*pair.sides())
    _, new = pair.sides()
    assert new.session.read_ref("DF01/EF06/phone", new.authorise) == "13811112222"


def test_two_peoples_cards_are_refused(bureau: Bureau) -> None:
    pair = bureau.pair(other_person=True)
    with pytest.raises(TransferRefusedError):
        pair.transfer().move(*pair.sides())
    old, _ = pair.sides()
    with pytest.raises(TransferRefusedError):
        pair.transfer().move(old, old)
    assert pair.balances() == (BALANCE, ON_NEW)


def test_the_server_too_refuses_an_heir_of_another_person(bureau: Bureau) -> None:
    pair = bureau.pair(other_person=True)
    old, new = pair.sides()
    public, heir = old.purse.select(), new.purse.select()
    old.purse.select()
    terminal = pair.device.post.terminal.raw
    opened = old.purse.init_unload(Fen(1), terminal)
    with pytest.raises(TerminalError, match="E-UNLOAD-HEIR"):
        PurseDesk(pair.device.uplink).begin_unload(public, heir.asn.raw.hex(), Fen(1), opened, terminal)


def test_money_spent_from_the_new_card_stays_spent(bureau: Bureau) -> None:
    pair = bureau.pair()
    state = pair.transfer().move(*pair.sides())
    _, new = pair.sides()
    assert spent(state, new.purse) == Fen(0)


FAULTS = [
    (OLD_SLOT, "tear_before_write", DEBIT, "move"),
    (OLD_SLOT, "tear_after_write", DEBIT, "undo"),
    (OLD_SLOT, "drop_answer", DEBIT, "move"),
    (NEW_SLOT, "tear_before_write", CREDIT, "undo"),
    (NEW_SLOT, "tear_after_write", CREDIT, "move"),
    (NEW_SLOT, "drop_answer", CREDIT, "undo"),
    (NEW_SLOT, "tear_before_write", UPDATE, "undo"),
    (NEW_SLOT, "tear_after_write", UPDATE, "move"),
]


@pytest.mark.parametrize(("slot", "kind", "ins", "then"), FAULTS)
def test_a_card_torn_in_the_middle_loses_nothing(
    bureau: Bureau, slot: str, kind: FaultKind, ins: int, then: str
) -> None:
    pair = bureau.pair()
    sides = pair.sides()
    pair.town.rack.fault(slot, Fault(kind, ins=ins))
    with pytest.raises((CardLostError, HalfWrittenError)):
        pair.transfer().move(*sides)
    conserved(pair, on_the_road=True)
    until_done(pair, getattr(pair.transfer(), then))
    conserved(pair)
    assert pair.balances() == ((0, BALANCE + ON_NEW) if then == "move" else (BALANCE, ON_NEW))


@pytest.mark.parametrize("after", [False, True], ids=["before the server hears", "after it has answered"])
def test_a_line_that_goes_down_at_any_exchange_loses_nothing(bureau: Bureau, after: bool) -> None:
    points = 0
    while True:
        points += 1
        then = "undo" if points % 2 == after else "move"
        pair = bureau.pair()
        line = CutUplink(pair.device.uplink, points, after)
        pair.uplink = line
        try:
            pair.transfer().move(*pair.sides())
        except LinkDownError:
            pair.uplink = None
            until_done(pair, getattr(pair.transfer(), then))
        if not line.cut:
            break
        conserved(pair)
        assert pair.balances() == ((0, BALANCE + ON_NEW) if then == "move" else (BALANCE, ON_NEW)), points
    assert points > 5


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_power_cut_at_any_durable_step_loses_nothing(bureau: Bureau, after: bool) -> None:
    points = 0
    while True:
        points += 1
        then = "undo" if points % 2 == after else "move"
        pair = bureau.pair()
        pair.memory = CutMemory(points, after)
        try:
            pair.transfer().move(*pair.sides())
        except PowerCutError:
            conserved(pair, on_the_road=True)
            begun = pair.transfer().state(pair.sides()[0]) is not None
            if begun or then == "move":
                until_done(pair, getattr(pair.transfer(), then))
            conserved(pair)
        else:
            break
        assert pair.balances() == ((0, BALANCE + ON_NEW) if then == "move" else (BALANCE, ON_NEW)), points
    assert points > 8
