"""Nothing is asked twice and nothing fetched that nobody wants; what goes another way than usual goes it as before."""

from card.channel import Direct, GetResponse, RetryLe, StripLe, standard
from card.commands import select_aid
from card.files.profile import load_profile
from card.free_reading import free_reading
from card.status import send, tell
from tests.card.scripted import Script

ATR = bytes.fromhex("3B6D000000814E43238697460100000001")
SELECT = "00a404000f7378312e73682ec9e7bbe1b1a3d5cf"
NOTHING: frozenset[str] = frozenset()


def test_a_waiting_answer_stays_on_the_card_when_nobody_wants_it() -> None:
    aid = load_profile("ssc-2.00").dir("SSSE").aid
    wanted = Script([(SELECT, "6104"), ("00c0000004", "aabbccdd9000")], ATR)
    assert send(standard(wanted), select_aid(aid)).data.hex() == "aabbccdd"
    quiet = Script([(SELECT, "6104")], ATR)
    answer = tell(standard(quiet), select_aid(aid))
    assert answer.ok and not answer.data
    refused = Script([(SELECT, "6a82")], ATR)
    assert tell(standard(refused), select_aid(aid)).sw == 0x6A82


def test_a_channel_that_cannot_leave_an_answer_is_asked_as_usual() -> None:
    plain = Script([(SELECT, "9000")], ATR)
    assert tell(plain, select_aid(load_profile("ssc-2.00").dir("SSSE").aid)).ok


def test_the_direct_way_and_the_stack_say_the_same() -> None:
    """Every answer that is not whole takes the old road, from where it stands."""
    cases = [
        ("00b2012812", [("00b2012812", "6c0a"), ("00b201280a", "aa9000")]),
        ("0088000010" + "00" * 16 + "08", [("0088000010" + "00" * 16, "6108"), ("00c0000008", "11" * 8 + "9000")]),
        ("00b2012800", [("00b2012800", "aabb6102"), ("00c0000002", "ccdd9000")]),
        ("00b2012800", [("00b2012800", "6a83")]),
    ]
    for command, steps in cases:
        script, again = Script(steps, ATR), Script(steps, ATR)
        direct, stack = standard(script), GetResponse(RetryLe(StripLe(again)))
        assert isinstance(direct, Direct)
        assert direct.transmit(bytes.fromhex(command)) == stack.transmit(bytes.fromhex(command))


def test_a_reading_is_prepared_once_for_a_profile_and_its_rights() -> None:
    profile = load_profile("ssc-3.00")
    free = free_reading(profile, NOTHING, {"card_id", "citizen_no"})
    assert [item.record.name for item in free.asks] == ["card_id"]
    assert {"card_no", "citizen_no", "name"} <= set(free.closed) and "card_id" not in free.closed
    assert free_reading(profile, NOTHING, {"card_id", "citizen_no"}) is free
    opened = free_reading(profile, frozenset({"key:RK_SSSE"}), {"card_id", "citizen_no"})
    assert [item.record.name for item in opened.asks] == ["card_id", "citizen_no"] and opened.closed == ()
    assert opened.asks[0].command.hex() == "00b2012812" and opened.asks[0].header.hex() == "0110"
