"""A parish for tests of money over HTTP: people with cards and accounts, an item, a bank, four at the desk."""

from datetime import date

from firmware_sim.bank import SimBank, make_banks
from issuance.bank import AccountRequest
from server.benefit import service as benefit
from server.benefit.book import RegistryBook
from server.benefit.prepare import prepare
from server.benefit.roll import Programme, Roll, RollEntry
from server.cases import service as cases
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
