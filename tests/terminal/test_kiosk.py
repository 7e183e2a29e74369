"""The kiosk: tries told before typing, statement, load; a load torn away is found out and credited once."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from card.domain.decision import Deny, DenyReason, Grant
from card.domain.event import Outcome
from card.domain.lifecycle import Medium
from card.domain.money import Fen
from card.domain.scene import Place
from card.pin import Pin
from firmware_sim.card.factory import TWIN_PIN
from firmware_sim.card.faults import Fault
from keys.centre import LoadRequest, LoadTacInput
from keys.tac import Moment
from terminal.config import KioskConfig
from terminal.counter.main import CounterDesk
from terminal.errors import LinkDownError
from terminal.journal_sqlite import SqliteJournal
from terminal.kiosk.main import Kiosk
from terminal.memory import VolatileMemory
from terminal.sync import Notice
from terminal.uplink import Reply
from tests.terminal.street import Street, centre, list_entry, purse_dialect, purse_of

HALL = Place("service-hall", "hall-1", "460100")
LINE = {"at": 1_772_413_200_000, "kind": "bus", "amount": -170, "why_zh": "乘车 K1", "why_en": "bus K1"}


class LoadServer:
    """The server's side of loads and statements, by the key centre's own checks."""

    def __init__(self) -> None:
        self.loads: dict[str, dict[str, Any]] = {}
        self.states: dict[str, str] = {}
        self.down = False
        self.refuse = False
        self.mute_finish = False

    def exchange(self, method: str, path: str, body: Mapping[str, object] | None) -> Reply:
        if self.down:
            raise LinkDownError("test")
        wish: dict[str, Any] = dict(body or {})
        if path.endswith("/kiosk/statements"):
            return Reply(200, {"name_masked": "王**", "purse_book_balance": 4_830, "lines": [LINE]})
        if path.endswith("/purse/loads"):
            return self._begin(wish)
        return self._finish(path.split("/")[-1].partition(":")[0], wish)

    def _begin(self, wish: dict[str, Any]) -> Reply:
        if self.refuse:
            return Reply(409, {"code": "E-PURSE-BLOCKED"})
        request = LoadRequest(
            bytes.fromhex(wish["issuer"]),
            bytes.fromhex(wish["asn"]),
            bytes.fromhex(wish["card_random"]),
            wish["online_seq"],
            wish["balance"],
            wish["amount"],
            bytes.fromhex(wish["terminal_no"]),
            bytes.fromhex(wish["mac1"]),
        )
        centre().check_load_mac1(request)
        load_id = f"L{wish['card_random']}"
        self.loads[load_id] = wish
        mac2 = centre().make_load_mac2(request, Moment.from_digits("20260302", "090000"))
        return Reply(201, {"load_id": load_id, "date": "20260302", "time": "090000", "mac2": mac2.hex()})

    def _finish(self, load_id: str, end: dict[str, Any]) -> Reply:
        if self.mute_finish:
            raise LinkDownError("test")
        wish = self.loads.get(load_id, {"online_seq": end["online_seq_after"]})
        if end["result"] == "not_credited":
            state = "voided" if end["online_seq_after"] == wish["online_seq"] else "uncertain"
        else:
            check_load_tac(wish, end["tac"], end["balance_after"])
            state = "posted"
        self.states[load_id] = state
        return Reply(200, {"state": state})


def check_load_tac(wish: Mapping[str, Any], tac: str, balance_after: int) -> None:
    centre().check_load_tac(
        LoadTacInput(
            bytes.fromhex(wish["issuer"]),
            bytes.fromhex(wish["asn"]),
            balance_after,
            wish["online_seq"],
            wish["amount"],
            bytes.fromhex(wish["terminal_no"]),
            Moment.from_digits("20260302", "090000"),
            bytes.fromhex(tac),
        )
    )


class Hall:
    """A kiosk with its card slot."""

    def __init__(self, street: Street, dialect: str = "init_plus_1") -> None:
        self.street, self.server = street, LoadServer()
        rack = street.rack
        rack.insert("kiosk-psam", street.psam(5))
        self.journal: SqliteJournal = street.journal(5)
        self.kiosk = Kiosk(
            street.post(5, HALL),
            KioskConfig(),
            rack.reader("kiosk-card"),
            rack.reader("kiosk-psam"),
            self.journal,
            VolatileMemory(),
            self.server,
            purse_profile=purse_dialect(dialect),
        )

    def visit(self, path: Path, pin: Pin = TWIN_PIN) -> Any:
        self.street.rack.insert("kiosk-card", path)
        self.kiosk.insert()
        return self.kiosk.enter_pin(pin)

    def out(self) -> None:
        self.kiosk.leave()
        self.street.rack.eject("kiosk-card")

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        events = [json.loads(event.raw) for event in self.journal.unsent(100)]
        return [event["body"] for event in events if event["type"] == kind]


@pytest.fixture
def street(tmp_path: Path) -> Street:
    street = Street.open(tmp_path)
    street.give("hotlist", [])
    return street


@pytest.fixture
def hall(street: Street) -> Hall:
    return Hall(street)


def test_tries_are_shown_before_typing_and_count_down(hall: Hall) -> None:
    path, _ = hall.street.card(1)
    hall.street.rack.insert("kiosk-card", path)
    shown = hall.kiosk.insert()
    assert shown.code == "S-KIOSK-TRIES" and "6" in shown.zh
    wrong = hall.kiosk.enter_pin(Pin("111111"))
    assert wrong.screen.code == "E-PIN-WRONG" and ("还可尝试 5 次", "5 tries left") in wrong.screen.lines
    for _ in range(4):
        hall.kiosk.enter_pin(Pin("111111"))
    assert "1" in hall.kiosk.insert().zh
    assert hall.kiosk.enter_pin(Pin("111111")).screen.code in ("E-PIN-WRONG", "E-PIN-BLOCKED")
    assert hall.kiosk.insert().code == "E-PIN-BLOCKED"


def test_right_pin_opens_the_page_and_the_statement(hall: Hall) -> None:
    path, twin = hall.street.card(1)
    result = hall.visit(path)
    assert isinstance(result.decision, Grant) and result.outcome is Outcome.POSTED
    shown = hall.kiosk.statement()
    assert "48.30" in shown.zh and any("乘车 K1" in zh for zh, _ in shown.lines)
    [body] = hall.bodies("kiosk")
    assert body["inputs"]["assurance"] == "chip_pin" and twin.citizen_no not in json.dumps(body)
    hall.server.down = True
    assert hall.kiosk.statement().code == "E-LINK-DOWN"


def test_a_listed_card_opens_nothing(hall: Hall) -> None:
    path, twin = hall.street.card(1)
    hall.street.give("hotlist", [list_entry(Medium.CARD.value, twin.card_id)], version=2)
    assert hall.visit(path).decision == Deny(DenyReason.HOTLISTED)
    with pytest.raises(ValueError, match="not open"):
        hall.kiosk.statement()


def test_a_load_is_credited_and_attested(hall: Hall) -> None:
    path, _ = hall.street.card(1, balance=100)
    hall.visit(path)
    result = hall.kiosk.load(Fen(5_000))
    hall.out()
    assert result.outcome is Outcome.POSTED and "51.00" in result.screen.zh
    assert purse_of(path).balance == 5_100 and purse_of(path).online == 4
    [body] = hall.bodies("load")
    assert body["balance_after"] == 5_100 and hall.server.states == {body["load_id"]: "posted"}
    check_load_tac(body, body["tac"], body["balance_after"])


def test_limits_refusal_and_a_dead_line_leave_the_purse_alone(hall: Hall) -> None:
    path, _ = hall.street.card(1, balance=100)
    hall.visit(path)
    assert hall.kiosk.load(Fen(50_001)).screen.code == "E-LOAD-AMOUNT"
    hall.server.refuse = True
    assert hall.kiosk.load(Fen(1_000)).screen.code == "E-LOAD-REFUSED"
    hall.server.down = True
    assert hall.kiosk.load(Fen(1_000)).screen.code == "E-LINK-DOWN"
    hall.out()
    assert purse_of(path).balance == 100 and hall.bodies("load") == [] and not hall.journal.pending()


TEARS = [("tear_before_write", "voided"), ("tear_after_write", "posted"), ("drop_answer", "posted")]


@pytest.mark.parametrize("dialect", ["init", "init_plus_1"])
@pytest.mark.parametrize(("kind", "state"), TEARS)
def test_a_torn_load_is_found_out_when_the_card_is_back(street: Street, kind: Any, state: str, dialect: str) -> None:
    hall = Hall(street, dialect)
    path, _ = street.card(1, balance=100, options={"prove_sequence": dialect})
    hall.visit(path)
    hall.street.rack.fault("kiosk-card", Fault(kind, 0x52))
    torn = hall.kiosk.load(Fen(2_000))
    hall.out()
    assert torn.screen.code == "D-CARD-MOVED" and len(hall.journal.pending()) == 1
    back = hall.visit(path)
    hall.out()
    credited = state == "posted"
    assert back.screen.code == ("S-LOAD-DONE" if credited else "S-LOAD-NOT-DONE")
    assert list(hall.server.states.values()) == [state] and not hall.journal.pending()
    assert purse_of(path).balance == (2_100 if credited else 100)
    [body] = hall.bodies("load")
    assert body["outcome"] == state
    if credited:
        check_load_tac(body, body["tac"], body["balance_after"])


def test_a_torn_load_is_settled_before_another_load(hall: Hall) -> None:
    path, _ = hall.street.card(1, balance=100)
    hall.visit(path)
    hall.street.rack.fault("kiosk-card", Fault("tear_before_write", 0x52))
    hall.kiosk.load(Fen(2_000))
    hall.out()
    hall.visit(path)
    assert hall.kiosk.load(Fen(2_000)).outcome is Outcome.POSTED
    hall.out()
    assert purse_of(path).balance == 2_100
    assert [body["outcome"] for body in hall.bodies("load")] == ["voided", "posted"]


def test_a_lost_finish_is_told_by_the_event(hall: Hall) -> None:
    path, _ = hall.street.card(1)
    hall.visit(path)
    hall.server.mute_finish = True
    assert hall.kiosk.load(Fen(1_000)).outcome is Outcome.POSTED
    assert hall.server.states == {} and hall.bodies("load")[0]["tac"]


def test_the_server_asks_about_a_load_that_never_reached_a_card(hall: Hall) -> None:
    hall.kiosk.take_notice(Notice(1, "load_proof_wanted", {"load_id": "Lunknown", "asn": "00", "online_seq": 3}))
    assert hall.server.states == {"Lunknown": "voided"}
    path, _ = hall.street.card(1)
    hall.visit(path)
    hall.street.rack.fault("kiosk-card", Fault("tear_after_write", 0x52))
    hall.kiosk.load(Fen(1_000))
    [load_id] = hall.server.loads
    hall.kiosk.take_notice(Notice(2, "load_proof_wanted", {"load_id": load_id, "asn": "00", "online_seq": 3}))
    assert load_id not in hall.server.states  # it may have been credited: the card has to say


# ---- counter --------------------------------------------------------------------------------------------------------


def test_the_counter_reads_a_listed_card_and_says_so(street: Street) -> None:
    path, twin = street.card(1)
    street.give("hotlist", [list_entry(Medium.CARD.value, twin.card_id)], version=2)
    street.rack.insert("counter-psam", street.psam(6))
    street.rack.insert("counter-card", path)
    rack, journal = street.rack, street.journal(6)
    desk = CounterDesk(street.post(6, HALL), rack.reader("counter-card"), rack.reader("counter-psam"), journal)
    reading = desk.read("loss")
    assert reading.genuine and reading.snapshot is not None and reading.snapshot.card_id.raw == twin.card_id
    assert reading.result.screen.tone.value == "staff"
    [event] = [json.loads(event.raw) for event in journal.unsent(9)]
    assert event["type"] == "counter" and event["body"]["action"] == "loss"


def test_hand_over_changes_the_pin(street: Street) -> None:
    path, _ = street.card(1)
    street.rack.insert("counter-psam", street.psam(6))
    street.rack.insert("counter-card", path)
    rack = street.rack
    desk = CounterDesk(
        street.post(6, HALL), rack.reader("counter-card"), rack.reader("counter-psam"), street.journal(6)
    )
    assert desk.change_pin(Pin("000000"), Pin("246810")).code == "E-PIN-WRONG"
    assert desk.change_pin(TWIN_PIN, Pin("246810")).code == "S-COUNTER-PIN"
    assert desk.change_pin(Pin("246810"), TWIN_PIN).code == "S-COUNTER-PIN"
