"""The counter's pair of readers: begin, confirm, undo, and what a counter shows when it starts after a power cut."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from card.domain.clock import SystemClock
from card.domain.entropy import SystemEntropy
from firmware_sim.card.faults import Fault
from firmware_sim.psam import make_psam
from terminal.counter import console
from terminal.counter.main import CounterDesk
from terminal.counter.transfer import TransferDesk
from terminal.device import Device
from terminal.memory_sqlite import SqliteMemory
from terminal.screen import Tone
from tests.terminal.test_transfer import BALANCE, BLANK_RIGHTS, CREDIT, NEW_SLOT, OLD_SLOT, ON_NEW, UPDATE, Bureau, Pair
from tests.terminal.test_with_server import Town
from tests.terminal.test_with_server import town as town  # the fixture


@dataclass
class Desk:
    """A counter whose memory is a file; `start` is what happens when its power comes back."""

    town: Town
    device: Device
    path: Path
    memory: SqliteMemory | None = None

    def start(self) -> TransferDesk:
        if self.memory is not None:
            self.memory.close()
        self.memory = SqliteMemory(self.path)
        rack = self.town.rack
        counter = CounterDesk(self.device.post, rack.reader(OLD_SLOT), rack.reader("counter-psam"), self.device.journal)
        return counter.transfers(rack.reader(NEW_SLOT), self.memory, self.device.uplink)

    def lay(self, pair: Pair, old: str = OLD_SLOT, new: str = NEW_SLOT) -> None:
        """Both cards into their readers, whatever lay there before."""
        for slot in (OLD_SLOT, NEW_SLOT):
            self.town.rack.eject(slot)
        self.town.rack.insert_chip(old, pair.chips[OLD_SLOT])
        self.town.rack.insert_chip(new, pair.chips[NEW_SLOT])


@pytest.fixture
def bureau(town: Town) -> Bureau:
    return Bureau(town, town.device("counter-1", "counter", "service-hall", "hall-1", psam=3))


@pytest.fixture
def desk(bureau: Bureau, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(bureau.town, bureau.device, tmp_path / "counter.db")
    yield desk
    if desk.memory is not None:
        desk.memory.close()


def test_begin_then_confirm_with_the_psam_alone(bureau: Bureau, desk: Desk) -> None:
    pair = bureau.pair()
    counter = desk.start()
    assert counter.pending() == []
    desk.lay(pair)
    moved = counter.begin()
    assert moved.screen.code == "S-TRANSFER-MOVED" and moved.screen.tone is Tone.GO
    assert f"{len(BLANK_RIGHTS)} 项资料" in moved.screen.zh and "123.45" in moved.screen.zh
    assert ("旧卡余额 0.00 元", "old card 0.00 yuan") in moved.screen.lines
    assert pair.balances() == (0, BALANCE + ON_NEW)
    assert [shown.code for shown in counter.pending()] == ["S-TRANSFER-OPEN-MOVED"]
    assert counter.confirm().screen.code == "S-TRANSFER-CONFIRMED"
    assert counter.pending() == []
    assert counter.undo().screen.code == "E-TRANSFER-STATE"
    assert pair.balances() == (0, BALANCE + ON_NEW)


def test_undone_and_begun_again(bureau: Bureau, desk: Desk) -> None:
    pair = bureau.pair(phone="13811112222")
    counter = desk.start()
    desk.lay(pair)
    assert any(zh.startswith("1 项未转") for zh, _ in counter.begin().screen.lines)
    undone = counter.undo()
    assert undone.screen.code == "S-TRANSFER-UNDONE" and pair.balances() == (BALANCE, ON_NEW)
    assert counter.resume().screen.code == "S-TRANSFER-NONE"
    assert counter.pending() == []
    assert counter.begin().screen.code == "S-TRANSFER-MOVED"
    assert [shown.code for shown in desk.start().pending()] == ["S-TRANSFER-OPEN-MOVED"]


@pytest.mark.parametrize(("ins", "amount"), [(UPDATE, "0.00"), (CREDIT, "123.45")])
@pytest.mark.parametrize("then", ["resume", "undo", "begin"])
def test_after_a_power_cut_the_counter_shows_what_is_open(
    bureau: Bureau, desk: Desk, ins: int, amount: str, then: str
) -> None:
    pair = bureau.pair()
    counter = desk.start()
    desk.lay(pair)
    bureau.town.rack.fault(NEW_SLOT, Fault("tear_before_write", ins=ins))
    torn = counter.begin()
    assert torn.screen.tone is Tone.WAIT and torn.state is None
    assert any("没有丢" in zh for zh, _ in torn.screen.lines)
    again = desk.start()
    (shown,) = again.pending()
    assert shown.code == "S-TRANSFER-OPEN-MOVING" and amount in shown.zh
    assert pair.old.card_id.hex()[16:24] in shown.zh and pair.new.card_id.hex()[16:24] in shown.en
    desk.lay(pair)
    done = getattr(again, then)()
    wanted = "S-TRANSFER-UNDONE" if then == "undo" else "S-TRANSFER-MOVED"
    assert done.screen.code == wanted
    assert pair.balances() == ((BALANCE, ON_NEW) if then == "undo" else (0, BALANCE + ON_NEW))
    assert len(again.pending()) == (then != "undo")


def test_a_torn_undoing_goes_on_backwards(bureau: Bureau, desk: Desk) -> None:
    pair = bureau.pair()
    counter = desk.start()
    desk.lay(pair)
    counter.begin()
    bureau.town.rack.fault(OLD_SLOT, Fault("tear_after_write", ins=CREDIT))
    assert counter.undo().screen.tone is Tone.WAIT
    again = desk.start()
    assert [shown.code for shown in again.pending()] == ["S-TRANSFER-OPEN-UNDOING"]
    desk.lay(pair)
    assert again.begin().screen.code == "E-TRANSFER-STATE", "a transfer that goes back is not begun"
    assert again.resume().screen.code == "S-TRANSFER-UNDONE"
    assert pair.balances() == (BALANCE, ON_NEW)


def test_cards_the_wrong_way_round_or_missing(bureau: Bureau, desk: Desk) -> None:
    pair = bureau.pair(issued="20991231")
    counter = desk.start()
    desk.lay(pair, old=NEW_SLOT, new=OLD_SLOT)
    assert counter.begin().screen.code == "E-TRANSFER-SWAPPED"
    desk.lay(pair)
    assert counter.begin().screen.code == "S-TRANSFER-MOVED"
    desk.lay(pair, old=NEW_SLOT, new=OLD_SLOT)
    assert counter.undo().screen.code == "E-TRANSFER-SWAPPED"
    bureau.town.rack.eject(NEW_SLOT)
    missing = counter.resume().screen
    assert missing.code == "E-CARD-NONE" and ("新卡读卡器", "new card's reader") in missing.lines
    assert pair.balances() == (0, BALANCE + ON_NEW)


def test_two_holders_are_refused(bureau: Bureau, desk: Desk) -> None:
    pair = bureau.pair(other_person=True)
    counter = desk.start()
    desk.lay(pair)
    assert counter.begin().screen.code == "E-TRANSFER-REFUSED"
    assert counter.pending() == [] and pair.balances() == (BALANCE, ON_NEW)


def test_a_module_that_was_pulled_is_found_again(bureau: Bureau, desk: Desk) -> None:
    pair = bureau.pair()
    counter = desk.start()
    desk.lay(pair)
    assert counter.begin().screen.code == "S-TRANSFER-MOVED"
    bureau.town.rack.eject("counter-psam")
    assert counter.undo().screen.code == "E-PSAM-LOST"
    bureau.town.rack.insert("counter-psam", bureau.town.folder / "psam-3.chip")
    assert counter.undo().screen.code == "S-TRANSFER-UNDONE"
    assert pair.balances() == (BALANCE, ON_NEW)


def test_a_module_without_the_key_leaves_the_data_and_moves_the_money(bureau: Bureau, desk: Desk) -> None:
    town, pair = bureau.town, bureau.pair()
    state = town.factory.psam_state(3)
    del state["ssc/25/48"]  # UK_DF01EF06
    psam = make_psam(town.folder / "poor.chip", state)
    town.rack.swap("counter-psam", psam)
    counter = desk.start()
    desk.lay(pair)
    moved = counter.begin()
    assert moved.screen.code == "S-TRANSFER-MOVED", moved.screen.text()
    assert moved.state is not None and moved.state.places == () and len(moved.state.kept) == len(BLANK_RIGHTS)
    assert counter.undo().screen.code == "S-TRANSFER-UNDONE"
    assert pair.balances() == (BALANCE, ON_NEW)


def test_the_tellers_window(bureau: Bureau, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    pair = bureau.pair()
    desk.lay(pair)
    for letters, wanted in (("bq", ["S-TRANSFER-MOVED"]), ("xc", ["S-TRANSFER-OPEN-MOVED", "S-TRANSFER-CONFIRMED"])):
        typed = iter(letters)

        def ask(_: str, typed: Iterator[str] = typed) -> str:
            try:
                return next(typed)
            except StopIteration:
                raise EOFError from None

        console.serve(desk.start(), ask)
        shown = capsys.readouterr().out
        assert [line.split("] ")[1] for line in shown.splitlines() if line.startswith("[")] == wanted
    assert pair.balances() == (0, BALANCE + ON_NEW)


def test_without_readers_it_says_so_and_ends_with_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(tmp_path / "nobody"))
    monkeypatch.chdir(tmp_path)
    assert console.run(["--old", "no such", "--new", "none"], SystemClock(), SystemEntropy()) == 2
    assert "下一步" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        console.run(["--old", "only"], SystemClock(), SystemEntropy())
    assert ended.value.code == 64
