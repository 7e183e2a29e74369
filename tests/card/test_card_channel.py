"""Channel wrappers: each cures one thing, each is bounded; the log is masked, recordings replay exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card.channel import Chaining, GetResponse, RetryLe, StripLe, speaks_t0, standard
from card.errors import CardLostError, ChannelLimitError, ReplayError
from card.recording import Recorder, Recording, Replayer, Step
from card.traffic import Trace, TrafficLog
from tests.card.scripted import ATR_2_00, Function, Script


def test_61xx_is_fetched_until_it_ends() -> None:
    script = Script([("00A40000", "AA6102"), ("00C0000002", "BBCC6101"), ("00C0000001", "DD9000")])
    assert GetResponse(script).transmit(bytes.fromhex("00A40000")).hex() == "aabbccdd9000"
    script.done()


def test_6100_asks_for_256_bytes() -> None:
    script = Script([("00B00000", "6100"), ("00C0000000", "AA9000")])
    assert GetResponse(script).transmit(bytes.fromhex("00B00000")).hex() == "aa9000"


def test_a_card_that_never_finishes_is_an_error() -> None:
    endless = Function(lambda apdu: b"\x61\x01" if apdu[1] != 0xC0 else b"\xaa\x61\x01")
    with pytest.raises(ChannelLimitError):
        GetResponse(endless).transmit(bytes.fromhex("00A40000"))
    assert len(endless.sent) < 300


def test_6cxx_is_asked_once_more_with_the_exact_length() -> None:
    script = Script([("00B2013400", "6C14"), ("00B2013414", "AA9000")])
    assert RetryLe(script).transmit(bytes.fromhex("00B2013400")).hex() == "aa9000"
    again = Script([("00B2013400", "6C14"), ("00B2013414", "6C14")])
    assert RetryLe(again).transmit(bytes.fromhex("00B2013400")).hex() == "6c14"


def test_t0_gets_no_le_beside_data() -> None:
    script = Script([("805C000201AA", "9000"), ("0084000008", "9000"), ("00200000021234", "9000")])
    wrapped = StripLe(script)
    for apdu in ("805C000201AA04", "0084000008", "00200000021234"):
        wrapped.transmit(bytes.fromhex(apdu))
    script.done()


def test_long_commands_are_chained_and_a_refusal_ends_the_chain() -> None:
    data = bytes(range(256)) * 2
    raw = bytes.fromhex("00D60000") + b"\x00" + len(data).to_bytes(2, "big") + data
    first, second, last = (
        "10D60000FF" + data[:255].hex(),
        "10D60000FF" + data[255:510].hex(),
        "00D6000002" + data[510:].hex(),
    )
    script = Script([(first, "9000"), (second, "9000"), (last, "9000")])
    assert Chaining(script).transmit(raw).hex() == "9000"
    script.done()
    refusing = Script([(first, "6982")])
    assert Chaining(refusing).transmit(raw).hex() == "6982"
    with pytest.raises(ChannelLimitError):
        Chaining(refusing).transmit(bytes.fromhex("00D60000") + b"\x00\xff\xff" + bytes(65535))


@pytest.mark.parametrize(
    ("atr", "t0"),
    [
        ("3B6D000000814E43238697460100000001", True),
        ("3B7D94000000814E43238697460100000001", True),
        ("3B8F8001804F0CA000000306030001000000006A", True),
        ("3B8101", False),
        ("3BF01100FF01", False),
        ("3BF01100FF00", True),
        ("3B", True),
    ],
)
def test_the_first_protocol_of_an_atr(atr: str, t0: bool) -> None:
    assert speaks_t0(bytes.fromhex(atr)) is t0


def test_the_usual_stack_cures_everything_at_once() -> None:
    script = Script([("805C000201AA", "6104"), ("00C0000004", "6C03"), ("00C0000003", "0102039000")])
    assert standard(script).transmit(bytes.fromhex("805C000201AA04")).hex() == "0102039000"
    assert standard(script).atr == ATR_2_00
    assert standard(script).reset() == ATR_2_00
    standard(script).close()
    assert script.closed


PERSONAL = "0812343630313030313939303031303131323330"
SECRETS = [
    ("0020000003123456", "9000", "123456"),
    ("805E010007123456FF654321", "9000", "654321"),
    ("84D4000018" + "5A" * 24, "9000", "5A5A"),
    ("00B2083014", PERSONAL + "9000", "3436"),
    ("00B09600FF", "31393930" + "9000", "3139"),
    ("00DC083414" + PERSONAL, "9000", "3436"),
    ("00D6960004" + "31393930", "9000", "3139"),
    ("80FA000008" + "5A" * 8, "5B5B9000", "5A5A"),
]


@pytest.mark.parametrize(("command", "answer", "secret"), SECRETS)
def test_the_log_never_shows_pins_keys_or_personal_data(command: str, answer: str, secret: str) -> None:
    trace = Trace()
    TrafficLog(Script([(command, answer)]), trace).transmit(bytes.fromhex(command))
    (exchange,) = trace.exchanges
    assert secret not in exchange.line()
    assert "bytes›" in exchange.line()


def test_personal_data_behind_get_response_stay_masked() -> None:
    trace = Trace()
    script = Script([("00B2083014", "6114"), ("00C0000014", PERSONAL + "9000")])
    standard(script, trace).transmit(bytes.fromhex("00B2083014"))
    assert "3436" not in "".join(trace.lines())
    assert [exchange.name for exchange in trace.exchanges] == ["READ RECORD", "GET RESPONSE"]


def test_open_commands_are_shown_whole_and_counted() -> None:
    trace = Trace(limit=2)
    script = Script([("0084000004", "A1B2C3D49000"), ("805C000204", "00000AC39000"), ("00A4000002DDF1", "6A82")])
    log = TrafficLog(script, trace)
    for command in ("0084000004", "805C000204", "00A4000002DDF1"):
        log.transmit(bytes.fromhex(command))
    assert trace.lines() == [
        "GET BALANCE  > 805C0002 04  < 00000AC3 9000 OK",
        "SELECT  > 00A40000 02 DDF1  < 6A82 FILE NOT FOUND",
    ]
    assert (trace.apdus, trace.bytes) == (2, 5 + 6 + 7 + 2)
    trace.clear()
    assert trace.apdus == 0


def record(steps: list[tuple[str, str]]) -> Recording:
    recorder = Recorder(Script(steps), "hand-written script")
    for command, answer in steps:
        if answer:
            recorder.transmit(bytes.fromhex(command))
        else:
            with pytest.raises(CardLostError):
                recorder.transmit(bytes.fromhex(command))
    recorder.reset()
    return recorder.recording()


def test_a_recording_replays_what_happened_also_the_pulled_card() -> None:
    recording = Recording.from_json(record([("00A40000", "9000"), ("80540100", "")]).to_json())
    assert recording.source == "hand-written script"
    player = Replayer(recording)
    assert player.atr == ATR_2_00
    assert player.transmit(bytes.fromhex("00A40000")) == b"\x90\x00"
    with pytest.raises(CardLostError):
        player.transmit(bytes.fromhex("80540100"))
    assert not player.finished
    assert player.reset() == ATR_2_00
    assert player.finished
    with pytest.raises(ReplayError, match="ended"):
        player.transmit(b"\x00\xa4\x00\x00")


def test_a_replayer_answers_only_what_it_recorded() -> None:
    player = Replayer(record([("00A40000", "9000")]))
    with pytest.raises(ReplayError, match="step 1 is SELECT"):
        player.transmit(bytes.fromhex("00B00000"))
    with pytest.raises(ReplayError, match="step 1 is SELECT, asked was reset"):
        player.reset()


def test_recordings_are_bounded_and_hide_their_bytes() -> None:
    recorder = Recorder(Function(lambda apdu: b"\x90\x00"), "loop", limit=2)
    for _ in range(2):
        recorder.transmit(b"\x00\xa4\x00\x00")
    with pytest.raises(ChannelLimitError):
        recorder.transmit(b"\x00\xa4\x00\x00")
    assert repr(recorder.recording()) == "Recording('loop', 2 steps)"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"v":2,"source":"x","atr":"","steps":[]}', '{"v":1,"source":"x","atr":"zz","steps":[]}']
)
def test_what_is_no_recording_is_refused(text: str) -> None:
    with pytest.raises(ReplayError):
        Recording.from_json(text)


@given(st.lists(st.tuples(st.binary(min_size=4, max_size=30), st.binary(min_size=2, max_size=30)), max_size=8))
def test_any_session_replays_exactly(exchanges: list[tuple[bytes, bytes]]) -> None:
    recording = Recording("property", ATR_2_00, tuple(Step(*exchange) for exchange in exchanges))
    player = Replayer(Recording.from_json(recording.to_json()))
    assert [player.transmit(command) for command, _ in exchanges] == [answer for _, answer in exchanges]
    assert player.finished
