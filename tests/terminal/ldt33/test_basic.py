"""iReadCardBas, with a PSAM and in steps: exact strings (card §4.3, A) and each way it can fail."""

from card.domain.entropy import SeededEntropy
from firmware_sim.card import memory
from firmware_sim.card.chip import memory_chip
from firmware_sim.card.cos import INTERNAL
from firmware_sim.card.factory import Order
from firmware_sim.psam import memory_psam
from terminal.ldt33.codes import Code
from tests.terminal.ldt33.bench import Bench

STEP1, STEP2 = "iReadCardBas_HSM_Step1", "iReadCardBas_HSM_Step2"
RESET_INFO = "00814E43238697460100000001"


def eleven(bench: Bench, terminal: str) -> str:
    twin = bench.twin
    card_id = twin.card_id.hex().upper()
    return f"460100|{twin.citizen_no}|{twin.card_no}|{card_id}|王小明|{RESET_INFO}|2.00|20260115|20360114|{terminal}||"


def test_eleven_fields_with_a_psam(bench: Bench) -> None:
    answer = bench.call("iReadCardBas", 1)
    assert (answer.code, answer.text) == (Code.OK, eleven(bench, "460100000001"))
    assert answer.encoded.decode("gbk") == answer.text


def test_first_step_has_eight_fields_and_no_external_part_before_version_3(bench: Bench) -> None:
    answer = bench.call(STEP1, 1)
    fields = answer.text.split("|")
    assert answer.code == Code.OK and len(fields) == 9
    assert fields[:4] == ["460100", RESET_INFO, "01", bench.twin.card_id.hex().upper()]
    assert [len(field) for field in fields[4:]] == [16, 16, 0, 0, 0]


def test_second_step_reads_what_the_psam_would(bench: Bench) -> None:
    answer = bench.call(STEP2, bench.hsm.basic(bench.call(STEP1, 1).text))
    assert (answer.code, answer.text) == (Code.OK, eleven(bench, ""))


def test_a_counterfeit_fails_internal_authentication_in_both_modes(bench: Bench) -> None:
    right = bench.hsm.basic(bench.call(STEP1, 1).text)
    wrong = f"{int(right[:16], 16) ^ 1:016X}{right[16:]}"
    assert bench.call(STEP2, wrong).code == Code.NOT_GENUINE
    bench.call(STEP1, 1)
    assert bench.call(STEP2, right).code == Code.NOT_GENUINE, "the answer to an earlier question"
    values, _ = bench.factory.card_values(Order(1))
    irk = memory.key_name("SSSE", INTERNAL, 0, 1)
    values[irk] = values[irk][:8] + bytes(range(16))
    bench.rack.eject("card")
    bench.rack.insert_chip("card", memory_chip(values, SeededEntropy(2)))
    assert bench.call("iReadCardBas", 1).code == Code.NOT_GENUINE


def test_copied_files_do_not_make_a_card(bench: Bench) -> None:
    """A genuine chip with the files of another of its city: its keys answer rightly, its code is not its own."""
    values, _ = bench.factory.card_values(Order(2))
    victim, twin = bench.factory.card_values(Order(1))
    values |= {name: value for name, value in victim.items() if name.startswith("ef/SSSE/")}
    bench.rack.eject("card")
    bench.rack.insert_chip("card", memory_chip(values, SeededEntropy(2)))
    assert bench.call("iReadCardBas", 1).code == Code.NOT_GENUINE
    assert bench.call(STEP2, bench.hsm.basic(bench.call(STEP1, 1).text)).code == Code.NOT_GENUINE
    info = f"{twin.card_id.hex()}|{twin.card_no}|"
    assert bench.call("iReadCard", 1, 2, info, "DF01EF05|20|$").code == Code.NOT_GENUINE


def test_steps_belong_together(bench: Bench) -> None:
    assert bench.call(STEP2, f"{'0' * 32}|").code == Code.NOT_CONNECTED
    first = bench.call(STEP1, 1).text
    assert bench.call("iReadCardBas", 1).code == Code.OK
    assert bench.call(STEP2, bench.hsm.basic(first)).code == Code.NOT_CONNECTED, "another call came in between"
    first = bench.call(STEP1, 1).text
    key = bench.hsm.basic(first)
    assert bench.call(STEP2, key).code == Code.OK
    assert bench.call(STEP2, key).code == Code.NOT_CONNECTED, "a step is good once"


def test_a_step_waits_only_so_long(bench: Bench) -> None:
    key = bench.hsm.basic(bench.call(STEP1, 1).text)
    bench.seconds[0] += 61
    assert bench.library.waiting
    assert bench.call(STEP2, key).code == Code.NOT_CONNECTED
    bench.call(STEP1, 1)
    bench.seconds[0] += 61
    bench.library.expire()
    assert not bench.library.waiting


def test_a_step_is_bound_to_the_card_in_the_reader(bench: Bench) -> None:
    key = bench.hsm.basic(bench.call(STEP1, 1).text)
    bench.rack.eject("card")
    assert bench.call(STEP2, key).code == Code.NO_CARD
    bench.insert(Order(1))
    key = bench.hsm.basic(bench.call(STEP1, 1).text)
    bench.insert(Order(2))
    assert bench.call(STEP2, key).code == Code.OTHER_CARD
    bench.insert(Order(1))
    key = bench.hsm.basic(bench.call(STEP1, 1).text)
    bench.insert(Order(1))
    assert bench.call(STEP2, key).code == Code.NOT_CONNECTED, "the same card, another session"


def test_what_is_missing_has_its_code(bench: Bench) -> None:
    assert bench.call("iReadCardBas", 0).code == Code.BAD_PARAMETER
    assert bench.call("iReadCardBas", 2).code == Code.READER
    assert bench.call("iReadCardBas").code == Code.BAD_PARAMETER
    assert bench.call("iReadCardBas", "1").code == Code.BAD_PARAMETER
    assert bench.call("iNoSuchThing", 1).code == Code.NOT_SUPPORTED
    module, bench.slots.module = bench.slots.module, None
    assert bench.call("iReadCardBas", 1).code == Code.NO_PSAM
    bench.slots.module = module
    bench.rack.eject("psam")
    assert bench.call("iReadCardBas", 3).code == Code.NO_PSAM
    bench.rack.eject("card")
    assert bench.call("iReadCardBas", 1).code == Code.NO_CARD


def test_a_psam_is_not_a_card_and_a_card_no_psam(bench: Bench) -> None:
    bench.slots.contact, bench.slots.module = bench.slots.module, bench.slots.contact
    assert bench.call("iReadCardBas", 1).code == Code.WRONG_CARD
    bench.slots.contact = bench.slots.module
    assert bench.call("iReadCardBas", 1).code == Code.NO_PSAM


def test_psam_of_another_tree_does_not_believe_the_card(bench: Bench) -> None:
    state = bench.factory.psam_state(2)
    keys = {name: bytes(byte ^ 0xF0 for byte in value) for name, value in state.items() if name.startswith("ssc/")}
    bench.rack.eject("psam")
    bench.rack.insert_chip("psam", memory_psam({**state, **keys}, SeededEntropy(1)))
    assert bench.call("iReadCardBas", 1).code == Code.NOT_GENUINE


def test_psam_without_the_key_or_of_another_level(bench: Bench) -> None:
    state = bench.factory.psam_state(2)
    bench.rack.eject("psam")
    rest = {name: value for name, value in state.items() if not name.startswith("ssc/11/")}
    bench.rack.insert_chip("psam", memory_psam(rest, SeededEntropy(1)))
    assert bench.call("iReadCardBas", 1).code == -0x6A88
