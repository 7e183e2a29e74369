"""The table as typed at a terminal: what people may say, and a reader that waits for the right card."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from card.domain.clock import SteppedClock, start_of_business_day
from card.domain.entropy import SeededEntropy
from card.errors import NoCardError
from card.readers.reader import Reader
from firmware_sim.ceremony.table import SLOT, MemoryCards, RehearsedPrinter
from keys.ceremony import cli, console
from keys.ceremony.console import ConsoleDesk, ReaderCards
from keys.ceremony.errors import NotConfirmedError
from keys.ceremony.holding import hold
from keys.ceremony.standing import standing
from keys.ceremony.table import Room
from tests.keys.ceremony.documents import EXAMPLE, example, policy, reviewed


class Typist:
    """Answers by the first key that a prompt contains; keeps what was asked."""

    def __init__(self, *answers: tuple[str, list[str] | str]) -> None:
        self.answers = [(key, list(said) if isinstance(said, list) else said) for key, said in answers]
        self.prompts: list[str] = []

    def __call__(self, prompt: str) -> str:
        self.prompts.append(prompt)
        for key, said in self.answers:
            if key in prompt:
                return said if isinstance(said, str) else said.pop(0)
        raise EOFError


def desk_of(*answers: tuple[str, list[str] | str]) -> tuple[ConsoleDesk, io.StringIO]:
    out, typist = io.StringIO(), Typist(*answers)
    return ConsoleDesk(out, typist, typist), out


def test_only_yes_is_yes() -> None:
    for said in ("y", "YES", "是"):
        desk_of(("y?", said))[0].confirm("Li", "在场", "is present")
    for said in ("", "n", "yess", "1"):
        with pytest.raises(NotConfirmedError):
            desk_of(("y?", said))[0].confirm("Li", "在场", "is present")


def test_a_new_pin_is_typed_twice_and_not_easily_guessed() -> None:
    desk, out = desk_of(
        ("again", ["13572460", "13572468"]),
        ("new PIN", ["12345", "111111", "123456", "987654", "1234567x", "13572468", "13572468"]),
    )
    assert desk.new_pin("Li") == "13572468"
    assert out.getvalue().count("too easily guessed") == 3
    assert out.getvalue().count("not the same twice") == 1
    assert "13572468" not in out.getvalue()


def test_what_cannot_be_a_pin_costs_no_try() -> None:
    desk, out = desk_of(("tries left 3", ["12", "123456789012345", "13572468"]))
    assert desk.pin("Li", 3) == "13572468"
    assert out.getvalue().count("not sent to the card") == 2


class Hands(ConsoleDesk):
    """People who put in the wrong card first, then the one asked for."""

    def __init__(self, cards: MemoryCards, out: io.StringIO, typist: Typist) -> None:
        super().__init__(out, typist, typist)
        self._cards, self._wrong = cards, True

    def tell(self, zh: str, en: str) -> None:
        super().tell(zh, en)
        if en.startswith("insert card"):
            wanted = en.split()[-1]
            others = sorted(set(self._cards.kept) - {wanted})
            self._wanted = wanted
            self._cards.insert(others[0] if self._wrong else wanted)
        elif "take it out" in en:
            self._wrong = False
            self._cards.insert(self._wanted)


class Patient:
    """The reader port over the rack's slot, without its waiting."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    name = "table"

    def connect(self):  # type: ignore[no-untyped-def]
        return self._reader.connect()

    def card_present(self) -> bool:
        return self._reader.card_present()

    def wait(self, present: bool, timeout_ms: int) -> bool:
        return self._reader.card_present() is present or not present


def test_a_whole_ceremony_by_hand(tmp_path: Path) -> None:
    plan, cards, out = policy("shares", 3, 2), MemoryCards(), io.StringIO()
    for holder in plan.holders:
        cards.make(holder.serial, holder.card)
    typist = Typist(("y?", "y"), ("PIN", "13572468"), ("again", "13572468"))
    hands = Hands(cards, out, typist)
    reader = ReaderCards(Patient(cards.rack.reader(SLOT)), hands)
    clock = SteppedClock(start_of_business_day(plan.head.day))
    held = hold(plan, tmp_path, Room(hands, reader, RehearsedPrinter(None), clock, SeededEntropy(1)))
    assert standing(held.folder).closed
    assert "this is card" in out.getvalue()
    asked = "".join(typist.prompts)
    assert all(plan.name(holder.person) in asked for holder in plan.holders)
    assert "?" not in asked.replace("y?", ""), "nothing but confirmations and PINs is asked"


def test_a_card_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "WAIT_MS", 3_000)
    cards = MemoryCards()
    desk, _ = desk_of()
    with pytest.raises(NoCardError):
        ReaderCards(Patient(cards.rack.reader(SLOT)), desk).insert("4D43000000000001")


def test_lines_end_with_an_empty_one() -> None:
    desk, _ = desk_of((" 1>", "1 0123 45 10"), (" 2>", "2 0123 45 11"), (" 3>", " "))
    assert desk.lines("Li", "E-1", "store/KEK") == ["1 0123 45 10", "2 0123 45 11"]


@pytest.mark.parametrize(
    ("change", "status"),
    [(lambda text: text, 0), (lambda text: text.replace("need = 3", "need = 4"), 1), (lambda text: text + "[", 2)],
    ids=["good", "changed", "no TOML"],
)
def test_check_plan(
    change: Callable[[str], str], status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(change(EXAMPLE.read_text("utf-8")), "utf-8")
    assert cli.check_plan([str(path)]) == status
    said = capsys.readouterr()
    assert ('review = "' in said.out) is (status == 1)
    if status == 0:
        assert reviewed(example())["ceremony"]["review"] in EXAMPLE.read_text("utf-8")
    if status == 1:
        path.write_text(
            path.read_text("utf-8").replace(example()["ceremony"]["review"], said.out.split('"')[1]), "utf-8"
        )
        assert cli.check_plan([str(path)]) == 0, "with the line that it printed the plan is good"


def test_check_says_void_and_what_to_destroy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan, cards = policy("shares", 3, 2), MemoryCards()
    for holder in plan.holders:
        cards.make(holder.serial, holder.card)
    typist = Typist(("y?", "y"), ("PIN", "13572468"), ("again", "13572468"))
    hands = Hands(cards, io.StringIO(), typist)
    clock = SteppedClock(start_of_business_day(plan.head.day))
    room = Room(hands, cards, RehearsedPrinter(None), clock, SeededEntropy(1))
    held = hold(plan, tmp_path, room)
    assert cli.check([str(held.folder)]) == 0
    lines = held.transcript.read_bytes().splitlines(keepends=True)
    held.transcript.write_bytes(b"".join(lines[:8]))
    assert cli.check([str(held.folder)]) == 1
    assert "destroy card 4D43000000000001" in capsys.readouterr().err
    held.transcript.write_bytes(b"".join(lines[1:]))
    assert cli.check([str(held.folder)]) == 1
    assert "E-CEREMONY-TRANSCRIPT" in capsys.readouterr().err
