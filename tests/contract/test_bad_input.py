"""Bad input at the front door: every wrong answer of a card ends in a code, a sentence and a next step.

The commands are the real ones, over the real PC/SC daemon; the card is a sound twin whose answers a script bends.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from card.domain.entropy import SeededEntropy
from firmware_sim.card.factory import Order, TwinFactory
from firmware_sim.daemon import find_programs
from firmware_sim.errors import DaemonNotInstalledError
from keys.centre import KeyCentre
from keys.hsm_software import SoftwareHsm
from tests.required import missing

ROOT = Path(__file__).resolve().parents[2]
CARD, SECOND, PSAM = "card", "second", "psam"
VERSION, CARD_NO, CITIZEN, NAME = "00b20328", "00b20728", "00b20830", "00b20930"
SELECT, GET_RESPONSE, VERIFY = "00a4", "00c0", "0020"
LATE_S = 0.8


@dataclass
class Counter:
    """The process at the readers."""

    process: "subprocess.Popen[str]"
    folder: Path
    readers: dict[str, str] = field(default_factory=dict)

    def order(self, **words: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def bend(self, rules: list[dict[str, Any]], atr: str = "", chip: str = CARD) -> None:
        (self.folder / f"{chip}.json").write_text(json.dumps({"atr": atr, "rules": rules}), "utf-8")

    def run(self, *words: str, typed: str = "") -> dict[str, Any]:
        return self.order(run=list(words), typed=typed)


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    try:
        find_programs()
    except DaemonNotInstalledError as absent:
        missing("pcsc", str(absent))
    folder = tmp_path_factory.mktemp("bad")
    factory = TwinFactory(KeyCentre(SoftwareHsm.from_seed(b"bad input, seed 1", "test")), SeededEntropy(5, "bad input"))
    for number, name in enumerate((CARD, SECOND), 1):
        factory.card(folder / f"{name}.chip", Order(number))
    factory.psam(folder / "psam.chip", 1)
    command = [
        sys.executable,
        "-m",
        "tests.contract.counter",
        str(folder),
        "tests.contract.bad_twins",
        CARD,
        SECOND,
        PSAM,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PCSCLITE_CSOCK_NAME", None)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as process:
        made = Counter(process, folder)
        assert process.stdout is not None
        made.readers = json.loads(process.stdout.readline())
        made.order(insert=CARD, chip=str(folder / "card.chip"))
        made.order(insert=PSAM, chip=str(folder / "psam.chip"))
        yield made
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)


@dataclass(frozen=True)
class Case:
    """`answer` instead of the card's own to commands that begin with `head`."""

    name: str
    head: str
    answer: str
    code: str
    shows: str = ""
    status: int = 2
    command: tuple[str, ...] = ("card", "read")
    late_s: float = 0.0
    do: str = ""
    typed: str = ""


PIN = ("card", "verify-pin", "--pin-stdin")
CASES = (
    Case("wrong Le, and again", VERSION, "6c05", "E-CARD-SW", "6C05 EXACT LENGTH"),
    Case("wrong length", CARD_NO, "6700", "E-CARD-SW", "6700 WRONG LENGTH"),
    Case("a record that is too short", CARD_NO, "0703aabbcc9000", "E-CARD-DATA"),
    Case("a record that is too long", CARD_NO, "0709" + "31" * 12 + "9000", "E-CARD-DATA"),
    Case("an unknown tag", CITIZEN, "fe12" + "31" * 18 + "9000", "E-CARD-DATA"),
    Case("a TLV that is cut off", CITIZEN, "08123131319000", "E-CARD-DATA"),
    Case("no data at all", NAME, "9000", "E-CARD-DATA"),
    Case("256 bytes", NAME, "41" * 256 + "9000", "E-CARD-DATA"),
    Case("text that is none", NAME, "091e" + "ff81" * 15 + "9000", "E-CARD-DATA"),
    Case("letters for digits", "00b20528", "0504abcdefab9000", "E-CARD-DATA"),
    Case("a status word never seen", CARD_NO, "9abc", "E-CARD-SW", "9ABC"),
    Case("a status word nobody lists", CARD_NO, "6f42", "E-CARD-SW", "6F42"),
    Case("no status word of any standard", CARD_NO, "1234", "E-CARD-GARBAGE"),
    Case("one byte", CARD_NO, "90", "E-CARD-LOST"),
    Case("memory failure", CARD_NO, "6581", "E-CARD-MEMORY", "6581"),
    Case("a blocked card", SELECT, "6a81", "E-CARD-BLOCKED"),
    Case("no application", SELECT, "6a82", "E-CARD-FOREIGN"),
    Case(
        "an answer without end", GET_RESPONSE, "aa" * 16 + "6110", "E-CARD-ENDLESS", command=("card", "purse", "--json")
    ),
    Case("a late card", CARD_NO, "", "E-CARD-LATE", late_s=LATE_S, command=("card", "read", "--patience", "0.2")),
    Case("a card pulled in the middle", CARD_NO, "", "E-CARD-LOST", do="pull"),
    Case("a PIN counter nobody understands", VERIFY, "6f00", "E-CARD-SW", "6F00 INTERNAL ERROR", command=PIN),
    Case("a blocked PIN", VERIFY, "6983", "E-PIN-BLOCKED", "6983", status=1, command=PIN, typed="111222\n"),
    Case("a last try", VERIFY, "63c1", "E-PIN-LAST", command=PIN, typed="111222\n"),
    Case("a PIN that is none", "no rule", "", "E-PIN-FORMAT", command=PIN, typed="12ab56\n"),
    Case("no PIN on standard input", "no rule", "", "E-CARD-INPUT", command=PIN),
    Case("a field nobody declares", "no rule", "", "E-WRITE-REF", command=("card", "write", "DF01/EF06/ZZ=1")),
    Case("no key to write with", "no rule", "", "E-WRITE-KEY", command=("card", "write", "DF01/EF06/28=1")),
    Case("a value too long", "no rule", "", "E-FIELD", command=("card", "write", f"DF01/EF06/28={'1' * 99}")),
)


def complaint(done: dict[str, Any]) -> str:
    """The code a command complained with; sentence and next step are there in both languages, no traceback is."""
    assert "Traceback" not in done["err"]
    assert "下一步" in done["err"]
    assert "\n  next   " in done["err"]
    return str(done["err"].split()[0])


@pytest.mark.pcsc
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_bad_answer_is_a_sentence_and_a_next_step(counter: Counter, case: Case) -> None:
    rule = {"head": case.head, "answer": case.answer, "late_s": case.late_s, "do": case.do}
    counter.bend([rule] if case.head != "no rule" else [])
    done = counter.run(*case.command, "--reader", counter.readers[CARD], typed=case.typed)
    if case.late_s:
        time.sleep(2 * case.late_s)  # the answer comes at last, and the reader is free again
    if case.do == "pull":
        counter.bend([])
        counter.order(eject=CARD)
        counter.order(insert=CARD, chip=str(counter.folder / "card.chip"))
    assert (done["rc"], complaint(done)) == (case.status, case.code)
    assert case.shows in done["err"]


@pytest.mark.pcsc
def test_after_all_that_the_card_reads_as_ever(counter: Counter) -> None:
    counter.bend([])
    done = counter.run("card", "read", "--json")
    assert done["rc"] == 0, done["err"]
    assert json.loads(done["out"])["version"] == "2.00"


@pytest.mark.pcsc
def test_a_dump_goes_on_behind_a_bad_record(counter: Counter) -> None:
    counter.bend([{"head": CARD_NO, "answer": "0703aabbcc9000"}, {"head": NAME, "answer": "9abc"}])
    done = counter.run("card", "dump", "--reader", counter.readers[CARD], "--json")
    assert done["rc"] == 0, done["err"]
    rows = {(row["file"], row["name"]): row for row in json.loads(done["out"])}
    assert rows["SSSE/EF05", "card_no"]["code"] == "E-CARD-DATA"
    assert rows["SSSE/EF06", "name"]["status"] == "9ABC"
    assert rows["SSSE/EF06", "birth_date"]["hex"]


@pytest.mark.pcsc
@pytest.mark.parametrize(
    "rules",
    [
        [{"head": "", "answer": "6f00"}],
        [{"head": "", "answer": "9000"}],
        [{"head": "", "answer": "1234"}],
        [{"head": "", "answer": "41" * 200 + "9000"}],
        [{"head": "", "answer": "9f02ff9000"}],
        [{"head": "00b2", "answer": "41" * 64 + "9000"}],
        [{"head": SELECT, "answer": "6f7f84009000"}],
        [{"head": "00b2", "do": "pull"}],
    ],
    ids=["internal error", "only yes", "garbage", "long", "broken TLV", "records of noise", "broken FCI", "pulled"],
)
def test_no_command_breaks_on_a_card_of_nonsense(counter: Counter, rules: list[dict[str, Any]]) -> None:
    counter.bend(rules)
    for words in (
        ("dump",),
        ("purse", "--log"),
        ("log", "--what", "dump"),
        ("check", "--json"),
        ("verify-pin", "--pin-stdin"),
    ):
        done = counter.run("card", *words, "--reader", counter.readers[CARD], typed="111222\n")
        assert "Traceback" not in done["err"], done["err"]
        assert done["rc"] in (0, 1, 2)
        if words[0] == "check" and done["out"]:
            assert len(json.loads(done["out"])["items"]) > 40
        elif done["rc"] == 2:
            complaint(done)
        if "do" in rules[0]:
            counter.order(eject=CARD)
            counter.order(insert=CARD, chip=str(counter.folder / "card.chip"))


@pytest.mark.pcsc
def test_a_psam_that_is_none_and_a_reader_taken_twice(counter: Counter) -> None:
    counter.bend([])
    card, psam = counter.readers[CARD], counter.readers[PSAM]
    for reader, module in ((psam, card), (card, card)):
        done = counter.run("card", "read", "--reader", reader, "--psam", module)
        assert done["rc"] == 2
        complaint(done)
    done = counter.run("card", "check", "--reader", psam, "--json")
    assert done["rc"] == 1
    assert {row["result"] for row in json.loads(done["out"])["items"]} <= {"fail", "na", "pass", "not_tried"}


@pytest.mark.pcsc
def test_two_cards_at_once_are_named_and_one_can_be_chosen(counter: Counter) -> None:
    counter.bend([])
    counter.order(insert=SECOND, chip=str(counter.folder / "second.chip"))
    done = counter.run("card", "read")
    assert (done["rc"], complaint(done)) == (2, "E-CARD-SEVERAL")
    assert all(counter.readers[slot] in done["err"] for slot in (CARD, SECOND))
    assert counter.readers[PSAM] not in done["err"]
    chosen = counter.run("card", "read", "--reader", counter.readers[SECOND], "--json")
    assert json.loads(chosen["out"])["card_no"].startswith("T0000002")
    compared = counter.run("card", "compare", counter.readers[CARD], counter.readers[SECOND], "--json")
    assert compared["rc"] == 1
    assert "card_no" in {row["name"] for row in json.loads(compared["out"])["differences"]}
    counter.order(eject=SECOND)


@pytest.mark.pcsc
def test_a_foreign_card(counter: Counter) -> None:
    counter.bend([], atr="3b9f95801fc78031e073fe211b63004c45544f4e99", chip=SECOND)
    counter.order(insert=SECOND, chip=str(counter.folder / "second.chip"))
    done = counter.run("card", "read", "--reader", counter.readers[SECOND])
    assert (done["rc"], complaint(done)) == (2, "E-CARD-FOREIGN")
    checked = counter.run("card", "check", "--reader", counter.readers[SECOND])
    assert checked["rc"] == 1
    assert "没有社会保障应用" in checked["out"]
    counter.order(eject=SECOND)


@pytest.mark.pcsc
def test_a_reader_that_vanishes_in_the_middle_and_one_that_is_gone(counter: Counter) -> None:
    counter.bend([{"head": CARD_NO, "do": "vanish"}])
    done = counter.run("card", "read", "--reader", counter.readers[CARD])
    assert done["rc"] == 2
    assert complaint(done) in ("E-READER-LOST", "E-CARD-LOST", "E-PCSC-DAEMON")
    again = counter.run("card", "read", "--reader", counter.readers[CARD])
    assert (again["rc"], complaint(again)) == (2, "E-PCSC-DAEMON")
