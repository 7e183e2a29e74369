"""The bus road on twins: paid, half, free, refused; and torn at every command, charged exactly once."""

import json
from pathlib import Path
from typing import Any

import pytest

from card.channel import CardChannel
from card.domain.decision import Deny, DenyReason, Grant
from card.domain.entropy import SeededEntropy
from card.domain.event import Outcome, parse_event
from card.domain.lifecycle import Medium
from card.readers.reader import Reader
from firmware_sim.card.faults import Fault, FaultKind
from keys.centre import PurchaseTacInput
from keys.tac import Moment
from terminal.bus.main import BusValidator
from terminal.config import BusConfig
from terminal.journal_sqlite import SqliteJournal
from terminal.tap import TapResult
from tests.terminal.street import Street, centre, list_entry, purse_of


@pytest.fixture
def street(tmp_path: Path) -> Street:
    street = Street.open(tmp_path)
    street.bus_facts()
    return street


def bodies(journal: SqliteJournal) -> list[dict[str, Any]]:
    return [json.loads(event.raw)["body"] for event in journal.unsent(100)]


def check_tac(body: dict[str, Any]) -> None:
    centre().check_purchase_tac(
        PurchaseTacInput(
            issuer=bytes.fromhex(body["issuer"]),
            asn=bytes.fromhex(body["asn"]),
            amount=body["amount"],
            terminal=bytes.fromhex(body["psam_no"]),
            terminal_seq=body["terminal_seq"],
            moment=Moment.from_digits(body["card_date"], body["card_time"]),
            tac=bytes.fromhex(body["tac"]),
            key_version=body["key_version"],
            algorithm=body["algorithm"],
            kind=body["txn_type"],
        )
    )


@pytest.mark.parametrize(
    ("birth", "fare", "price_class"),
    [("19900101", 170, "card"), ("19600302", 100, "senior-half"), ("19560302", 0, "senior-free")],
)
def test_fare_by_age_is_debited_proven_and_written(street: Street, birth: str, fare: int, price_class: str) -> None:
    path, twin = street.card(1, birth_date=birth)
    bus, journal = street.validator()
    street.rack.insert("bus-card", path)
    result = bus.tap()
    street.rack.eject("bus-card")
    assert isinstance(result.decision, Grant)
    assert (result.decision.fare, result.decision.price_class) == (fare, price_class)
    assert result.screen.code == ("S-BUS-PAID" if fare else "S-BUS-FREE")
    [body] = bodies(journal)
    assert body["outcome"] == "posted" and body["psam_confirmed"] is True
    assert body["balance_before"] - body["balance_after"] == fare == body["amount"]
    assert body["asn"] == twin.asn.hex() and body["offline_seq"] == 41
    check_tac(body)
    after = purse_of(path)
    assert (after.balance, after.offline) == (5_000 - fare, 42)
    assert [event.id for event in map(parse_event, (e.raw for e in journal.unsent(9)))] == list(result.event_ids)


def test_the_order_of_commands_is_the_one_of_the_standard(street: Street) -> None:
    path, _ = street.card(1)
    bus, _ = street.validator()
    street.rack.insert("bus-card", path)
    bus.tap()  # powers the module
    street.clock.advance(60)
    names = [name for name, _ in bus.tap().apdus]
    order = [n for n in names if not n.startswith(("SELECT", "GET RESPONSE", "READ", "PSAM SELECT", "PSAM GET"))]
    assert len(order) == 6
    assert "BALANCE" in order[0]
    assert order[2].startswith("PSAM") and order[5].startswith("PSAM")
    assert not any(name.startswith("PSAM") for name in (order[1], order[3], order[4]))


@pytest.mark.parametrize("medium", [Medium.CARD, Medium.PURSE])
def test_a_listed_medium_is_refused_and_not_touched(street: Street, medium: Medium) -> None:
    path, twin = street.card(1)
    street.give("hotlist", [list_entry(medium.value, twin.card_id if medium is Medium.CARD else twin.asn)], version=2)
    bus, journal = street.validator()
    street.rack.insert("bus-card", path)
    result = bus.tap()
    street.rack.eject("bus-card")
    assert result.decision == Deny(DenyReason.HOTLISTED) and result.screen.code == "D-HOTLISTED"
    [body] = bodies(journal)
    assert body["outcome"] == "none" and body["amount"] == 0 and body["tac"] == ""
    assert purse_of(path).balance == 5_000


def test_too_little_money_is_refused(street: Street) -> None:
    path, _ = street.card(1, balance=169)
    bus, _ = street.validator()
    street.rack.insert("bus-card", path)
    assert bus.tap().decision == Deny(DenyReason.BALANCE_TOO_LOW)


def test_a_second_tap_within_two_seconds_is_passback(street: Street) -> None:
    path, _ = street.card(1)
    bus, _ = street.validator()
    street.rack.insert("bus-card", path)
    bus.tap()
    street.clock.advance(1)
    assert bus.tap().decision == Deny(DenyReason.PASSBACK)
    street.clock.advance(1)
    assert isinstance(bus.tap().decision, Grant)


def test_no_facts_means_no_service(tmp_path: Path) -> None:
    street = Street.open(tmp_path)
    path, _ = street.card(1)
    bus, _ = street.validator()
    street.rack.insert("bus-card", path)
    assert bus.tap().decision == Deny(DenyReason.FACTS_MISSING)


def test_an_empty_reader_and_a_missing_module_are_lamps(street: Street) -> None:
    bus, journal = street.validator()
    assert bus.tap().screen.code == "E-CARD-NONE"
    street.rack.eject("bus-psam")
    path, _ = street.card(1)
    street.rack.insert("bus-card", path)
    assert bus.tap().screen.code == "E-PSAM-LOST"
    street.rack.insert("bus-psam", street.psam())
    assert isinstance(bus.tap().decision, Grant)
    assert len(bodies(journal)) == 1


FAULTS = [
    ("read lost", Fault("drop_answer", 0xB2), "untouched"),
    ("balance lost", Fault("drop_answer", 0x5C), "untouched"),
    ("8050 lost", Fault("drop_answer", 0x50), "untouched"),
    ("80DC lost", Fault("drop_answer", 0xDC), "voided"),
    ("8054 torn before the write", Fault("tear_before_write", 0x54), "pending"),
    ("8054 torn after the write", Fault("tear_after_write", 0x54), "pending"),
    ("8054 answer lost", Fault("drop_answer", 0x54), "pending"),
]


@pytest.mark.parametrize("dialect", ["init", "init_plus_1"])
@pytest.mark.parametrize(("name", "fault", "left"), FAULTS)
def test_torn_at_every_command_and_charged_exactly_once(
    street: Street, name: str, fault: Fault, left: str, dialect: str
) -> None:
    path, _ = street.card(1, options={"prove_sequence": dialect})
    bus, journal = street.validator(dialect=dialect)
    street.rack.fault("bus-card", fault)
    street.rack.insert("bus-card", path)
    torn = bus.tap()
    street.rack.eject("bus-card")
    assert torn.screen.code in ("E-CARD-LOST", "D-CARD-MOVED"), name
    assert len(journal.pending()) == (1 if left == "pending" else 0)

    street.clock.advance(20)
    street.rack.insert("bus-card", path)
    again = bus.tap()
    street.rack.eject("bus-card")
    charged = [body for body in bodies(journal) if body["outcome"] == "posted"]
    assert len(charged) == 1, name
    assert purse_of(path).balance == 5_000 - 170 and purse_of(path).offline == 42
    assert not journal.pending() and not journal.open_cases()
    check_tac(charged[0])
    debited = fault.kind != "tear_before_write" and left == "pending"
    assert again.screen.code == ("S-BUS-RECOVERED" if debited else "S-BUS-PAID")
    if debited:  # nobody used the module in between: its 8072 was still open
        assert charged[0]["recovered"] == "proof" and charged[0]["psam_confirmed"] is True
    _events_are_a_chain(journal, torn, again)


def _events_are_a_chain(journal: SqliteJournal, *results: TapResult) -> None:
    minted = [event for result in results for event in result.event_ids]
    assert [event.seq for event in minted] == [row.seq for row in journal.unsent(100)]


def test_the_module_has_gone_on_when_the_torn_card_returns(street: Street) -> None:
    torn, _ = street.card(1)
    other, _ = street.card(2)
    bus, journal = street.validator()
    street.rack.fault("bus-card", Fault("tear_after_write", 0x54))
    street.rack.insert("bus-card", torn)
    bus.tap()
    street.rack.eject("bus-card")
    street.rack.insert("bus-card", other)
    assert bus.tap().outcome is Outcome.POSTED
    street.rack.eject("bus-card")
    street.rack.insert("bus-card", torn)
    assert bus.tap().screen.code == "S-BUS-RECOVERED"
    recovered = bodies(journal)[-1]
    assert recovered["recovered"] == "proof" and recovered["psam_confirmed"] is False
    check_tac(recovered)


def test_a_card_that_stays_away_is_uncertain_and_settled_later(street: Street) -> None:
    path, _ = street.card(1)
    bus, journal = street.validator()
    street.rack.fault("bus-card", Fault("tear_after_write", 0x54))
    street.rack.insert("bus-card", path)
    bus.tap()
    street.rack.eject("bus-card")
    street.clock.advance(599)
    assert bus.give_up() == []
    street.clock.advance(1)
    [uncertain] = bus.give_up()
    assert uncertain.body["outcome"] == "uncertain" and uncertain.body["balance_after"] == -1

    street.clock.advance(3_600)
    street.rack.insert("bus-card", path)
    result = bus.tap()  # an hour later it is another ride
    street.rack.eject("bus-card")
    first, resolution, ride = bodies(journal)
    assert resolution["of"]["seq"] == 1 and resolution["outcome"] == "posted"
    assert parse_event(journal.unsent(9)[1].raw).type == "resolution"
    assert resolution["offline_seq"] == first["offline_seq"] and ride["offline_seq"] == first["offline_seq"] + 1
    assert result.outcome is Outcome.POSTED and purse_of(path).balance == 5_000 - 340
    check_tac(resolution)
    check_tac(ride)


def test_not_debited_here_then_debited_elsewhere_is_voided_by_the_log(street: Street) -> None:
    path, _ = street.card(1)
    bus, journal = street.validator()
    street.rack.fault("bus-card", Fault("tear_before_write", 0x54))
    street.rack.insert("bus-card", path)
    bus.tap()
    street.rack.eject("bus-card")
    street.clock.advance(30)

    elsewhere, their_journal = street_elsewhere(street)
    street.rack.insert("other-card", path)
    assert elsewhere.tap().outcome is Outcome.POSTED  # takes the very sequence that was torn here
    street.rack.eject("other-card")
    street.clock.advance(30)

    street.rack.insert("bus-card", path)
    assert bus.tap().outcome is Outcome.POSTED
    street.rack.eject("bus-card")
    voided, ride = bodies(journal)
    assert (voided["outcome"], voided["recovered"]) == ("voided", "log")
    assert ride["outcome"] == "posted"
    assert purse_of(path).balance == 5_000 - 340
    assert len(bodies(their_journal)) == 1


def street_elsewhere(street: Street) -> tuple[BusValidator, SqliteJournal]:
    """A second validator with its own module and journal on the same street."""
    street.rack.insert("other-psam", street.psam(2))
    journal = street.journal(2)
    reader, module = street.rack.reader("other-card"), street.rack.reader("other-psam")
    return BusValidator(street.post(2), BusConfig(), reader, module, journal), journal


def test_a_proof_that_rolled_out_of_the_log_stays_uncertain(street: Street) -> None:
    path, _ = street.card(1)
    bus, journal = street.validator(same_ride_s=300)
    street.rack.fault("bus-card", Fault("tear_after_write", 0x54))
    street.rack.insert("bus-card", path)
    bus.tap()
    street.rack.eject("bus-card")
    elsewhere, _ = street_elsewhere(street)
    street.rack.insert("other-card", path)
    for _ in range(12):
        street.clock.advance(60)
        assert elsewhere.tap().outcome is Outcome.POSTED
    street.rack.eject("other-card")
    street.rack.insert("bus-card", path)
    result = bus.tap()
    first, ride = bodies(journal)
    assert first["outcome"] == "uncertain" and ride["outcome"] == "posted"
    assert result.outcome is Outcome.POSTED
    assert [case.event.seq for case in journal.open_cases() if case.event] == [1]


def test_a_replayed_debit_answer_fails_at_the_module(street: Street) -> None:
    """Keys-and-purse §1.10: a card that only answers from a recording is found out by MAC2."""
    path, _ = street.card(1)
    _, journal = street.validator()
    street.rack.insert("bus-card", path)
    reader = _LyingReader(street.rack.reader("bus-card"), bytes(8) + b"\x90\x00")
    bus = BusValidator(street.post(), BusConfig(), reader, street.rack.reader("bus-psam"), journal)
    result = bus.tap()
    assert result.screen.code == "D-NOT-GENUINE" and result.outcome is Outcome.UNCERTAIN
    [body] = bodies(journal)
    assert body["psam_confirmed"] is False and body["refused"] == "E-PSAM-MAC2"


class _LyingReader:
    """Between terminal and card: replaces the answer that carries the result of 8054."""

    def __init__(self, inner: Reader, lie: bytes) -> None:
        self.name = inner.name
        self._inner = inner
        self._lie = lie

    def card_present(self) -> bool:
        return self._inner.card_present()

    def wait(self, present: bool, timeout_ms: int) -> bool:
        return self._inner.wait(present, timeout_ms)

    def connect(self) -> CardChannel:
        return _LyingChannel(self._inner.connect(), self._lie)


class _LyingChannel:
    def __init__(self, inner: CardChannel, lie: bytes) -> None:
        self._inner = inner
        self._lie = lie
        self._debited = False

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    def transmit(self, apdu: bytes) -> bytes:
        answer = self._inner.transmit(apdu)
        self._debited = self._debited or apdu[:2] == b"\x80\x54"
        if self._debited and len(answer) == 10:
            self._debited = False
            return self._lie
        return answer

    def reset(self) -> bytes:
        return self._inner.reset()

    def close(self) -> None:
        self._inner.close()


@pytest.mark.parametrize("answer", ["6F00", "9000", "6581", "0011223344559000"])
def test_an_answer_that_says_nothing_after_the_debit_is_not_taken_for_a_refusal(street: Street, answer: str) -> None:
    path, _ = street.card(1)
    honest, journal = street.validator()
    street.rack.insert("bus-card", path)
    reader = _LyingReader(street.rack.reader("bus-card"), bytes.fromhex(answer))
    lied_to = BusValidator(street.post(), BusConfig(), reader, street.rack.reader("bus-psam"), journal)
    assert lied_to.tap().screen.code == "D-CARD-MOVED" and len(journal.pending()) == 1
    street.clock.advance(10)
    assert honest.tap().screen.code == "S-BUS-RECOVERED"
    street.rack.eject("bus-card")
    [body] = bodies(journal)
    assert body["outcome"] == "posted" and purse_of(path).balance == 5_000 - 170


# ---- the module, and trouble upon trouble ---------------------------------------------------------------------------


@pytest.mark.parametrize(("ins", "posted"), [(0x70, 0), (0x72, 1)])
def test_a_module_that_dies_in_the_middle(street: Street, ins: int, posted: int) -> None:
    path, _ = street.card(1)
    bus, journal = street.validator()
    street.rack.fault("bus-psam", Fault("drop_answer", ins))
    street.rack.insert("bus-card", path)
    first = bus.tap()
    assert len(bodies(journal)) == posted and not journal.pending()
    assert first.screen.code == ("S-BUS-PAID" if posted else "E-PSAM-LOST")
    if posted:
        assert bodies(journal)[0]["psam_confirmed"] is False  # the TAC decides at the server
        check_tac(bodies(journal)[0])
    street.rack.eject("bus-psam")
    street.rack.insert("bus-psam", street.psam())
    street.clock.advance(60)
    while bus.tap().screen.code == "E-PSAM-LOST":
        street.clock.advance(1)
    street.rack.eject("bus-card")
    assert len(bodies(journal)) == posted + 1
    assert purse_of(path).balance == 5_000 - 170 * (posted + 1)


FAULT_KINDS: tuple[FaultKind, ...] = ("tear_before_write", "tear_after_write", "drop_answer")
INSTRUCTIONS = (0xA4, 0xB2, 0x5C, 0x50, 0xDC, 0x54, 0x5A, 0xC0)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_torn_the_card_and_the_journal_agree(street: Street, seed: int) -> None:
    """Random tears upon tears on two validators: at rest, what left the card is what the journals say was paid."""
    chance = SeededEntropy(seed, "tears")
    path, _ = street.card(1, balance=20_000)
    here, our_journal = street.validator(same_ride_s=30)
    there, their_journal = street_elsewhere(street)
    for _ in range(25):
        bus, slot = ((here, "bus-card"), (there, "other-card"))[chance.below(4) == 0]
        if chance.below(2):
            ins = INSTRUCTIONS[chance.below(len(INSTRUCTIONS))]
            street.rack.fault(slot, Fault(FAULT_KINDS[chance.below(3)], ins, 1 + chance.below(2)))
        street.rack.insert(slot, path)
        bus.tap()
        street.rack.eject(slot)
        street.clock.advance(3 + chance.below(60))
        if chance.below(8) == 0:
            bus.give_up()
    settle_everything(street, path, here, there)
    paid = sum(charged(journal) for journal in (our_journal, their_journal))
    doubtful = sum(len(journal.open_cases()) for journal in (our_journal, their_journal))
    assert not our_journal.pending() and not their_journal.pending()
    gone = 20_000 - purse_of(path).balance
    assert paid <= gone <= paid + 170 * doubtful
    if not doubtful:
        assert paid == gone
    for journal in (our_journal, their_journal):
        assert_each_sequence_once(journal)


def settle_everything(street: Street, path: Path, *buses: BusValidator) -> None:
    """Two undisturbed visits at each validator; armed faults that never fired may still bite, so be patient."""
    for bus, slot in zip(buses, ("bus-card", "other-card"), strict=True):
        quiet = 0
        while quiet < 2:
            street.clock.advance(600)
            street.rack.insert(slot, path)
            quiet += bus.tap().outcome is Outcome.POSTED
            street.rack.eject(slot)


def charged(journal: SqliteJournal) -> int:
    """Fen that this journal says were debited: posted taps, and resolutions of uncertain ones."""
    return sum(body["amount"] for body in bodies(journal) if body["outcome"] == "posted")


def assert_each_sequence_once(journal: SqliteJournal) -> None:
    posted = [body["offline_seq"] for body in bodies(journal) if body["outcome"] == "posted"]
    assert len(posted) == len(set(posted))


def test_a_restarted_validator_finds_the_torn_tap_in_its_journal(street: Street, tmp_path: Path) -> None:
    path, _ = street.card(1)
    first_life = street.journal(1, tmp_path / "journal.db")
    bus, _ = street.validator(first_life)
    street.rack.fault("bus-card", Fault("tear_after_write", 0x54))
    street.rack.insert("bus-card", path)
    bus.tap()
    street.rack.eject("bus-card")
    first_life.close()
    journal = street.journal(1, tmp_path / "journal.db")
    restarted, _ = street.validator(journal)
    street.clock.advance(30)
    street.rack.insert("bus-card", path)
    assert restarted.tap().screen.code == "S-BUS-RECOVERED"
    street.rack.eject("bus-card")
    [body] = bodies(journal)
    assert body["outcome"] == "posted" and body["psam_confirmed"] is False
    check_tac(body)
    assert purse_of(path).balance == 5_000 - 170
