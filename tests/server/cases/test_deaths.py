"""One notice of death stops card, code, purse and next payment, names what is owed back, and can be taken back."""

from collections.abc import Iterator
from datetime import date

import pytest

from firmware_sim.bank import SimBank, make_banks
from issuance.bank import AccountRequest
from server.benefit import service as benefit
from server.benefit.book import RegistryBook
from server.benefit.prepare import prepare
from server.benefit.roll import Programme, Roll, RollEntry
from server.cases import service as cases
from server.cases.errors import DeathConflictError, DeathDateError, DeathPersonError, DeathUnknownError
from server.cases.service import DeathNotice, DeathView
from server.ledger import service as ledger
from tests.server.house import House
from tests.server.roads import Town

FEN = 20_000
PEOPLE = (("prepare", "a"), ("check", "b"), ("approve", "c"), ("release", "d"))


class Parish:
    """A town with one item and a bank, and issuance reduced to what it tells after a death."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.town = Town(house)
        self.bank: SimBank = make_banks(["102"], house.clock)["102"]
        self.names: dict[int, tuple[str, str]] = {}
        item = Programme(
            "ELDER", "高龄津贴", "琼民发1号", 10**9, FEN, FEN, "20260101", "20271231", "高龄津贴", disclosure_days=0
        )
        with house.context.store.transaction() as session:
            benefit.create_programme(session, item)

    def citizen(self, number: int) -> str:
        """A living person of id type 08 (no check digit) with a card, an account and 500 fen in the purse."""
        person = self.town.person(number)
        card_id = self.town.card(number)
        self.town._tell("person", person, self._person(number, "1"))
        name, id_no = f"陈{number}", f"E{number:08d}"
        request = AccountRequest(f"o{number}", "08", id_no, name, "长期", "1", "19400101", "CHN", "", "")
        self.town.change(card_id, account=self.bank.pre_open(request))
        with self.house.context.store.transaction() as session:
            asn = self.town.cards[card_id]["asn"]
            ledger.post(
                session,
                key=f"l{number}",
                at_ms=1_700_000_000_000,
                debit="bank:102",
                credit=f"purse:{asn}",
                fen=500,
                memo="load",
            )
        self.names[number] = (name, id_no)
        return card_id

    def _person(self, number: int, life: str) -> dict[str, str]:
        return {
            "person_id": f"P{number:05d}",
            "name": f"陈{number}",
            "id_type": "08",
            "id_no": f"E{number:08d}",
            "sex": "1",
            "nation": "01",
            "birth_date": "19400101",
            "region": "460100",
            "mobile": "",
            "life_status": life,
        }

    def cancel_death(self, id_no: str, name: str, on: date, source: str) -> object:
        """What issuance does, as its outbox tells it."""
        number = int(id_no[1:])
        for card_id, card in list(self.town.cards.items()):
            if card["person_id"] == f"P{number:05d}" and card["status"] != "9":
                self.town.change(card_id, status="9", reason="deceased")
        self.town._tell("person", f"P{number:05d}", self._person(number, "2"))
        return None

    def die(self, number: int, on: date) -> DeathView:
        name, id_no = self.names[number]
        notice = DeathNotice(id_no, name, on, "police", "clerk")
        context = self.house.context
        return cases.receive(context.store, notice, stopper=self, sync=lambda: None, clock=context.clock)

    def prepare(self, period: str, *numbers: int) -> str:
        entries = tuple(RollEntry(self.names[n][1], self.names[n][0], FEN) for n in numbers)
        roll = Roll("ELDER", period, entries, len(entries), FEN * len(entries))
        with self.house.context.store.transaction() as session:
            at_ms = self.house.context.now_ms()
            return prepare(session, RegistryBook(session), roll, actor="a", at_ms=at_ms).batch_no

    def pay(self, period: str, *numbers: int) -> str:
        return self.send(self.prepare(period, *numbers))

    def send(self, batch_no: str) -> str:
        desk, path = self.house.console, f"/operator/benefit/batches/{batch_no}"
        desk.post(f"{path}:publicize", {"actor": "a", "on": "20261101", "proof": "list.jpg"})
        for step, actor in PEOPLE[1:]:
            desk.post(f"{path}:{step}", {"actor": actor})
        assert set(desk.post(f"{path}:send", {})["files"].values()) <= {True}
        desk.post("/operator/benefit/returns:collect", {})
        return batch_no

    def rules(self, batch_no: str) -> list[tuple[str, str]]:
        lines = self.house.console.get(f"/operator/benefit/batches/{batch_no}/lines")["lines"]
        return [(line["state"], line["rule"]) for line in lines]


@pytest.fixture
def parish(house: House) -> Iterator[Parish]:
    found = Parish(house)
    house.context.connectors.banks["102"] = found.bank  # type: ignore[index]
    yield found


def test_everything_stops_and_what_is_owed_is_named(parish: Parish, house: House) -> None:
    card_id = parish.citizen(1)
    parish.citizen(2)
    paid_before, paid_after = parish.pay("202609", 1, 2), parish.pay("202611", 1, 2)
    waiting = parish.prepare("202612", 1, 2)
    found = parish.die(1, date(2026, 10, 5))
    assert parish.rules(paid_before) == parish.rules(paid_after) == [("PAID", ""), ("PAID", "")]
    assert parish.rules(waiting) == [("BLOCKED", "PV05"), ("READY", "")]
    assert parish.rules(parish.prepare("202701", 1, 2)) == [("BLOCKED", "PV05"), ("READY", "")]
    assert found.owed_fen == FEN and found.heirs_fen == 500 and found.case_id
    assert {stop.kind for stop in found.stops} == {"card", "code", "purse", "payment", "owed_back"}
    assert all(stop.at_ms > 0 for stop in found.stops)
    desk = house.console.get(f"/operator/cards/{card_id}")
    assert desk["status"] == "9" and desk["listed_since"] > 0
    balances = house.balances()
    assert balances["recovery:P00001"] == FEN
    assert balances["suspense:lost:4601000000000001"] == -500
    assert house.invariants()["ledger_sums_to_zero"]["ok"]
    assert parish.die(1, date(2026, 10, 5)) == found
    assert house.balances() == balances


def test_what_was_on_the_way_is_claimed_when_it_is_paid(parish: Parish, house: House) -> None:
    parish.citizen(1)
    account = next(iter(parish.town.cards.values()))["account"]
    parish.bank.plant(account, "timeout")
    batch_no = parish.pay("202611", 1)
    found = parish.die(1, date(2026, 10, 5))
    assert parish.rules(batch_no) == [("UNKNOWN", "")] and found.owed_fen == 0
    house.console.post("/operator/benefit/queries", {})
    assert house.console.get(f"/operator/deaths/{found.notice_id}")["owed_fen"] == FEN
    assert house.balances()["recovery:P00001"] == FEN


def test_a_claim_ends_when_the_bank_sends_the_money_back(parish: Parish, house: House) -> None:
    parish.citizen(1)
    account = next(iter(parish.town.cards.values()))["account"]
    parish.bank.plant(account, "late_return")
    parish.pay("202611", 1)
    found = parish.die(1, date(2026, 10, 5))
    assert found.owed_fen == FEN
    parish.bank.release_late()
    house.console.post("/operator/benefit/returns:collect", {})
    assert house.console.get(f"/operator/deaths/{found.notice_id}")["owed_fen"] == 0
    assert "recovery:P00001" not in house.balances() and "treasury:ELDER" not in house.balances()


def test_a_wrong_notice_is_taken_back(parish: Parish, house: House) -> None:
    parish.citizen(1)
    parish.pay("202611", 1)
    before = house.balances()
    waiting = parish.prepare("202612", 1)
    found = parish.die(1, date(2026, 10, 5))
    assert cases.release_heirs(house.context, found.notice_id) == 500
    assert house.balances()["heirs:P00001"] == -500
    back = house.console.post(f"/operator/deaths/{found.notice_id}:withdraw", {"actor": "b", "why": "wrong person"})
    assert back["withdrawn"] and back["owed_fen"] == 0
    after = house.balances()
    assert after.pop("suspense:lost:4601000000000001") == before.pop("purse:4601000000000001") == -500
    assert after == before
    assert (
        house.console.call("POST", f"/operator/deaths/{found.notice_id}:withdraw", {"actor": "b", "why": "x"}).status
        == 409
    )
    # The lost month is paid back by a new roll, once the register says that the person lives and has a card again.
    parish.town._tell("person", "P00001", parish._person(1, "1"))
    parish.town.change(next(iter(parish.town.cards)), status="1", reason="")
    assert parish.rules(waiting) == [("BLOCKED", "PV05")]
    house.console.post(f"/operator/benefit/batches/{waiting}:reject", {"actor": "b", "why": "wrong notice"})
    assert parish.rules(parish.pay("202612", 1)) == [("PAID", "")]


def test_a_notice_that_cannot_be(parish: Parish) -> None:
    parish.citizen(1)
    with pytest.raises(DeathDateError):
        parish.die(1, date(2026, 11, 24))
    parish.names[1] = ("别人", parish.names[1][1])
    with pytest.raises(DeathPersonError):
        parish.die(1, date(2026, 10, 5))
    parish.names[1] = ("陈1", parish.names[1][1])
    parish.die(1, date(2026, 10, 5))
    with pytest.raises(DeathConflictError):
        parish.die(1, date(2026, 10, 6))


def test_the_desk_records_a_death_without_issuance(parish: Parish, house: House) -> None:
    parish.citizen(1)
    name, id_no = parish.names[1]
    answer = house.console.post(
        "/operator/deaths", {"id_no": id_no, "name": name, "date": "20261005", "source": "civil affairs"}
    )
    assert answer["person_id"] == "P00001" and not answer["withdrawn"]
    assert parish.rules(parish.prepare("202612", 1)) == [("BLOCKED", "PV05")]
    wrong = house.console.call(
        "POST", "/operator/deaths", {"id_no": id_no, "name": "别人", "date": "20261005", "source": "x"}
    )
    assert wrong.status in (404, 409) and wrong.body["code"] == "E-DEATH-PERSON" and wrong.body["message_zh"]


def test_an_unknown_notice(house: House) -> None:
    with house.context.store.reading() as session, pytest.raises(DeathUnknownError):
        cases.view(session, "DN-none")
