"""`onecard sim ...`: hands on the slots of running readers, typed as a person types them."""

import json
import signal
import time
from itertools import cycle
from pathlib import Path

import pytest

from card.domain.entropy import SeededEntropy
from card.errors import CardLostError
from card.interface import Interface, interface_of
from firmware_sim.card.factory import Order, TwinFactory
from firmware_sim.rack import PcscRack
from firmware_sim.sim_control import VERBS, run_control
from keys.centre import KeyCentre
from keys.hsm_software import SoftwareHsm
from tests.firmware_sim.test_rack import command, start_sim

# A card that has just left is seen to leave a little later: the next test takes other slots meanwhile.
PAIRS = cycle([(f"encoder-{number}", f"encoder-{number + 1}") for number in range(0, 8, 2)])
CHALLENGE = bytes.fromhex("0084000008")
MANY = 400  # more than fits into one request line


class Hands:
    def __init__(self, rack: PcscRack, capsys: pytest.CaptureFixture[str]) -> None:
        self.rack, self._capsys = rack, capsys
        self.left, self.right = next(PAIRS)

    def __call__(self, verb: str, *words: str, status: int = 0) -> str:
        assert run_control(verb, [*words, "--control", str(self.rack.control)], "") == status
        out, self.err = self._capsys.readouterr()
        return out

    def chips(self) -> dict[str, str]:
        rows = json.loads(self("list", "--json"))
        return {row["slot"]: Path(row["chip"]).name if row["chip"] else "" for row in rows}


@pytest.fixture
def hands(pcsc_rack: PcscRack, capsys: pytest.CaptureFixture[str]) -> Hands:
    return Hands(pcsc_rack, capsys)


@pytest.fixture
def chips(tmp_path: Path) -> list[str]:
    factory = TwinFactory(KeyCentre(SoftwareHsm.from_seed(b"sim control seed", "test")), SeededEntropy(1))
    for number in (1, 2):
        factory.card(tmp_path / f"{number}.chip", Order(number))
    return [str(tmp_path / f"{number}.chip") for number in (1, 2)]


@pytest.mark.pcsc
def test_cards_are_put_in_pulled_and_swapped(hands: Hands, chips: list[str]) -> None:
    hands("insert", hands.left, chips[0])
    assert "1.chip" in hands("list")
    hands("swap", hands.left, chips[1])
    assert hands.chips()[hands.left] == "2.chip"
    hands("insert", hands.right, chips[0])
    hands("swap", hands.left, hands.rack.name(hands.right))
    assert (hands.chips()[hands.left], hands.chips()[hands.right]) == ("1.chip", "2.chip")
    assert json.loads(hands("pull", hands.left, "--json")) == {"done": "eject", "slot": hands.left}
    assert hands.chips()[hands.left] == ""
    hands("swap", hands.left, hands.right)
    assert (hands.chips()[hands.left], hands.chips()[hands.right]) == ("2.chip", "")


@pytest.mark.pcsc
def test_a_tear_happens_once_and_can_be_forgotten(hands: Hands, chips: list[str]) -> None:
    hands("tear", hands.left, "--ins", "84", "--when", "answer")
    hands("disarm", hands.left)
    hands("tear", hands.left, "--ins", "84", "--nth", "2", "--when", "answer")
    hands("insert", hands.left, chips[0])
    channel = hands.rack.reader(hands.left).connect()
    assert channel.transmit(CHALLENGE)[-2:] == b"\x90\x00"
    with pytest.raises(CardLostError):
        channel.transmit(CHALLENGE)
    channel.close()
    assert hands.chips()[hands.left] == ""


@pytest.mark.pcsc
def test_a_slot_becomes_another_reader_and_a_slow_one(hands: Hands, chips: list[str], tmp_path: Path) -> None:
    factory = TwinFactory(KeyCentre(SoftwareHsm.from_seed(b"sim control seed", "test")), SeededEntropy(1))
    factory.card(tmp_path / "dual.chip", Order(3, profiles=("ssc-3.00",)))
    hands("line", hands.left, "contactless")
    hands("lag", hands.left, "60")
    hands("insert", hands.left, str(tmp_path / "dual.chip"))
    channel = hands.rack.reader(hands.left).connect()
    started = time.monotonic()
    channel.transmit(CHALLENGE)
    slow = time.monotonic() - started
    contactless = interface_of(channel.atr)
    channel.close()
    hands("lag", hands.left, "0")
    hands("pull", hands.left)
    hands("line", hands.left, "contact")
    assert contactless is Interface.CONTACTLESS
    assert slow >= 0.06


@pytest.mark.pcsc
def test_times_are_those_of_the_chip(hands: Hands, chips: list[str]) -> None:
    hands("insert", hands.left, chips[0])
    channel = hands.rack.reader(hands.left).connect()
    for _ in range(MANY):
        channel.transmit(CHALLENGE)
    channel.close()
    slow = json.loads(hands("times", hands.left, "--line", "t0", "--json"))
    fast = json.loads(hands("times", hands.left, "--line", "iso14443-848", "--json"))
    assert [row["name"] for row in slow["times"]] == ["GET CHALLENGE"] * MANY
    assert slow["total_us"] > fast["total_us"] > 0
    assert "GET CHALLENGE" in hands("times", hands.left)


@pytest.mark.pcsc
def test_a_wrong_slot_names_the_slots_there_are(hands: Hands, chips: list[str]) -> None:
    for verb, words in (("eject", ["nowhere"]), ("tear", ["nowhere"]), ("insert", ["nowhere", chips[0]])):
        hands(verb, *words, status=2)
        assert "E-SIM-SLOT" in hands.err
        assert "encoder-0" in hands.err
    hands("swap", hands.left, hands.left, status=2)
    hands("insert", hands.left, "none.chip", status=2)
    assert "E-CHIP-FILE" in hands.err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_and_says_when_nothing_runs(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as asked:
        run_control(verb, ["--help"], "")
    assert asked.value.code == 0
    words = {
        "list": [],
        "swap": ["a", "b"],
        "fault": ["a", "drop_answer"],
        "line": ["a", "contact"],
        "lag": ["a", "1"],
    }.get(verb, ["a"])
    assert run_control(verb, words, str(tmp_path / "pcscd.comm")) == 2
    assert "E-SIM-CONTROL" in capsys.readouterr().err


@pytest.mark.pcsc
def test_eight_cards_and_four_psams_at_once(tmp_path: Path) -> None:
    process, line = start_sim(tmp_path, "--cards", "8", "--psams", "4")
    readers = line["readers"]
    assert isinstance(readers, list)
    assert [row["holds"] for row in readers] == ["card"] * 8 + ["psam"] * 4
    assert len({row["card_id"] for row in readers[:8]}) == 8
    last = command(
        tmp_path, line["env"], "card", "read", "--json", "--reader", readers[7]["name"], "--psam", readers[11]["name"]
    )
    assert json.loads(last.stdout)["card_id"].lower() == readers[7]["card_id"]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 0


@pytest.mark.parametrize("wrong", ["ZZ", "100", "-1", "D"])
def test_an_instruction_is_two_hex_digits(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_control("tear", ["card-0", f"--ins={wrong}"], "")
    assert ended.value.code == 64
    assert f"'{wrong}': 应为两位十六进制，如 DC; two hex digits are wanted, as DC" in capsys.readouterr().err
