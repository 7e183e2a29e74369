"""PIN functions: what is typed, both error styles, reload and unblock with the PSAM and in three steps."""

import pytest

from firmware_sim.card.factory import Order
from firmware_sim.ldt33_centre import CardFacts
from terminal.config import Ldt33Config
from terminal.ldt33.codes import Code, Ldt33Error
from terminal.ldt33.pinpad import Prompt
from tests.terminal.ldt33.bench import PIN, Bench

WRONG, NEW = "111111", "246810"


def verify(bench: Bench, pin: str) -> int:
    bench.pad.entries = [pin]
    return bench.call("iVerifyPIN", 1).code


def test_the_right_pin(bench: Bench) -> None:
    assert verify(bench, PIN) == Code.OK
    assert bench.pad.asked == [Prompt.PIN]


def test_a_wrong_pin_in_the_librarys_style(bench: Bench) -> None:
    assert verify(bench, WRONG) == Code.PIN_WRONG
    assert [verify(bench, WRONG) for _ in range(6)][-1] == Code.PIN_BLOCKED
    assert verify(bench, PIN) == Code.PIN_BLOCKED


def test_a_wrong_pin_as_status_word(bench: Bench) -> None:
    library = bench.other(config=Ldt33Config(errors="status-word"))
    codes = []
    for _ in range(7):
        bench.pad.entries = [WRONG]
        codes.append(library.call("iVerifyPIN", (1,)).code)
    assert codes[:2] == [-25541, -25540], "minus 63C5, minus 63C4"
    assert codes[-1] == -27011, "minus 6983"


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (Ldt33Error(Code.CANCELLED), Code.CANCELLED),
        (Ldt33Error(Code.TIMED_OUT), Code.TIMED_OUT),
        ("1234", Code.PIN_LENGTH),
        ("1234567", Code.PIN_LENGTH),
        ("12345x", Code.BAD_CHARACTER),
    ],
)
def test_what_cannot_be_a_pin_is_never_sent(bench: Bench, typed: str | Ldt33Error, code: Code) -> None:
    bench.pad.entries = [typed]
    assert bench.call("iVerifyPIN", 1).code == code
    library = bench.other(config=Ldt33Config(errors="status-word"))
    bench.pad.entries = [WRONG]
    assert library.call("iVerifyPIN", (1,)).code == -0x63C5, "all tries were still there"


def test_contact_only(bench: Bench) -> None:
    for name in ("iVerifyPIN", "iChangePIN"):
        assert bench.call(name, 2).code == Code.NOT_SUPPORTED
    bench.slots.contactless, bench.slots.contact = bench.slots.contact, None
    assert bench.call("iVerifyPIN", 4).code == Code.READER
    assert bench.pad.asked == []


def test_a_pin_is_changed(bench: Bench) -> None:
    bench.pad.entries = [PIN, NEW, NEW]
    assert bench.call("iChangePIN", 1).code == Code.OK
    assert bench.pad.asked == [Prompt.OLD, Prompt.NEW, Prompt.AGAIN]
    assert verify(bench, NEW) == Code.OK
    assert verify(bench, PIN) == Code.PIN_WRONG


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ([PIN, NEW, "246811"], Code.PIN_UNLIKE),
        ([PIN, "123456", "123456"], Code.PIN_TO_INITIAL),
        ([WRONG, NEW, NEW], Code.PIN_WRONG),
        ([PIN, "12", "12"], Code.PIN_LENGTH),
        ([PIN, NEW], Code.CANCELLED),
    ],
)
def test_a_change_that_cannot_be(bench: Bench, typed: list[str | Ldt33Error], code: Code) -> None:
    bench.pad.entries = typed
    assert bench.call("iChangePIN", 1).code == code
    assert verify(bench, PIN) == Code.OK


def test_the_initial_pin_opens_nothing(bench: Bench) -> None:
    twin = bench.insert(Order(4, pin=None))
    assert verify(bench, "123456") == Code.PIN_INITIAL
    bench.pad.entries = ["123456"]
    info = f"{twin.card_id.hex()}|{twin.card_no}|"
    assert bench.call("iReadCard", 1, 1, info, "DF01EF05|20|$").code == Code.PIN_INITIAL


def block(bench: Bench) -> None:
    for _ in range(6):
        verify(bench, WRONG)
    assert verify(bench, PIN) == Code.PIN_BLOCKED


def test_unblock_with_the_psam(bench: Bench) -> None:
    block(bench)
    assert bench.call("iUnblockPIN", 1, bench.info).code == Code.OK
    assert verify(bench, PIN) == Code.OK


def test_reload_with_the_psam(bench: Bench) -> None:
    block(bench)
    bench.pad.entries = [NEW, NEW]
    assert bench.call("iReloadPIN", 1, bench.info).code == Code.OK
    assert verify(bench, NEW) == Code.OK


def test_reload_in_three_steps(bench: Bench) -> None:
    block(bench)
    first = bench.call("iReloadPIN_HSM_Step1", 1, bench.info)
    facts = CardFacts.of(first.text)
    bench.pad.entries = [NEW, NEW]
    second = bench.call("iReloadPIN_HSM_Step2", bench.hsm.basic(first.text).split("|")[0] + "|")
    algorithm, address, challenge, head, pin, end = second.text.split("|")
    assert (algorithm, address, len(challenge), head, pin, end) == ("01", "009010", 8, "84D400000C", NEW, "")
    command = bench.hsm.protected(facts, second.text)
    assert len(command.rstrip("|")) == 34
    assert bench.call("iReloadPIN_HSM_Step3", command).code == Code.OK
    assert verify(bench, NEW) == Code.OK


def test_unblock_in_three_steps(bench: Bench) -> None:
    block(bench)
    first = bench.call("iUnblockPIN_HSM_Step1", 1, bench.info)
    facts = CardFacts.of(first.text)
    second = bench.call("iUnblockPIN_HSM_Step2", bench.hsm.basic(first.text).split("|")[0] + "|")
    assert second.text.split("|")[:2] == ["01", "009010"] and second.text.split("|")[3] == "8424000004"
    command = bench.hsm.protected(facts, second.text)
    assert len(command.rstrip("|")) == 18
    assert bench.call("iUnblockPIN_HSM_Step3", command).code == Code.OK
    assert verify(bench, PIN) == Code.OK


def test_a_third_step_sends_only_the_command_that_was_asked_for(bench: Bench) -> None:
    first = bench.call("iUnblockPIN_HSM_Step1", 1, bench.info)
    bench.call("iUnblockPIN_HSM_Step2", bench.hsm.basic(first.text).split("|")[0] + "|")
    assert bench.call("iUnblockPIN_HSM_Step3", "841600000400000000|").code == Code.BAD_INPUT, "CARD BLOCK"
    assert bench.call("iUnblockPIN_HSM_Step3", "842400000400000000|").code == Code.NOT_CONNECTED
    first = bench.call("iUnblockPIN_HSM_Step1", 1, bench.info)
    bench.call("iUnblockPIN_HSM_Step2", bench.hsm.basic(first.text).split("|")[0] + "|")
    assert bench.call("iUnblockPIN_HSM_Step3", "842400000400000000|").code < -0x6000, "the card refuses a wrong MAC"


def test_a_card_that_does_not_prove_itself_gets_no_pin(bench: Bench) -> None:
    bench.call("iReloadPIN_HSM_Step1", 1, bench.info)
    bench.pad.entries = [NEW, NEW]
    assert bench.call("iReloadPIN_HSM_Step2", "0" * 32 + "|").code == Code.NOT_GENUINE
    assert bench.pad.asked == []
