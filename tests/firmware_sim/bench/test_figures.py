"""How a figure is taken, and what the scripted chips and ready-made uploads are."""

import json

import pytest

from card.domain.envelope import batch_bytes
from card.domain.event import parse_event
from card.recording import Recording, Step
from firmware_sim.bench.errors import BenchWrongError
from firmware_sim.bench.figure import Effort, Figure, Pairs, per_second, rounded, take_pairs
from firmware_sim.bench.street import CARD, PSAM, Chips, open_centre
from firmware_sim.bench.tap_counts import window_of
from firmware_sim.bench.tape import OUT_OF_SCRIPT, BareExchange, Script, ScriptedChip
from firmware_sim.bench.taps import record_taps
from firmware_sim.bench.uploads import EPOCH, Device, check_answer, real_event
from keys.algorithms.sm3 import sm3
from keys.centre import PurchaseTacInput
from keys.tac import Moment

FULL = Effort(quick=False)
CONTRACT = ["name", "value", "unit", "baseline", "baseline_value", "ratio", "better"]


def test_pairs_take_turns_and_the_ratio_is_the_median_of_the_pairs() -> None:
    turns: list[str] = []
    ours, bare = iter([2.0, 100.0, 6.0]), iter([1.0, 10.0, 2.0])

    def one() -> float:
        turns.append("ours")
        return next(ours)

    def other() -> float:
        turns.append("bare")
        return next(bare)

    pairs = take_pairs(one, other, 3, FULL)
    assert turns == ["ours", "bare", "bare", "ours", "ours", "bare"]
    assert (pairs.value, pairs.baseline, pairs.ratio, pairs.rounds) == (6.0, 2.0, 3.0, 3)


def test_pairs_end_at_the_limit_but_one_is_always_taken() -> None:
    assert take_pairs(lambda: 1.0, lambda: 2.0, 1000, FULL, limit_s=0).rounds == 1


def test_a_line_has_the_agreed_members_first_and_no_false_digits() -> None:
    figure = Figure("n", "things/s", "bare", "higher", Pairs(1234.567, 10.0, 0.123456, 0.01, 7), {"apdus": 15})
    line = figure.to_json()
    assert list(line)[: len(CONTRACT)] == CONTRACT
    assert (line["value"], line["ratio"], line["apdus"], line["pairs"]) == (1235.0, 0.1235, 15, 7)
    assert rounded(0.000123456) == 0.0001235


def test_a_rate_counts_calls() -> None:
    calls: list[int] = []
    assert per_second(lambda: calls.append(1), 50) > 0
    assert len(calls) == 50


def test_a_scripted_chip_goes_by_place_and_refuses_what_is_not_in_the_script() -> None:
    steps = tuple(
        Step(bytes.fromhex(c), bytes.fromhex(a)) for c, a in [("0084000004", "019000"), ("00B0960006", "9000")]
    )
    chip = ScriptedChip(Script(Recording("test", b"\x3b\x00", steps), again=1))
    assert chip.process(bytes.fromhex("0084000004")) == b"\x01\x90\x00"
    assert chip.process(bytes.fromhex("0084000004")) == OUT_OF_SCRIPT
    for _ in range(3):  # only the part from `again` on repeats
        assert chip.process(bytes.fromhex("00B0960006")) == b"\x90\x00"
    chip.power_on()
    assert chip.process(bytes.fromhex("0084000004")) == b"\x01\x90\x00"


def test_a_recorded_tap_plays_again_on_fresh_twins_only() -> None:
    centre = open_centre()
    chips = Chips.make(centre)
    recorded = record_taps(centre, chips)
    assert {step.slot for step in recorded.later.steps} == {CARD, PSAM}
    exchange = BareExchange(chips.rack())
    exchange.play(recorded.first, leaves=CARD)
    exchange.play(recorded.later, leaves=CARD)
    with pytest.raises(BenchWrongError):  # the purse has moved on
        exchange.play(recorded.later, leaves=CARD)


LOG = """\
00000000 APDU: 80 50 03 02 0B 01 00 00 00 AA 46 01 00 00 00 01
00000100 SW: 61 0F
00000020 APDU: 00 C0 00 00 0F
00000030 SW: 00 00 E9 B6 90 00
00000500 APDU: 80 54 01 00 0F 00 00 00 02
00000400 SW: 61 08
00000010 winscard.c:1: something else
00000040 APDU: 00 C0 00 00 08
00000050 SW: B3 9E 5B 07 82 B3 01 AC 90 00
00000900 APDU: 80 50 03 02 0B 01
00000010 SW: 69 85
"""


def test_the_window_is_added_up_from_the_daemons_log() -> None:
    figure = window_of(LOG)
    assert (figure.pairs.value, figure.pairs.baseline, figure.pairs.rounds) == (0.5, 0.15, 1)
    with pytest.raises(BenchWrongError):
        window_of(LOG.replace("80 54", "80 5C"))


def test_uploads_are_chained_signed_and_attested() -> None:
    centre = open_centre()
    device = Device(3, centre, real_event(centre, Chips.make(centre)), {})
    device.batch(2)
    upload = json.loads(device.batch(3))
    events = [parse_event(text.encode()) for text in upload["events"]]
    assert (upload["first"], upload["last"]) == (3, 5)
    assert [event.id.seq for event in events] == [3, 4, 5]
    assert events[2].prev == sm3(upload["events"][1].encode()).hex()
    message = batch_bytes(device.terminal_no, EPOCH, 3, 5, upload["chain"])
    assert device.key.public.accepts(message, bytes.fromhex(upload["signature"]))
    body: dict[str, str] = events[0].body  # type: ignore[assignment]
    centre.check_purchase_tac(
        PurchaseTacInput(
            issuer=bytes.fromhex(body["issuer"]),
            asn=bytes.fromhex(body["asn"]),
            amount=int(body["amount"]),
            terminal=bytes.fromhex(body["psam_no"]),
            terminal_seq=int(body["terminal_seq"]),
            moment=Moment.from_digits(body["card_date"], body["card_time"]),
            tac=bytes.fromhex(body["tac"]),
            key_version=int(body["key_version"]),
            algorithm=int(body["algorithm"]),
            kind=int(body["txn_type"]),
        )
    )


def test_an_event_that_was_not_accepted_gives_no_figure() -> None:
    check_answer(b'{"results":[{"seq":1,"verdict":"accepted","code":""}]}', 1)
    for answer in (b'{"results":[{"seq":1,"verdict":"suspect","code":"E-EVENT-TAC"}]}', b'{"results":[]}'):
        with pytest.raises(BenchWrongError):
            check_answer(answer, 1)
