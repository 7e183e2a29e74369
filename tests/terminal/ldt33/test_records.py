"""iReadCard and iWriteCard: addresses, both ways of proof, both steps, what is refused before the card hears of it."""

from dataclasses import replace

import pytest

from firmware_sim.ldt33_centre import CardFacts
from terminal.ldt33.codes import Code
from terminal.ldt33.dialect import HsmForm
from tests.terminal.ldt33.bench import PIN, Bench

BASIC = "SSSEEF05|06|07|$SSSEEF06|08|09|$"
HOUSE = "DF01EF05|20|21|0E|$"
LIVING = "DF01EF06|23|28|$"


def facts(bench: Bench) -> CardFacts:
    return CardFacts.of(bench.call("iReadCardBas_HSM_Step1", 1).text)


def test_free_files_mirror_their_address(bench: Bench) -> None:
    answer = bench.call("iReadCard", 1, 2, bench.info, BASIC)
    twin = bench.twin
    assert answer.code == Code.OK
    assert answer.text == f"SSSEEF05|20360114|{twin.card_no}|$SSSEEF06|{twin.citizen_no}|王小明|$"
    assert bench.pad.asked == []
    for prefix in ("MF", "3F00"):
        assert bench.call("iReadCard", 1, 2, bench.info, f"{prefix}EF06|09|$").text == f"{prefix}EF06|王小明|$"


def test_closed_files_open_by_pin_or_by_read_key(bench: Bench) -> None:
    wanted = "DF01EF05|10|海南省海口市龙华区示范路1号|460106|$"
    assert bench.call("iReadCard", 1, 2, bench.info, HOUSE).text == wanted
    bench.pad.entries = [PIN]
    assert bench.call("iReadCard", 1, 1, bench.info, HOUSE).text == wanted
    assert len(bench.pad.asked) == 1


def test_many_groups_keep_the_callers_order(bench: Bench) -> None:
    answer = bench.call("iReadCard", 1, 2, bench.info, LIVING + "SSSEEF06|0A|$" + HOUSE)
    assert answer.code == Code.OK
    assert [group.partition("|")[0] for group in answer.text.split("$")] == ["DF01EF06", "SSSEEF06", "DF01EF05", ""]


@pytest.mark.parametrize(
    ("card", "files", "code"),
    [
        ("46|X|", BASIC, Code.CARD_ID_FORMAT),
        ("0" * 32 + "|X|", BASIC, Code.OTHER_CARD),
        ("ID|X|", BASIC, Code.OTHER_CARD),
        ("ID|NO", BASIC, Code.OK),
        ("ID", BASIC, Code.BAD_PARAMETER),
        ("ID|NO|", "", Code.BAD_PARAMETER),
        ("ID|NO|", "SSSEEF05|06|", Code.BAD_PARAMETER),
        ("ID|NO|", "SSSEEF05|06$", Code.BAD_PARAMETER),
        ("ID|NO|", "SSSEEF05$", Code.BAD_INPUT),
        ("ID|NO|", "SSSEEF05|66|$", Code.BAD_INPUT),
        ("ID|NO|", "SSSEEF05|06:02|$", Code.BAD_INPUT),
        ("ID|NO|", "SSSEEF05|06:00|$", Code.BAD_INPUT),
        ("ID|NO|", "SSSEEF05|0g|$", Code.BAD_INPUT),
        ("ID|NO|", "SSSEEF0F|06|$", Code.BAD_INPUT),
        ("ID|NO|", "DF09EF05|06|$", Code.BAD_INPUT),
        ("ID|NO|", "SSSEEF05:01|06|$", Code.BAD_INPUT),
        ("ID|NO|", "SSSEEF05|06|$" * 33, Code.BAD_PARAMETER),
        ("ID|NO|", "SSSEEF05|" + "06|" * 70 + "$", Code.TOO_LONG),
        ("ID|NO|", "S" * 20_000, Code.TOO_LONG),
    ],
)
def test_what_is_passed_in_is_checked(bench: Bench, card: str, files: str, code: Code) -> None:
    twin = bench.twin
    info = card.replace("ID", twin.card_id.hex()).replace("NO", twin.card_no)
    assert bench.call("iReadCard", 1, 2, info, files).code == code


def test_the_way_of_proof_is_one_or_two(bench: Bench) -> None:
    assert bench.call("iReadCard", 1, 3, bench.info, BASIC).code == Code.BAD_PARAMETER


def test_writing_needs_the_psam_and_is_read_back(bench: Bench) -> None:
    data = "DF01EF06|海口市人民大道58号|13900001111|$"
    assert bench.call("iWriteCard", 1, bench.info, LIVING, data).code == Code.OK
    assert bench.call("iReadCard", 1, 2, bench.info, LIVING).text == data
    several = "SSSEEF06|4E|$" + HOUSE
    values = "SSSEEF06|·艾力|$DF01EF05|20|海口市海府路1号|460107|$"
    assert bench.call("iWriteCard", 1, bench.info, several, values).code == Code.OK
    assert bench.call("iReadCard", 1, 2, bench.info, several).text == values


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("DF01EF06|" + "海" * 41 + "|1|$", Code.TOO_LONG),
        ("DF01EF06|海口|12345678901234567|$", Code.TOO_LONG),
        ("DF01EF06|\x07|1|$", Code.BAD_CHARACTER),
        ("DF01EF06|海口|$", Code.BAD_INPUT),
        ("DF01EF05|海口|1|$", Code.BAD_INPUT),
        ("DF01EF06|海口|1|$DF01EF06|海口|1|$", Code.BAD_INPUT),
    ],
)
def test_nothing_is_written_unless_everything_fits(bench: Bench, data: str, code: Code) -> None:
    before = bench.call("iReadCard", 1, 2, bench.info, LIVING).text
    assert bench.call("iWriteCard", 1, bench.info, LIVING, data).code == code
    assert bench.call("iReadCard", 1, 2, bench.info, LIVING).text == before


@pytest.mark.parametrize(
    ("files", "value", "code"),
    [
        ("DF01EF06|24|$", "46010A", Code.BAD_CHARACTER),
        ("DF01EF06|24|$", "4601001", Code.TOO_LONG),
        ("SSSEEF05|05|$", "2026011", Code.TOO_LONG),
        ("SSSEEF05|05|$", "2026-1-1", Code.BAD_CHARACTER),
        ("SSSEEF05|01|$", "zz", Code.BAD_CHARACTER),
        ("SSSEEF05|01|$", "46" * 17, Code.TOO_LONG),
        ("SSSEEF05|01|$", "461", Code.BAD_INPUT),
    ],
)
def test_what_the_card_has_no_place_for(bench: Bench, files: str, value: str, code: Code) -> None:
    data = f"{files.split('|')[0]}|{value}|$"
    assert bench.call("iWriteCard", 1, bench.info, files, data).code == code


def test_an_empty_value_takes_the_old_one_away(bench: Bench) -> None:
    assert bench.call("iWriteCard", 1, bench.info, LIVING, "DF01EF06||13900001111|$").code == Code.OK
    assert bench.call("iReadCard", 1, 2, bench.info, LIVING).text == "DF01EF06||13900001111|$"


def test_reading_in_steps(bench: Bench) -> None:
    known = facts(bench)
    first = bench.call("iReadCard_HSM_Step1", 1, bench.info, HOUSE)
    assert first.code == Code.OK
    algorithm, address, factor, original, end = first.text.split("|")
    assert (algorithm, address, len(factor), len(original), end) == ("01", "004F2E", 16, 16, "")
    second = bench.call("iReadCard_HSM_Step2", bench.hsm.right(known, first.text))
    assert second.text == "DF01EF05|10|海南省海口市龙华区示范路1号|460106|$"


def test_writing_in_steps(bench: Bench) -> None:
    known = facts(bench)
    first = bench.call("iWriteCard_HSM_Step1", 1, bench.info, LIVING)
    assert first.text.startswith("01|017925|")
    data = "DF01EF06|海口市国兴大道|13700000000|$"
    assert bench.call("iWriteCard_HSM_Step2", bench.hsm.right(known, first.text), data).code == Code.OK
    assert bench.call("iReadCard", 1, 2, bench.info, LIVING).text == data


def test_the_centre_is_not_asked_for_what_is_free(bench: Bench) -> None:
    assert bench.call("iReadCard_HSM_Step1", 1, bench.info, BASIC).code == Code.NO_HSM_NEEDED


def test_one_key_a_call(bench: Bench) -> None:
    both = "SSSEEF06|09|$" + HOUSE
    assert bench.call("iWriteCard_HSM_Step1", 1, bench.info, both).code == Code.BAD_PARAMETER


def test_a_wrong_answer_of_the_centre_is_the_cards_word(bench: Bench) -> None:
    known = facts(bench)
    first = bench.call("iReadCard_HSM_Step1", 1, bench.info, HOUSE).text
    blob = bench.hsm.right(known, first)
    wrong = f"{int(blob[:16], 16) ^ 1:016X}{blob[16:]}"
    assert bench.call("iReadCard_HSM_Step2", wrong).code in (-0x63C2, -0x6300)
    first = bench.call("iReadCard_HSM_Step1", 1, bench.info, HOUSE).text
    assert bench.call("iReadCard_HSM_Step2", blob).code == Code.BAD_INPUT, "answers another question, never sent"
    first = bench.call("iReadCard_HSM_Step1", 1, bench.info, HOUSE).text
    assert bench.call("iReadCard_HSM_Step2", "12|").code == Code.BAD_INPUT
    assert bench.call("iReadCard", 1, 2, bench.info, HOUSE).code == Code.OK


def test_the_prefix_is_a_word_of_the_dialect(bench: Bench) -> None:
    dialect = replace(bench.desk.dialect, hsm=HsmForm("region_reset", "B"))
    first = bench.other(dialect=dialect).call("iReadCard_HSM_Step1", (1, bench.info, HOUSE))
    assert first.text.startswith("460100|00814E43238697460100000001|01|004F2E|")
