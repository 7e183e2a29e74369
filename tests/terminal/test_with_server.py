"""Terminals and the real server meet at the wire: enrolment, facts, bus, kiosk load, hotel receipt, gate, loss."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from card.domain.clock import to_ms
from card.domain.decision import Deny, DenyReason, Grant
from card.domain.entropy import SeededEntropy
from card.domain.event import Outcome
from card.domain.money import Fen
from card.rules.entitlements import by_age, to_days, valid_to
from firmware_sim.card.factory import TWIN_PIN, Order, Twin, TwinFactory
from firmware_sim.card.faults import Fault
from firmware_sim.card.memory import PurseState
from firmware_sim.card.store import create_file
from firmware_sim.rack import DirectRack
from keys.code.sign import AuthorisationRequest, Wallet, code_issuer, stand_in_user_key
from keys.code.token import IssuerArea
from server.context import Connectors
from server.facts import service as facts
from server.hotel.police import StayReceipt, StayReport
from server.registry import service as registry
from terminal.bus.main import BusValidator
from terminal.config import BusConfig, KioskConfig, TerminalConfig, VenueConfig
from terminal.device import Device, Origin, open_device
from terminal.hotel.main import HotelDesk
from terminal.journal import Verdict
from terminal.journal_sqlite import history
from terminal.kiosk.main import Kiosk
from terminal.scenes.hotel import StayRequest
from terminal.uplink_http import HttpUplink
from terminal.venue.main import Venue
from tests.server.house import House, open_house
from tests.terminal.test_venue import PRICES, SITE, Arm


class Police:
    """Answers every stay."""

    def __init__(self) -> None:
        self.stays: list[StayReport] = []

    def register_stay(self, stay: StayReport) -> StayReceipt:
        self.stays.append(stay)
        return StayReceipt(f"P{len(self.stays):04d}")


@dataclass(frozen=True)
class Row:
    """One outbox row, as issuance writes it."""

    position: int
    kind: str
    version: int
    at_ms: int
    payload: dict[str, Any]


@dataclass
class Town:
    """A server, a rack, a factory of twins and devices with a line."""

    house: House
    rack: DirectRack
    factory: TwinFactory
    folder: Path
    police: Police
    rows: int = 0

    def device(self, device_id: str, kind: str, operator: str, site: str, psam: int = 0) -> Device:
        """Enrolled over the real route; its uplink stays in the process."""
        wish = {"device_id": device_id, "kind": kind, "operator": operator, "site": site, "place": "460100"}
        code = self.house.console.post("/operator/devices:invite", wish)["one_time_code"]
        psam_no = ""
        if psam:
            path = self.folder / f"psam-{psam}.chip"
            psam_no = self.factory.psam(path, psam).hex()
            self.rack.insert(f"{kind}-psam", path)
        config = TerminalConfig(device_id=device_id, operator=operator, site=site, region="460100")
        clock, entropy = self.house.clock, SeededEntropy(5, device_id)
        origin = Origin(config, kind, clock, entropy, psam_no=psam_no, profile="test", keep_sent=True)
        client = self.house.client
        return open_device(origin, lambda key: HttpUplink(client, device_id, key, clock, entropy), code)

    def readers(self, kind: str) -> tuple[Any, Any]:
        return self.rack.reader(f"{kind}-card"), self.rack.reader(f"{kind}-psam")

    def card(self, number: int, birth: str = "19900101", balance: int = 0) -> tuple[Path, Twin]:
        """A twin whose holder and card the server knows."""
        values, twin = self.factory.card_values(Order(number, fields={"birth_date": birth}))
        values["purse/EP"] = PurseState(balance, 0, 0).pack()
        path = self.folder / f"card-{number}.chip"
        create_file(path, values)
        self.tell(twin, number, birth, "1")
        return path, twin

    def tell(self, twin: Twin, number: int, birth: str, status: str) -> None:
        """What issuance would say of this card now."""
        at = to_ms(self.house.clock.now())
        person = {
            "person_id": f"p{number}",
            "name": "王小明",
            "id_type": "01",
            "id_no": twin.citizen_no,
            "sex": "1",
            "nation": "01",
            "birth_date": birth,
            "region": "460100",
            "mobile": "13800000000",
            "life_status": "1",
        }
        card = {
            "card_id": twin.card_id.hex(),
            "card_no": twin.card_no,
            "person_id": f"p{number}",
            "region": "460100",
            "status": status,
            "prev_status": "0",
            "asn": twin.asn.hex(),
            "issuer": twin.issuer.hex(),
            "ecard_serial": f"4601{number:015d}",
            "ecard_status": "1",
            "bank": "102",
            "account": "6200000000000001",
            "account_status": "1",
            "issued": "20260115",
            "valid_to": "20360114",
            "batch": "54570001",
            "atr": "",
            "supersedes": "",
            "reason": "",
        }
        self.rows += 2
        rows = [Row(self.rows - 1, "person", self.rows, at, person), Row(self.rows, "card", self.rows, at, card)]
        context = self.house.context
        with context.store.transaction() as session:
            registry.project(context, session, rows, [facts.follow_card])

    def bus(self) -> tuple[BusValidator, Device]:
        device = self.device("bus-1", "bus", "haikou-bus", "line-k1", psam=1)
        validator = BusValidator(device.post, BusConfig(), *self.readers("bus"), device.journal, device.sync)
        validator.sync()
        return validator, device

    def kiosk(self) -> Kiosk:
        device = self.device("kiosk-1", "kiosk", "service-hall", "hall-1", psam=2)
        kiosk = Kiosk(
            device.post,
            KioskConfig(),
            *self.readers("kiosk"),
            device.journal,
            device.memory,
            device.uplink,
            device.sync,
        )
        device.on_notice = kiosk.take_notice
        kiosk.sync()
        return kiosk


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    police = Police()
    with open_house(f"sqlite:///{tmp_path / 'server.db'}", tmp_path, Connectors(police=police)) as house:
        entropy = SeededEntropy(3)
        yield Town(house, DirectRack(entropy), TwinFactory(house.centre, entropy), tmp_path, police)


def verdicts(device: Device) -> list[tuple[Verdict | None, str]]:
    return [(event.verdict, event.code) for event in history(device.journal)]


def test_load_then_ride_then_statement(town: Town) -> None:
    path, twin = town.card(1)
    kiosk = town.kiosk()
    town.rack.insert("kiosk-card", path)
    kiosk.insert()
    assert kiosk.enter_pin(TWIN_PIN).screen.code == "S-KIOSK-OPEN"
    assert kiosk.load(Fen(5_000)).screen.code == "S-LOAD-DONE"
    kiosk.leave()
    town.rack.eject("kiosk-card")
    kiosk.sync()
    purse = f"purse:{twin.asn.hex()}"
    assert town.house.balances(purse) == {purse: -5_000}

    bus, device = town.bus()
    town.rack.insert("bus-card", path)
    ride = bus.tap()
    town.rack.eject("bus-card")
    assert ride.outcome is Outcome.POSTED
    report = bus.sync()
    assert report.upload.verdicts == {Verdict.ACCEPTED: 1} and device.journal.kept() == []
    assert town.house.balances(purse) == {purse: -4_830}

    town.rack.insert("kiosk-card", path)
    kiosk.insert()
    kiosk.enter_pin(TWIN_PIN)
    shown = kiosk.statement()
    assert (
        "48.30" in shown.zh and any("K1" in zh for zh, _ in shown.lines) and any("50.00" in zh for zh, _ in shown.lines)
    )
    invariants = town.house.invariants()
    assert all(entry["ok"] for entry in invariants.values()), invariants


def test_a_lost_card_is_refused_after_the_next_sync(town: Town) -> None:
    path, twin = town.card(2, balance=5_000)
    bus, device = town.bus()
    town.tell(twin, 2, "19900101", "4")
    town.rack.insert("bus-card", path)
    assert bus.tap().outcome is Outcome.POSTED  # on the old list: accepted, and the event names it
    town.house.clock.advance(60)
    report = bus.sync()
    assert [(fact.kind, fact.version) for fact in report.facts if fact.kind == "hotlist"] == [("hotlist", 2)]
    assert bus.tap().decision == Deny(DenyReason.HOTLISTED)
    bus.sync()
    events = [json.loads(event.raw) for event in history(device.journal)]
    assert [event["facts"]["hotlist"] for event in events] == [1, 2]


def test_torn_uncertain_and_resolved_arrives_without_a_conflict(town: Town) -> None:
    path, _ = town.card(3, balance=5_000)
    bus, device = town.bus()
    town.rack.fault("bus-card", Fault("tear_after_write", 0x54))
    town.rack.insert("bus-card", path)
    bus.tap()
    town.rack.eject("bus-card")
    town.house.clock.advance(700)
    bus.sync()  # gives up waiting: uncertain
    assert town.house.balances("suspense:uncertain") == {"suspense:uncertain": -170}
    town.rack.insert("bus-card", path)
    bus.tap()
    bus.sync()
    assert verdicts(device) == [(Verdict.ACCEPTED, "")] * 3
    assert town.house.balances("suspense:uncertain") == {}
    assert town.house.balances("operator:haikou-bus") == {"operator:haikou-bus": -340}


def test_hotel_receipt_arrives_by_notice(town: Town) -> None:
    path, twin = town.card(4)
    device = town.device("hotel-1", "hotel", "haikou-hotel", "front-desk", psam=4)
    desk = HotelDesk(device.post, *town.readers("hotel"), device.journal, device.memory, device.sync)
    device.on_notice = desk.take_notice
    desk.sync()
    town.rack.insert("hotel-card", path)
    assert desk.check_in(StayRequest("1208")).outcome is Outcome.POSTED
    stay_id = json.loads(device.journal.unsent(1)[0].raw)["body"]["stay_id"]
    assert desk.receipt(stay_id) is None
    desk.sync()
    desk.sync()
    receipt = desk.receipt(stay_id)
    assert receipt is not None and receipt["receipt_no"] == "P0001"
    assert town.police.stays[0].id_no == twin.citizen_no and verdicts(device) == [(Verdict.ACCEPTED, "")]


def test_a_code_at_a_second_site(town: Town) -> None:
    context = town.house.context
    with context.store.transaction() as session:
        facts.publish(context, session, "policy", [PRICES])
    sites = []
    for number in (1, 2):
        device = town.device(f"gate-{number}", "scenic", SITE.operator, SITE.site)
        venue = Venue(device.post, VenueConfig(), device.journal, device.memory, device.uplink, device.sync)
        venue.sync()
        sites.append((venue, device))
    town.card(5, "19620505")
    code = phone_of(town, 5, date(1962, 5, 5))
    (first, one), (second, two) = sites
    assert first.lane("A", Arm()).show(code).outcome is Outcome.POSTED
    assert second.lane("A", Arm()).show(code).decision == Deny(DenyReason.REPLAYED)
    first.sync()
    second.sync()
    assert verdicts(one) == verdicts(two) == [(Verdict.ACCEPTED, "")]


def park(town: Town) -> tuple[Venue, Device]:
    """A venue with the policy of its site."""
    context = town.house.context
    with context.store.transaction() as session:
        facts.publish(context, session, "policy", [PRICES])
    device = town.device("gate-1", "scenic", SITE.operator, SITE.site)
    venue = Venue(device.post, VenueConfig(), device.journal, device.memory, device.uplink, device.sync)
    venue.sync()
    return venue, device


def test_an_online_token_is_redeemed_once_and_needs_the_line(town: Town) -> None:
    venue, device = park(town)
    _, twin = town.card(6, "19620505")
    wish = {"card_id": twin.card_id.hex()}
    token = str(town.house.console.post("/operator/codes:token", wish)["token"]).encode()
    entered = venue.lane("A", Arm()).show(token)
    assert entered.outcome is Outcome.POSTED and entered.decision == Grant(Fen(3_000), "senior-half")
    again = venue.lane("B", Arm()).show(token)
    assert again.decision == Deny(DenyReason.EXPIRED) and again.screen.code == "E-TOKEN-NOT-REDEEMED"
    town.house.clock.advance(1)
    late = str(town.house.console.post("/operator/codes:token", wish)["token"]).encode()
    town.house.clock.advance(61)
    assert venue.lane("A", Arm()).show(late).screen.code == "E-TOKEN-NOT-REDEEMED"
    assert venue.lane("A", Arm()).show(b"OCT1NOTATOKEN").screen.code == "E-TOKEN-FORM"
    venue.sync()
    assert set(verdicts(device)) == {(Verdict.ACCEPTED, "")}


def test_an_expired_code_and_a_forged_one_are_accepted_as_denials(town: Town) -> None:
    venue, device = park(town)
    code = phone_of(town, 7, date(1990, 1, 1))
    town.house.clock.advance(601)
    lane = venue.lane("A", Arm())
    assert lane.show(code).decision == Deny(DenyReason.EXPIRED)
    assert lane.show(code[:-1] + bytes([code[-1] ^ 1])).decision == Deny(DenyReason.EXPIRED)
    assert lane.show(b"\x81").decision == Deny(DenyReason.NOT_GENUINE)
    venue.sync()
    assert verdicts(device) == [(Verdict.ACCEPTED, "")] * 3


def phone_of(town: Town, number: int, birth: date) -> bytes:
    """The code a holder's phone shows now."""
    store, now = town.house.centre.hsm, to_ms(town.house.clock.now())
    day = town.house.clock.now().date()
    serial = f"4601{number:015d}"
    last = valid_to(birth, day)
    area = IssuerArea(1, int(by_age(birth, day)), to_days(last))
    key, issuer = stand_in_user_key(store, serial), code_issuer(store)
    request = AuthorisationRequest(serial, f"PS{number:014d}", key.public, area, issuer.expiry_ms(now, last))
    return Wallet(key, issuer.authorise(request)).show(now)
