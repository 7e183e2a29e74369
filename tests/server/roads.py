"""Events as terminals write them, and cards as issuance tells of them."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from card.domain.clock import business_time, to_ms
from card.domain.credential import Assurance
from card.domain.decision import decision_to_json
from card.domain.money import Fen
from card.rules import bus, hotel, scenic
from card.rules.entitlements import Entitlement
from card.rules.fares import HAIKOU_BUS
from server.desk.service import FOLLOWERS
from server.registry import service as registry
from tests.server.house import ISSUER, Device, House, Purse

LIST_AGE = {"hotlist_age_s": 10, "hotlist_max_age_s": 3 * 86_400}


@dataclass(frozen=True)
class Told:
    """One outbox row as issuance would write it."""

    position: int
    kind: str
    subject: str
    version: int
    at_ms: int
    payload: dict[str, Any]


class Town:
    """Persons and cards of a test, told to the server row by row."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.position = 0
        self.versions: dict[str, int] = {}
        self.cards: dict[str, dict[str, Any]] = {}

    def person(self, number: int, birth: str = "19900101", life: str = "1") -> str:
        person_id = f"P{number:05d}"
        self._tell(
            "person",
            person_id,
            {
                "person_id": person_id,
                "name": f"陈{number}",
                "id_type": "01",
                "id_no": f"46010019900101{number:04d}",
                "sex": "1",
                "nation": "01",
                "birth_date": birth,
                "region": "460100",
                "mobile": "",
                "life_status": life,
            },
        )
        return person_id

    def card(self, number: int, status: str = "1", *, owner: int = 0, supersedes: str = "") -> str:
        """A card of person `owner` (default the one of the same number); its id."""
        card_id = f"460100d156000005{number:08x}00000000"
        self.cards[card_id] = {
            "card_id": card_id,
            "card_no": f"A{number:08d}",
            "person_id": f"P{owner or number:05d}",
            "region": "460100",
            "status": status,
            "prev_status": "",
            "asn": f"4601{number:012d}",
            "issuer": ISSUER,
            "ecard_serial": f"4601{number:015d}",
            "ecard_status": status,
            "bank": "102",
            "account": f"6217{number:012d}",
            "account_status": "1",
            "issued": "20260101",
            "valid_to": "20360101",
            "batch": "00000001",
            "atr": "",
            "supersedes": supersedes,
            "reason": "",
        }
        self.change(card_id)
        return card_id

    def change(self, card_id: str, **values: str) -> None:
        self.cards[card_id] |= values
        self._tell("card", card_id, self.cards[card_id])

    def _tell(self, kind: str, subject: str, payload: dict[str, Any]) -> None:
        self.position += 1
        self.versions[subject] = self.versions.get(subject, 0) + 1
        row = Told(self.position, kind, subject, self.versions[subject], to_ms(self.house.clock.now()), dict(payload))
        self.take(row)

    def take(self, *rows: Told) -> int:
        context = self.house.context
        with context.store.transaction() as session:
            return registry.project(context, session, rows, FOLLOWERS)


def ride(device: Device, purse: Purse, **changes: Any) -> bytes:
    """A bus tap with this purse, decided by the rule and attested by the card; `changes` lay over the body.

    Special: `facts`, `birth`, `hotlisted`, `outcome` ("posted" debits the purse).
    """
    facts = changes.pop("facts", {"hotlist": 1, "tariff": 1})
    birth = changes.pop("birth", "19900101")
    outcome = changes.pop("outcome", "posted")
    now = business_time(device.house.clock.now())
    rider_inputs = {
        "birth_date": birth,
        "balance": purse.balance,
        "hotlisted": changes.pop("hotlisted", False),
        "valid_from": "20260101",
        "valid_to": "20360101",
        "blocked": False,
        "seconds_since_last_tap": -1,
        "clock_sure": True,
        "day": now.strftime("%Y%m%d"),
    } | LIST_AGE
    decision = bus.decide(
        bus.BusRider(
            Fen(purse.balance), _day(birth), rider_inputs["hotlisted"], date(2026, 1, 1), date(2036, 1, 1), False, None
        ),
        bus.BusFacts(HAIKOU_BUS, 10, 3 * 86_400, True),
        now.date(),
    )
    said = decision_to_json(decision)
    fare = int(str(said.get("fare", 0)))
    granted = said["answer"] == "grant"
    outcome = outcome if granted else "none"
    after = purse.balance - fare if outcome == "posted" else -1 if outcome == "uncertain" else purse.balance
    stamp, clock = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    terminal_seq = device.seq + 1
    tac = purse.debit_tac(fare, device.terminal_no, terminal_seq, stamp, clock) if outcome == "posted" else ""
    body = {
        "outcome": outcome,
        "operator": "haikou-bus",
        "line": "K1",
        "site": "K1",
        "region": "460100",
        "asn": purse.asn,
        "issuer": ISSUER,
        "card_id": "",
        "amount": fare,
        "txn_type": 9,
        "balance_before": purse.balance,
        "balance_after": after,
        "offline_seq": purse.offline_seq,
        "key_version": 1,
        "algorithm": 0,
        "psam_no": device.terminal_no,
        "terminal_seq": terminal_seq,
        "card_date": stamp,
        "card_time": clock,
        "tac": tac,
        "psam_confirmed": outcome == "posted",
        "recovered": "",
        "resolved_at": to_ms(device.house.clock.now()),
        "birth_date": birth,
        "inputs": rider_inputs,
    } | changes
    if outcome == "posted":
        purse.balance, purse.offline_seq = after, purse.offline_seq + 1
    credential = {"kind": "purse", "medium": purse.asn, "assurance": "purse", "unproven": ["birth_date"]}
    return device.mint("bus", body, changes.pop("decision", said), facts=facts, credential=credential)


def resolution(device: Device, tap: dict[str, Any], outcome: str, purse: Purse) -> bytes:
    """A later proof of an uncertain tap (`tap` is its parsed event); "posted" debits the purse now."""
    body = dict(tap["body"])
    body |= {"outcome": outcome, "of": tap["id"], "recovered": "proof"}
    body["balance_after"] = body["balance_before"] - (body["amount"] if outcome == "posted" else 0)
    if outcome == "posted":
        body["tac"] = purse.debit_tac(
            body["amount"], body["psam_no"], body["terminal_seq"], body["card_date"], body["card_time"]
        )
        purse.balance, purse.offline_seq = body["balance_after"], purse.offline_seq + 1
    return device.mint("resolution", body, tap["decision"])


def stay(device: Device, card: dict[str, Any], name: str, id_no: str, **changes: Any) -> bytes:
    """A guest registered by a proven chip."""
    day = business_time(device.house.clock.now()).date()
    inputs = {
        "genuine": True,
        "hotlisted": False,
        "valid_to": card["valid_to"],
        "birth_date": "19900101",
        "accompanied": False,
        "item_in_force": True,
        "day": day.strftime("%Y%m%d"),
    } | LIST_AGE
    guest = hotel.HotelGuest(Assurance.CHIP, True, False, date(2036, 1, 1), date(1990, 1, 1), False)
    said = decision_to_json(hotel.decide(guest, hotel.HotelFacts(10, 3 * 86_400, True), day))
    body = {
        "outcome": "posted",
        "operator": "hotel-1",
        "site": "front",
        "region": "460100",
        "stay_id": f"{device.seq + 1:032x}",
        "card_id": card["card_id"],
        "card_no": card["card_no"],
        "name": name,
        "id_no": id_no,
        "sex": "1",
        "nation": "01",
        "birth_date": "19900101",
        "valid_to": card["valid_to"],
        "room": "0801",
        "guests": 1,
        "accompanied": False,
        "check_in": to_ms(device.house.clock.now()),
        "inputs": inputs,
    } | changes
    credential = {"kind": "card", "medium": card["card_id"], "assurance": "chip", "unproven": []}
    return device.mint("hotel", body, said, credential=credential)


def entry(device: Device, serial: str, replay_key: str, **changes: Any) -> bytes:
    """A visitor let in by an offline code; needs a policy with the site's prices (see `PRICES`)."""
    day = business_time(device.house.clock.now()).date()
    inputs = {
        "rights": int(Entitlement.SENIOR_HALF),
        "rights_valid_to": "20270101",
        "hotlisted": False,
        "replay": False,
        "trust_age_s": 10,
        "trust_max_age_s": 86_400,
        "clock_sure": True,
        "inside": 0,
        "capacity": 100,
        "code_limit": -1,
        "day": day.strftime("%Y%m%d"),
    } | LIST_AGE
    visitor = scenic.ScenicVisitor(Entitlement.SENIOR_HALF, date(2027, 1, 1), False, False)
    facts = scenic.ScenicFacts(scenic.ScenicPrices("park", Fen(6800)), 10, 3 * 86_400, 10, 86_400, True, 0, 100)
    said = decision_to_json(scenic.decide(visitor, facts, day))
    body = {
        "outcome": "posted",
        "operator": "park-1",
        "site": "park",
        "lane": "1",
        "region": "460100",
        "ecard_serial": serial + "f",
        "pseudonym": "A" * 16,
        "generation": 1,
        "replay_key": replay_key,
        "code_hash": "00" * 32,
        "price": said["fare"],
        "price_class": said["price_class"],
        "rights": int(Entitlement.SENIOR_HALF),
        "rights_valid_to": "20270101",
        "catalogue_version": 1,
        "barrier": "opened",
        "site_check": "down",
        "inputs": inputs,
    } | changes
    credential = {"kind": "code", "medium": serial + "f", "assurance": "code", "unproven": []}
    return device.mint("scenic", body, said, credential=credential, facts={"hotlist": 1, "policy": 2, "trust": 1})


PRICES = {
    "kind": "scenic",
    "site": "park",
    "full_price": 6800,
    "senior_half_percent": 50,
    "minor_half_percent": 50,
    "student_percent": 50,
    "free_percent": 0,
    "capacity": 100,
}


def _day(text: str) -> date | None:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if text else None
