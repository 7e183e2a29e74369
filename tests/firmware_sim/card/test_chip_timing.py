"""Modelled time: figures checked by hand, counts taken from real commands."""

import tomllib
from importlib.resources import files

import pytest

from firmware_sim.card.timing import ApduCost, TimeModel, joined, tally, time_model
from tests.firmware_sim.chips import EP, KEY, finished_values, powered, put_purse, say, select


def cost(sent: int, received: int, **more: object) -> ApduCost:
    facts: dict[str, object] = {"name": "X", "ins": 0xB0, "sent": sent, "received": received, "data": 0, "sw": 0x9000}
    return ApduCost(**{**facts, **more})  # type: ignore[arg-type]


def test_a_block_at_106_is_what_the_standard_says() -> None:
    """READ of 30 bytes: 5 + 3 and 32 + 3 bytes of 9 bits at 128/fc, start and end, twice 1172/fc."""
    bits = (8 * 9 + 2) + (35 * 9 + 2)
    by_hand = bits * 128 / 13.56 + 2 * 1172 / 13.56
    (time,) = time_model().price([cost(5, 32)], "iso14443-106")
    assert time.transmission_us == pytest.approx(by_hand, abs=3)
    assert (time.writes, time.eeprom_us, time.crypto_us) == (0, 0, 0)
    assert time_model().radio_bytes([cost(5, 32)]) == 5 + 3 + 32 + 3


def test_faster_lines_are_faster_but_not_eight_times() -> None:
    at = {line: time_model().price([cost(60, 60)], line)[0].transmission_us for line in time_model().lines}
    assert at["iso14443-106"] > at["iso14443-424"] > at["iso14443-848"]
    assert at["iso14443-106"] < 8 * at["iso14443-848"]


def test_contact_counts_characters() -> None:
    """SELECT with 15 bytes of data: header 5, procedure byte, 15, status 2 = 23 characters of 12 etu at 9,600 bit/s."""
    (time,) = time_model().price([cost(20, 2, data=15, sw=0x611E)], "t0")
    assert time.transmission_us == pytest.approx(23 * 12 * 1_000_000 / 9600, abs=2)


def test_an_answer_longer_than_a_frame_is_chained() -> None:
    one, two = (time_model().price([cost(5, size)], "iso14443-106")[0].transmission_us for size in (253, 254))
    # one byte in a block of its own, 4 bytes, and the acknowledgement, 3 bytes
    assert two - one == pytest.approx(((4 + 3) * 9 + 4) * 128 / 13.56 + 2 * 1172 / 13.56, abs=3)
    assert time_model().radio_bytes([cost(5, 254)]) == 5 + 3 + 254 + 3 * 3


def test_get_response_is_no_command_in_the_air() -> None:
    waiting = [cost(16, 2, data=11, sw=0x610F, ins=0x50), cost(5, 17, ins=0xC0)]
    (whole,) = joined(waiting)
    assert (whole.sent, whole.received, whole.sw) == (17, 17, 0x9000)
    assert len(time_model().price(waiting, "t0")) == 2
    unwanted = [cost(20, 2, data=15, sw=0x6113, ins=0xA4), cost(5, 20)]
    assert [(item.sent, item.received) for item in joined(unwanted)] == [(21, 21), (5, 20)]


def figures(**eeprom: object) -> TimeModel:
    table = tomllib.loads(files("firmware_sim.card").joinpath("timing.toml").read_text("utf-8"))
    table["eeprom"].update(eeprom)
    return TimeModel(table)


def test_pages_of_a_commit_by_scheme() -> None:
    """One counter is one page; 8 + 100 bytes are 1 + 2 pages and the mark; saved first, they are written twice."""
    counter, several = cost(5, 2, commits=((1,),)), cost(5, 2, commits=((8, 100),))
    assert [figures().price([item], "t0")[0].writes for item in (counter, several)] == [1, 4]
    assert [figures(scheme="backup").price([item], "t0")[0].writes for item in (counter, several)] == [4, 8]
    assert figures(page_us=2500).price([several], "t0")[0].eeprom_us == 10_000


def test_a_long_wait_is_paid_for() -> None:
    short, long = (cost(5, 2, operations={"sm2_sign": count}) for count in (1, 2))
    one, two = (time_model().price([item], "iso14443-106")[0].transmission_us for item in (short, long))
    assert two > one  # 120 ms are more than one waiting time of 77 ms


def test_an_unknown_line_is_refused() -> None:
    with pytest.raises(ValueError, match="no line"):
        time_model().price([], "iso14443-212")


def test_activation_is_slower_than_nothing_and_faster_than_a_card() -> None:
    assert time_model().activation_us("t0") == 0
    assert 3_000 < time_model().activation_us("iso14443-106") < time_model().activation_us("iso14443-424") < 10_000


def test_a_chip_counts_its_own_work() -> None:
    """External authentication: session key 3DES, cryptogram DES, the try counter down and up again."""
    card = powered(finished_values())
    select(card, "7378312E73682EC9E7BBE1B1A3D5CF")
    card.nv.meter.clear()
    challenge = say(card, "0084000008")
    assert challenge.endswith("9000")
    say(card, "0082000410" + "00" * 16)
    first, second = card.nv.meter.costs
    assert (first.sent, first.received, first.commits, dict(first.operations)) == (5, 10, (), {})
    assert (second.sent, second.received, second.data) == (21, 2, 16)
    assert second.commits == ((1,),)  # a wrong cryptogram: counted before it is judged, and not undone
    assert dict(second.operations) == {"3des": 1, "des": 1}


def test_a_debit_is_one_commit_of_all_its_values() -> None:
    values = finished_values(dpk=KEY, dtk=KEY)
    put_purse(values, 5_000)
    card = powered(values)
    select(card, EP)
    card.nv.meter.clear()
    say(card, "805001020B 01 00000064 460100000001")
    say(card, "805401000F 00000001 20260115 083000 00000000")
    debit = card.nv.meter.costs[-1]
    assert debit.sw == 0x9302 and debit.commits == ()  # a wrong MAC1 writes nothing
    assert debit.operations["3des"] == 1


def test_counts_of_one_command_do_not_leak_into_the_next() -> None:
    card = powered(finished_values())
    tally("3des", 7)
    select(card, EP)
    assert card.nv.meter.costs[-1].operations == {}


def test_of_a_command_only_its_head_is_kept() -> None:
    """A PIN goes over the line and not into the counts; a fragment of a command is counted without a name."""
    card = powered(finished_values())
    select(card, "7378312E73682EC9E7BBE1B1A3D5CF")
    card.nv.meter.clear()
    say(card, "0020000003 123456")
    say(card, "00")
    verify, fragment = card.nv.meter.costs
    assert (verify.name, verify.data, verify.sw) == ("VERIFY", 3, 0x9000)
    assert (fragment.name, fragment.sent, fragment.sw) == ("?", 1, 0x6700)
    assert not any(b"\x12\x34\x56" in part for row in card.nv.meter._rows for part in row if isinstance(part, bytes))
