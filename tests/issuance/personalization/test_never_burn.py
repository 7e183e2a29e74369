"""Never burn a card: a wrong key is found before anything secret is said, and the first doubt stops the line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text as sql
from sqlalchemy.exc import DatabaseError

from card.texts import text
from firmware_sim.card import memory
from firmware_sim.card.chip import blank_values, make_blank
from firmware_sim.card.cos import MASTER
from firmware_sim.card.variants import external_only
from issuance.database import Engine, transaction
from issuance.errors import ChipDoubtError, KeyDowngradeError, KeyWrongError, LineStoppedError, SeparationError
from issuance.key_budget import BudgetLimits, KeyBudget
from issuance.personalization.batch import Progress
from issuance.personalization.content import CardModel
from issuance.personalization.machine_pcsc import PcscMachine
from issuance.personalization.script import Script
from issuance.settings import IssuanceSettings
from tests.issuance.office import APPROVER, BATCH, CLERK, KEEPERS, OTHER_BATCH, PROFILES, Office, row
from tests.issuance.personalization.drawer import OK, Drawer, Liar, late, replays
from tests.issuance.personalization.test_machine import CutEncoders, PowerCutError

ONE = ("encoder-0",)
WRONG_KEY = bytes(range(16))
# All a chip may hear before it has proven its key: SELECT, PROVE KEY VERSION, GET RESPONSE.
HARMLESS = {0xA4, 0xF4, 0xC0}
TRANSPORT_HEADER = bytes((MASTER, 0, 0, 0, 3, 0, 0, 16))


def blank(office: Office, key: bytes | None = None, batch: bytes = BATCH) -> dict[str, bytes]:
    return blank_values(PROFILES, key or office.centre.transport_key(batch).reveal(), batch)


def people(count: int) -> list[dict[str, str]]:
    return [row(birth_date=f"1990{1 + n // 28:02d}{1 + n % 28:02d}") for n in range(count)]


def machine(office: Office, drawer: Drawer, slot: str = "encoder-0") -> PcscMachine:
    model, entropy = CardModel(*PROFILES), office.branch._entropy
    return PcscMachine(slot, drawer.reader(slot), drawer, model=model, centre=office.centre, entropy=entropy)


# ---- the drawer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10_000])
def test_a_drawer_of_wrong_keys_loses_no_retry_counter(office: Office, size: int) -> None:
    """The line stops at the first chip; and were every single one put in again by hand, none would lose a try."""
    office.order(people(20))
    office.branch.receive_blanks(BATCH, size, KEEPERS)
    drawer, wrong = Drawer(), blank(office, WRONG_KEY)
    chips = [drawer.add(f"{n:05d}", wrong) for n in range(size)]
    slots = tuple(f"encoder-{n}" for n in range(8))
    result = office.branch.personalize(drawer, chips, slots=slots)
    assert (result.cards, result.spoiled, result.waiting) == ((), (), 20)
    assert [(stop.batch, stop.code) for stop in result.stops] == [(BATCH.hex(), "E-KEY-WRONG")]
    assert 1 <= len(drawer.cards) <= len(slots)  # no slot took a second chip
    assert result.untouched >= size - len(slots)
    by_hand, refused = machine(office, drawer), 0
    for chip in chips:
        with pytest.raises(KeyWrongError):
            by_hand.take(chip)
        refused += 1
    by_hand.release()
    assert refused == len(drawer.cards) == size
    assert set(drawer.said) == HARMLESS
    assert sum(drawer.unchanged(chip) for chip in chips) == size
    assert not any(card.nv.names("tries/") for card in drawer.cards.values())
    stock = office.branch.stock()
    assert (stock.blank, stock.spoiled, stock.sums) == (size, 0, True)


@pytest.mark.parametrize("slots", [ONE, tuple(f"encoder-{n}" for n in range(4))], ids=["one slot", "four slots"])
def test_a_wrong_chip_in_the_middle_stops_the_line_until_a_second_person_lifts_it(
    office: Office, slots: tuple[str, ...]
) -> None:
    office.order(people(12))
    office.branch.receive_blanks(BATCH, 12, KEEPERS)
    drawer = Drawer()
    good = [drawer.add(f"good-{n}", blank(office)) for n in range(12)]
    bad = drawer.add("bad", blank(office, WRONG_KEY))
    drawer_order = [*good[:6], bad, *good[6:]]
    seen: list[Progress] = []
    first = office.branch.personalize(drawer, drawer_order, seen.append, slots)
    assert [item.stage for item in seen].count("line_stopped") == 1
    assert first.set_aside == ((bad, "E-KEY-WRONG"),) and first.spoiled == ()
    others = len(slots) - 1  # each may have a chip in hand: bound, it is finished; not yet bound, it goes back
    assert 6 - others <= len(first.cards) <= 6 + others
    assert len(first.cards) + first.untouched == 12 and first.waiting == first.untouched
    assert drawer.unchanged(bad)
    # The stop outlives the process, and the whole delivery waits, good chips too.
    again = office.open_branch().personalize(drawer, [chip for chip in good if chip not in made(first)], slots=slots)
    assert (again.cards, again.set_aside, again.stops) == ((), (), first.stops)
    budget = office.open_branch().key_budget
    assert budget.stops() == list(first.stops) and budget.stops()[0].chip == str(bad)
    with pytest.raises(SeparationError):
        budget.lift(BATCH.hex(), CLERK.person, "it was only one")
    with pytest.raises(ValueError, match="reason"):
        budget.lift(BATCH.hex(), APPROVER.person, "  ")
    budget.lift(BATCH.hex(), APPROVER.person, "one chip of another order lay in the drawer; taken out")
    with pytest.raises(LookupError):
        budget.lift(BATCH.hex(), APPROVER.person, "again")
    last = office.open_branch().personalize(drawer, [chip for chip in good if chip not in made(first)], slots=slots)
    assert (len(first.cards) + len(last.cards), last.stops, last.waiting) == (12, (), 0)
    kinds = [event.kind for event in budget.history(BATCH.hex()) if event.kind in ("stop", "lift")]
    assert kinds == ["stop", "lift"]
    for language in ("zh", "en"):
        shown = text(first.stops[0].code, language)
        assert shown.message and shown.next_step


def made(result: object) -> set[Path]:
    return {card.chip for card in result.cards}  # type: ignore[attr-defined]


def test_another_delivery_goes_on_while_one_is_stopped(office: Office) -> None:
    office.order(people(2))
    office.branch.key_budget.doubt("elsewhere", BATCH.hex(), "E-KEY-WRONG")
    stopped = office.blanks(1)
    free = office.blanks(2, batch=OTHER_BATCH)
    assert len(office.branch.personalize(office.rack, free, slots=ONE).cards) == 2
    office.order([row(sex="2")])
    result = office.branch.personalize(office.rack, stopped, slots=ONE)
    assert (result.cards, result.untouched, result.waiting) == ((), 1, 1)


def test_no_chip_is_asked_while_the_whole_place_is_stopped(office: Office) -> None:
    office.order(people(1))
    office.branch.receive_blanks(BATCH, 1, KEEPERS)
    drawer = Drawer()
    chip = drawer.add("good", blank(office))
    office.branch.key_budget.doubt("a chip nobody could ask", "", "E-KEY-GARBLED")
    assert office.branch.personalize(drawer, [chip], slots=ONE).untouched == 1
    assert not drawer.cards
    office.branch.key_budget.lift("", APPROVER.person, "contacts cleaned")
    assert len(office.branch.personalize(drawer, [chip], slots=ONE).cards) == 1


# ---- chips that lie --------------------------------------------------------------------------------------------------

LIES: dict[str, tuple[Callable[[], Callable[[bytes], bytes]], str, bytes]] = {
    "garbage": (lambda: lambda answer: bytes(10) + OK, "E-KEY-WRONG", bytes(4)),
    "too short": (lambda: lambda answer: answer[:3] + OK, "E-KEY-GARBLED", b""),
    "a refusal": (lambda: lambda answer: b"\x6d\x00", "E-KEY-GARBLED", b""),
    "a status word nobody knows": (lambda: lambda answer: b"\x12\x34", "E-KEY-GARBLED", b""),
    "another delivery": (lambda: lambda answer: answer[:1] + OTHER_BATCH + answer[5:], "E-KEY-WRONG", OTHER_BATCH),
    "another version": (lambda: lambda answer: answer[:5] + b"\x01" + answer[6:], "E-KEY-WRONG", BATCH),
    "late": (lambda: late(0.06), "E-KEY-LATE", BATCH),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_chip_that_cannot_prove_its_key_hears_nothing_more(office: Office, lie: str) -> None:
    make, code, batch = LIES[lie]
    office.settings = replace(office.settings, proof_limit_ms=50)
    office.branch = office.open_branch()
    office.order(people(2))
    office.branch.receive_blanks(BATCH, 2, KEEPERS)
    drawer = Drawer()
    chip = drawer.add("liar", blank(office), lambda inner: Liar(inner, make()))  # type: ignore[arg-type,return-value]
    behind = drawer.add("behind", blank(office))
    result = office.branch.personalize(drawer, [chip, behind], slots=ONE)
    assert result.set_aside == ((chip, code),)
    assert [(stop.code, stop.batch) for stop in result.stops] == [(code, batch.hex())]
    assert drawer.unchanged(chip) and set(drawer.said) <= HARMLESS and behind not in drawer.cards


def test_a_replayed_cryptogram_is_called_by_its_name(office: Office) -> None:
    """The chip proves its key once and repeats that answer later; our number was another one."""
    office.order(people(1))
    office.branch.receive_blanks(BATCH, 1, KEEPERS)
    drawer = Drawer()
    chip = drawer.add("liar", blank(office), lambda inner: Liar(inner, replays()))  # type: ignore[arg-type,return-value]
    result = office.branch.personalize(drawer, [chip], slots=ONE)
    assert [stop.code for stop in result.stops] == ["E-KEY-REPLAY"]
    assert len(result.spoiled) == 1 and result.spoiled[0][1].startswith("E-KEY-REPLAY")
    assert drawer.unchanged(chip) and set(drawer.said) <= HARMLESS


def bound(office: Office, chip: Path) -> Script:
    office.branch.receive_blanks(BATCH, 1, KEEPERS)
    return office.branch._book.bind(office.order([row()])[0], chip, "encoder-0", BATCH)


def own_key(script: Script, name: str, version: int) -> bytes:
    return bytes((MASTER, 0, version, 0, 3, 0, 0, 16)) + script.keys[name].reveal()


def test_an_own_key_under_the_transport_keys_version_is_a_downgrade(office: Office) -> None:
    drawer = Drawer()
    script = bound(office, Path("/drawer/back"))
    values = {**blank(office), memory.key_name("MF", MASTER, 0, 0): own_key(script, "MK.MF", 0)}
    values[memory.LIFECYCLE] = b"\x01"
    chip = drawer.add("back", values)
    encoder = machine(office, drawer)
    with pytest.raises(ChipDoubtError):  # nobody's transport key: found when it is asked
        encoder.take(chip)
    with pytest.raises(KeyDowngradeError):  # and, were it further, before it is burned
        encoder.burn(script)
    assert drawer.unchanged(chip) and set(drawer.said) <= HARMLESS


def test_a_directory_that_went_back_behind_a_later_one_is_a_downgrade(office: Office) -> None:
    """Masters are replaced in one order; a chip that holds a later one cannot want an earlier one again."""
    drawer = Drawer()
    script = bound(office, Path("/drawer/back"))
    values = blank(office)
    del values[memory.key_name("SSSE", MASTER, 0, 0)]
    values[memory.key_name("SSSE", MASTER, 0, 1)] = own_key(script, "MK.SSSE", 1)
    chip = drawer.add("back", values)
    encoder = machine(office, drawer)
    encoder.take(chip)
    with pytest.raises(KeyDowngradeError, match="SSSE"):
        encoder.burn(script)


@pytest.mark.parametrize(("version", "error"), [(2, KeyWrongError), (255, KeyWrongError)])
def test_a_version_this_card_should_not_have_gets_nothing(
    office: Office, version: int, error: type[ChipDoubtError]
) -> None:
    drawer = Drawer()
    script = bound(office, Path("/drawer/odd"))
    values = {**blank(office), memory.LIFECYCLE: b"\x01"}
    del values[memory.key_name("MF", MASTER, 0, 0)]
    values[memory.key_name("MF", MASTER, 0, version)] = own_key(script, "MK.MF", version)
    chip = drawer.add("odd", values)
    encoder = machine(office, drawer)
    encoder.take(chip)
    with pytest.raises(error):
        encoder.burn(script)
    assert drawer.unchanged(chip) and set(drawer.said) <= HARMLESS


def test_a_blank_with_another_version_than_the_transport_keys_is_not_bound(office: Office) -> None:
    drawer, values = Drawer(), blank(office)
    del values[memory.key_name("MF", MASTER, 0, 0)]
    values[memory.key_name("MF", MASTER, 0, 1)] = TRANSPORT_HEADER + office.centre.transport_key(BATCH).reveal()
    chip = drawer.add("odd", values)
    with pytest.raises(KeyWrongError):
        machine(office, drawer).take(chip)
    assert drawer.unchanged(chip)


# ---- the budget ------------------------------------------------------------------------------------------------------


def test_a_begin_is_written_down_before_the_first_secret(office: Office) -> None:
    """Power dies at each of the first commands: whenever the chip heard a secret, the book knows."""
    for commands in range(1, 8):
        office.order([row(birth_date=f"199002{commands:02d}")])
        chip = office.blanks(1)
        with pytest.raises(PowerCutError):
            office.branch.personalize(CutEncoders(office, commands), chip, slots=ONE)
        office.rack.eject("encoder-0")
        begun = office.branch.key_budget.history(BATCH.hex())[-1:]
        if commands > 3:  # SELECT, PROVE, GET RESPONSE come before the chip is bound
            assert [event.kind for event in begun] == ["begun"]
        office.branch = office.open_branch()
        assert len(office.branch.personalize(office.rack, chip, slots=ONE).cards) == 1


def test_a_chip_is_not_tried_for_ever(office: Office) -> None:
    office.settings = IssuanceSettings(card_attempts=2)
    office.branch = office.open_branch()
    office.order([row()])
    chips = office.blanks(2)
    for _ in range(2):
        with pytest.raises(PowerCutError):
            office.branch.personalize(CutEncoders(office, 30), chips, slots=ONE)
        office.rack.eject("encoder-0")
        office.branch = office.open_branch()
    result = office.branch.personalize(office.rack, chips, slots=ONE)
    assert result.spoiled == ((chips[0], "E-KEY-BUDGET"),)
    assert [card.chip for card in result.cards] == [chips[1]] and result.stops == ()


def test_too_many_failures_of_one_delivery_stop_it(office: Office) -> None:
    office.settings = IssuanceSettings(batch_failures=3)
    office.branch = office.open_branch()
    office.order(people(4))
    chips = office.blanks(8)
    for chip in chips[:4]:
        external_only(chip)
    result = office.branch.personalize(office.rack, chips, slots=ONE)
    assert (len(result.spoiled), len(result.cards)) == (3, 0)
    assert [(stop.code, stop.detail) for stop in result.stops] == [("E-KEY-BUDGET", "3 of the newest 200")]
    assert office.open_branch().personalize(office.rack, chips[3:], slots=ONE).cards == ()
    office.branch.key_budget.lift(BATCH.hex(), APPROVER.person, "a tray of reclaimed chips; taken out")
    assert len(office.open_branch().personalize(office.rack, chips[4:], slots=ONE).cards) == 4


def test_failures_that_lie_far_back_stop_nothing(engine: Engine, office: Office) -> None:
    limits = BudgetLimits(card_attempts=2, batch_failures=2, batch_window=10)
    book = KeyBudget(engine, clock=office.clock, place="line-1", limits=limits, officer="first")
    assert book.failed("chip 1", "00000001", "E-READ-BACK") is None
    with transaction(engine) as session:
        for number in range(10):
            book.good(session, f"card {number}", "00000001")
    assert book.failed("chip 2", "00000001", "E-READ-BACK") is None
    assert book.failed("chip 3", "00000001", "E-READ-BACK") is not None


def test_a_second_person_gives_a_chip_its_attempts_back(engine: Engine, office: Office) -> None:
    book = KeyBudget(engine, clock=office.clock, place="line-1", limits=BudgetLimits(card_attempts=1), officer="first")
    with transaction(engine) as session:
        book.begin(session, "chip", "00000001")
    with pytest.raises(SeparationError):
        book.clear("chip", "first", "let me")
    book.clear("chip", "second", "the encoder's cable was loose")
    with transaction(engine) as session:
        book.begin(session, "chip", "00000001")
    assert [(event.kind, event.officer) for event in book.history(subject="chip")] == [
        ("begun", "first"),
        ("clear", "second"),
        ("begun", "first"),
    ]


def test_the_book_is_only_appended_to_and_holds_for_everybody(any_engine: Engine, office: Office) -> None:
    book = KeyBudget(any_engine, clock=office.clock, place="line-1", limits=BudgetLimits(), officer="first")
    book.doubt("chip", "00000001", "E-KEY-WRONG", "by cryptogram")
    for statement in ("UPDATE key_events SET kind = 'lift'", "DELETE FROM key_events"):
        with pytest.raises(DatabaseError, match="append-only"), transaction(any_engine) as session:
            session.execute(sql(statement))
    other = KeyBudget(any_engine, clock=office.clock, place="line-1", limits=BudgetLimits(), officer="other")
    with pytest.raises(LineStoppedError), transaction(any_engine) as session:
        other.begin(session, "another chip", "00000001")
    with transaction(any_engine) as session:
        other.begin(session, "a third", "00000002")
    elsewhere = KeyBudget(any_engine, clock=office.clock, place="line-2", limits=BudgetLimits(), officer="other")
    with transaction(any_engine) as session:
        elsewhere.begin(session, "another chip", "00000001")


def test_an_honest_chip_pays_one_question_a_directory(office: Office) -> None:
    """What the proof costs: as many PROVE KEY VERSION as directories, and the look before."""
    office.order(people(1))
    office.branch.receive_blanks(BATCH, 1, KEEPERS)
    drawer = Drawer()
    office.branch.personalize(drawer, [drawer.add("good", blank(office))], slots=ONE)
    assert drawer.said[0xF4] == 1 + 1 + 1 + len(CardModel(*PROFILES).tree.dirs) - 1


def test_a_chip_in_a_file_is_refused_the_same_way(office: Office) -> None:
    office.order(people(1))
    path = make_blank(office.folder / "wrong.chip", PROFILES, WRONG_KEY, BATCH)
    before = path.read_bytes()
    result = office.branch.personalize(office.rack, [path], slots=ONE)
    assert [stop.code for stop in result.stops] == ["E-KEY-WRONG"] and path.read_bytes() == before
