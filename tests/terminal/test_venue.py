"""The scenic gate: camera and scanner, senior price from the signed right, replay on two lanes and two sites."""

import json
import threading
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from card.domain.clock import to_ms
from card.domain.decision import Deny, DenyReason, Grant
from card.domain.event import Outcome
from card.domain.lifecycle import Medium
from card.domain.scene import Place
from firmware_sim.gate import SimGate
from firmware_sim.phone import save_screen
from firmware_sim.scanner import SimScanner
from keys.algorithms.sm2_backend import ORDER
from keys.code.online import OnlineToken
from terminal.camera.camera import Camera
from terminal.camera.zxing import ZxingReader
from terminal.config import VenueConfig
from terminal.errors import BarrierError, LinkDownError
from terminal.gate.modbus_relay import ModbusLine, ModbusRelay
from terminal.journal_sqlite import SqliteJournal
from terminal.memory import VolatileMemory
from terminal.scanner.serial_scanner import SerialScanner
from terminal.tap import TapResult
from terminal.uplink import Reply
from terminal.venue.main import Venue
from tests.terminal.phones import trust_entries, wallet
from tests.terminal.street import Street, list_entry

SITE = Place("haikou-volcano", "volcano-park", "460100")
PRICES = {
    "kind": "scenic",
    "site": SITE.site,
    "full_price": 6_000,
    "senior_half_percent": 50,
    "minor_half_percent": 50,
    "student_percent": 50,
    "free_percent": 0,
    "capacity": 3,
}
ADULT, SENIOR, ELDER = date(1990, 5, 5), date(1962, 5, 5), date(1950, 5, 5)


class Arm:
    """A barrier that remembers; `breaks` makes it fail as a stuck one does."""

    def __init__(self) -> None:
        self.opened = 0
        self.up = False
        self.breaks = False
        self.mute = False

    def open(self) -> None:
        if self.breaks or self.mute:
            raise BarrierError("stuck")
        self.opened += 1
        self.up = True

    def shut(self) -> None:
        self.up = False

    def is_open(self) -> bool:
        if self.mute:
            raise BarrierError("mute")
        return self.up


class CheckingServer:
    """Answers `codes:check` for every site; `down` breaks the line."""

    def __init__(self) -> None:
        self.seen: dict[str, tuple[str, int]] = {}
        self.down = False

    def exchange(self, method: str, path: str, body: Mapping[str, object] | None) -> Reply:
        if self.down:
            raise LinkDownError("test")
        assert (method, path) == ("POST", "/api/v1/codes:check") and body is not None
        who, at = self.seen.setdefault(str(body["replay_key"]), (str(body["terminal"]), int(str(body["at"]))))
        return Reply(200, {"first": (who, at) == (body["terminal"], body["at"]), "seen_at": at, "seen_by": who})


@pytest.fixture
def street(tmp_path: Path) -> Street:
    street = Street.open(tmp_path)
    street.give("hotlist", [])
    street.give("trust", trust_entries())
    street.give("policy", [PRICES])
    return street


def venue(street: Street, number: int = 1, server: CheckingServer | None = None) -> tuple[Venue, SqliteJournal]:
    journal = street.journal(number)
    return Venue(street.post(number, SITE), VenueConfig(), journal, VolatileMemory(), server), journal


def now_ms(street: Street) -> int:
    return to_ms(street.clock.now())


def bodies(journal: SqliteJournal) -> list[dict[str, Any]]:
    return [json.loads(event.raw)["body"] for event in journal.unsent(100)]


@pytest.fixture
def gate() -> Iterator[SimGate]:
    gate = SimGate()
    yield gate
    gate.close()


def test_camera_path_opens_the_real_barrier_at_the_senior_price(street: Street, gate: SimGate, tmp_path: Path) -> None:
    site, journal = venue(street)
    lane = site.lane("A", ModbusRelay(ModbusLine(gate.port)))
    phone, serial = wallet(1, SENIOR, now_ms(street))
    picture = save_screen(tmp_path / "phone.png", phone.show(now_ms(street)))
    result = lane.look(Camera(ZxingReader()), picture)
    assert result.decision == Grant(result.decision.fare, "senior-half") and result.decision.fare == 3_000  # type: ignore[union-attr]
    assert gate.is_on() and result.screen.code == "S-SCENIC-OPEN"
    lane.close_gate()
    assert gate.moves == [(0, False), (0, True), (0, False)]
    [body] = bodies(journal)
    assert body["ecard_serial"] == serial + "f" and body["barrier"] == "opened" and body["price"] == 3_000
    assert "19620505" not in json.dumps(body)


def test_serial_path_reads_raw_binary(street: Street, gate: SimGate) -> None:
    site, journal = venue(street)
    lane = site.lane("B", ModbusRelay(ModbusLine(gate.port), coil=1))
    scanner = SimScanner()
    line = SerialScanner(scanner.port)
    assert lane.poll(line, 0) is None
    scanner.play(wallet(2, ADULT, now_ms(street))[0].show(now_ms(street)))
    result = lane.poll(line, 1_000)
    assert result is not None and result.outcome is Outcome.POSTED and gate.is_on(1)
    assert bodies(journal)[0]["price"] == 6_000


@pytest.mark.parametrize(("birth", "price", "kind"), [(ELDER, 0, "free"), (date(2015, 1, 1), 3_000, "minor-half")])
def test_price_follows_the_signed_right(street: Street, birth: date, price: int, kind: str) -> None:
    site, _ = venue(street)
    result = site.lane("A", Arm()).show(wallet(3, birth, now_ms(street))[0].show(now_ms(street)))
    assert result.decision == Grant(result.decision.fare, kind) and result.decision.fare == price  # type: ignore[union-attr]


def test_a_right_that_ends_with_a_birthday_is_not_carried_on(street: Street) -> None:
    """Sixty tomorrow: the authorisation ends today, so no phone carries yesterday's age (contract §6)."""
    phone, _ = wallet(4, date(1966, 3, 3), now_ms(street))
    street.clock.advance(days=1)
    street.give("hotlist", [], version=2)
    street.give("trust", trust_entries(), version=2)
    site, _ = venue(street)
    result = site.lane("A", Arm()).show(phone.show(now_ms(street)))
    assert result.decision == Deny(DenyReason.EXPIRED) and result.screen.code == "E-CODE-AUTHORISATION-EXPIRED"


def test_the_second_lane_refuses_without_a_line(street: Street) -> None:
    site, journal = venue(street)
    first, second = Arm(), Arm()
    code = wallet(5, ADULT, now_ms(street))[0].show(now_ms(street))
    assert site.lane("A", first).show(code).outcome is Outcome.POSTED
    refused = site.lane("B", second).show(code)
    assert refused.decision == Deny(DenyReason.REPLAYED) and (first.opened, second.opened) == (1, 0)
    assert [body["inputs"]["replay"] for body in bodies(journal)] == [False, True]


@pytest.mark.parametrize("round_number", range(5))
def test_two_lanes_at_the_same_instant_open_once(street: Street, round_number: int) -> None:
    site, journal = venue(street)
    arms = [Arm(), Arm()]
    lanes = [site.lane(name, arm) for name, arm in zip("AB", arms, strict=True)]
    code = wallet(6, ADULT, now_ms(street))[0].show(now_ms(street))
    start, results = threading.Barrier(2), []

    def walk(place: int) -> None:
        start.wait()
        results.append(lanes[place].show(code))

    threads = [threading.Thread(target=walk, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(arm.opened for arm in arms) == [0, 1]
    reasons = [result.decision.reason for result in results if isinstance(result.decision, Deny)]
    assert reasons == [DenyReason.REPLAYED] and len(bodies(journal)) == 2


def test_a_second_site_asks_when_the_line_is_up_and_grants_when_it_is_down(street: Street) -> None:
    server = CheckingServer()
    (here, _), (there, journal) = venue(street, 1, server), venue(street, 2, server)
    code = wallet(7, ADULT, now_ms(street))[0].show(now_ms(street))
    assert here.lane("A", Arm()).show(code).outcome is Outcome.POSTED
    assert there.lane("A", Arm()).show(code).decision == Deny(DenyReason.REPLAYED)
    server.down = True
    later = wallet(8, ADULT, now_ms(street))[0].show(now_ms(street))
    assert here.lane("A", Arm()).show(later).outcome is Outcome.POSTED
    assert there.lane("A", Arm()).show(later).outcome is Outcome.POSTED
    assert [body["site_check"] for body in bodies(journal)] == ["asked", "down"]


def test_changed_outer_bytes_do_not_make_a_code_new(street: Street) -> None:
    """The last tag is under no signature; the n-s form of a signature must simply fail (contract §6)."""
    site, _ = venue(street)
    lane = site.lane("A", Arm())
    code = wallet(9, ADULT, now_ms(street))[0].show(now_ms(street))
    assert lane.show(code).outcome is Outcome.POSTED
    flipped = code[:-65] + bytes([code[-65] ^ 1]) + code[-64:]
    assert isinstance(lane.show(flipped).decision, Deny)
    s = (ORDER - int.from_bytes(code[-32:])).to_bytes(32)
    result = lane.show(code[:-32] + s)
    assert result.decision == Deny(DenyReason.NOT_GENUINE) and result.screen.code == "E-CODE-USER-SIGNATURE"


def test_a_listed_e_card_is_refused(street: Street) -> None:
    phone, serial = wallet(10, ADULT, now_ms(street))
    street.give("hotlist", [list_entry(Medium.ECARD.value, bytes.fromhex(serial + "f"))], version=2)
    site, _ = venue(street)
    assert site.lane("A", Arm()).show(phone.show(now_ms(street))).decision == Deny(DenyReason.HOTLISTED)


def test_capacity_and_exit(street: Street) -> None:
    site, _ = venue(street)
    lane = site.lane("A", Arm())

    def enter(number: int) -> TapResult:
        return lane.show(wallet(number, ADULT, now_ms(street))[0].show(now_ms(street)))

    assert [enter(number).outcome for number in (11, 12, 13)] == [Outcome.POSTED] * 3
    assert enter(14).decision == Deny(DenyReason.CAPACITY_FULL) and site.inside == 3
    site.person_left()
    assert enter(15).outcome is Outcome.POSTED


def test_an_unsure_clock_refuses_codes(street: Street) -> None:
    street.guard.saw(now_ms(street) + 600_000)
    site, _ = venue(street)
    result = site.lane("A", Arm()).show(wallet(16, ADULT, now_ms(street))[0].show(now_ms(street)))
    assert result.decision == Deny(DenyReason.CLOCK_UNSURE)


def test_a_stuck_barrier_leaves_the_code_good_and_a_mute_one_is_uncertain(street: Street) -> None:
    site, journal = venue(street)
    arm = Arm()
    lane = site.lane("A", arm)
    code = wallet(17, ADULT, now_ms(street))[0].show(now_ms(street))
    arm.breaks = True
    assert lane.show(code).outcome is Outcome.VOIDED and site.inside == 0
    arm.breaks = False
    assert lane.show(code).outcome is Outcome.POSTED
    arm.mute = True
    result = lane.show(wallet(18, ADULT, now_ms(street))[0].show(now_ms(street)))
    assert result.outcome is Outcome.UNCERTAIN and result.screen.code == "D-DEVICE-FAILED"
    assert [body["barrier"] for body in bodies(journal)] == ["not-opened", "opened", "unknown"]


def test_an_interrupted_entry_is_uncertain_after_a_restart(street: Street) -> None:
    site, journal = venue(street)

    class PowerCut(Exception):
        pass

    class Fuse(Arm):
        def open(self) -> None:
            raise PowerCut

    code = wallet(19, ADULT, now_ms(street))[0].show(now_ms(street))
    with pytest.raises(PowerCut):
        site.lane("A", Fuse()).show(code)
    assert len(journal.pending()) == 1
    [event] = site.settle_after_restart()
    assert event.body["outcome"] == "uncertain" and event.body["barrier"] == "unknown"
    assert site.lane("A", Arm()).show(code).decision == Deny(DenyReason.REPLAYED)


def test_unreadable_things_are_lamps_or_refusals_never_silence(street: Street, tmp_path: Path) -> None:
    site, journal = venue(street)
    lane = site.lane("A", Arm())
    (tmp_path / "dark.png").write_bytes(b"")
    assert lane.look(Camera(ZxingReader()), tmp_path / "dark.png").screen.code == "E-NO-CODE"
    assert bodies(journal) == []
    result = lane.show(b"0123456789")
    assert result.decision == Deny(DenyReason.NOT_GENUINE) and result.screen.code == "E-CODE-KIND"
    assert bodies(journal)[0]["refused"] == "E-CODE-KIND"


def test_a_token_without_a_line_names_the_offline_code(street: Street) -> None:
    server = CheckingServer()
    server.down = True
    site, _ = venue(street, 1, server)
    token = OnlineToken.new(street.entropy).text.encode()
    result = site.lane("A", Arm()).show(token)
    assert result.decision == Deny(DenyReason.NOT_ACCEPTED_HERE) and result.screen.code == "E-TOKEN-OFFLINE"


def test_without_a_trust_list_nothing_is_judged(tmp_path: Path) -> None:
    bare = Street.open(tmp_path)
    bare.give("hotlist", [])
    bare.give("policy", [PRICES])
    site, _ = venue(bare)
    result = site.lane("A", Arm()).show(wallet(20, ADULT, now_ms(bare))[0].show(now_ms(bare)))
    assert result.decision == Deny(DenyReason.FACTS_MISSING)
