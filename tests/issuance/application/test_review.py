"""V1 to V9 as a table: what each check refuses, and that the first failing one is the answer."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from firmware_sim.applicants import DEMO_DAY, Row, citizen_number, generate, plants_path
from firmware_sim.police import SimulatedPolice
from issuance.application.desk import Acceptance
from issuance.population import PopulationAnswer
from tests.issuance.office import CLERK, Office, row, write_form

GUARDIAN = {
    "guardian_name": "王大明",
    "guardian_id_type": "01",
    "guardian_id_no": citizen_number(date(1980, 5, 5), 21),
}


def born(day: date, **changes: str) -> Row:
    return row(birth_date=f"{day:%Y%m%d}", **changes)


def years_before(years: int, days: int = 0) -> date:
    return DEMO_DAY.replace(year=DEMO_DAY.year - years) + timedelta(days=days)


def accept(office: Office, rows: list[Row]) -> Acceptance:
    form = write_form(office.folder / "table.csv", rows)
    office.police.study(form)
    return office.branch.accept(form)


def bad_digit() -> Row:
    good = row()
    return {**good, "id_no": good["id_no"][:-1] + ("0" if good["id_no"][-1] != "0" else "1")}


TABLE: list[tuple[str, Row, str, str]] = [
    ("good adult", row(), "", ""),
    ("V1 check digit", bad_digit(), "E-ID-FMT", "id_no"),
    ("V1 length", row(id_no="46000019900101"), "E-ID-FMT", "id_no"),
    ("V1 no calendar day", row(id_no=row()["id_no"][:10] + "0230" + row()["id_no"][14:]), "E-ID-FMT", "id_no"),
    ("V1 other sex", {**row(), "sex": "2"}, "E-ID-FMT", "sex"),
    ("V1 other birthday", {**row(), "birth_date": "19900102"}, "E-ID-FMT", "birth_date"),
    ("V1 permit form", row(id_type="07", id_no="US1234"), "E-ID-FMT", "id_no"),
    ("V2 no name", row(name=""), "E-FIELD", "name"),
    ("V2 no number", {**row(), "id_no": ""}, "E-FIELD", "id_no"),
    ("V2 unknown document", row(id_type="99"), "E-FIELD", "id_type"),
    ("V2 no document kind", row(id_type=""), "E-FIELD", "id_type"),
    ("V2 sex unspecified is a code", {**row(), "sex": "9"}, "", ""),
    ("V2 sex no code", {**row(), "sex": "3"}, "E-FIELD", "sex"),
    ("V2 nation", row(nation="57"), "E-FIELD", "nation"),
    ("V2 birthday no day", {**row(), "birth_date": "19900132"}, "E-FIELD", "birth_date"),
    ("V2 born tomorrow", born(DEMO_DAY + timedelta(days=1), **GUARDIAN), "E-FIELD", "birth_date"),
    ("V2 nationality", row(nationality="CN"), "E-FIELD", "nationality"),
    ("V2 no region", row(region=""), "E-FIELD", "region"),
    ("V2 no household address", row(household_address=""), "E-FIELD", "household_address"),
    ("V2 no living address", row(living_address=""), "E-FIELD", "living_address"),
    ("V2 mobile letters", row(mobile="1990000000x"), "E-FIELD", "mobile"),
    ("V2 mobile too long", row(mobile="1" * 16), "E-FIELD", "mobile"),
    ("V2 no bank", row(bank=""), "E-FIELD", "bank"),
    ("V2 life status no code", row(life_status="7"), "E-FIELD", "life_status"),
    ("V2 expired yesterday", row(id_valid_to="20261122"), "E-FIELD", "id_valid_to"),
    ("V2 valid to the end of today", row(id_valid_to="20261123"), "", ""),
    ("V2 valid for ever", row(id_valid_to="长期"), "", ""),
    ("V2 validity no day", row(id_valid_to="20361331"), "E-FIELD", "id_valid_to"),
    ("V2 name of 50 bytes", row(name="欧" * 25), "", ""),
    ("V2 name of 35 bytes", row(name="MARIA ALEJANDRA FERNANDEZ DE CASTRO"), "", ""),
    ("V2 name of 60 bytes", row(name="欧" * 30), "E-FIELD", "name"),
    ("V2 rest of 21 bytes", row(name="A" + "欧" * 24 + "B"), "E-FIELD", "name"),
    ("V2 address of 80 bytes", row(living_address="路" * 40), "", ""),
    ("V2 address of 82 bytes", row(living_address="路" * 41), "E-FIELD", "living_address"),
    ("V2 guardian name", born(years_before(9), **{**GUARDIAN, "guardian_name": "明" * 26}), "E-FIELD", "guardian_name"),
    ("V2 fifteen alone", born(years_before(16, 1)), "E-FIELD", "guardian_name"),
    ("V2 fifteen with guardian", born(years_before(16, 1), **GUARDIAN), "", ""),
    ("V2 sixteen today alone", born(years_before(16)), "", ""),
    (
        "V2 guardian without number",
        born(years_before(9), **{**GUARDIAN, "guardian_id_no": ""}),
        "E-FIELD",
        "guardian_id_no",
    ),
    (
        "V2 guardian number wrong",
        born(years_before(9), **{**GUARDIAN, "guardian_id_no": "460000198005050211"}),
        "E-FIELD",
        "guardian_id_no",
    ),
    (
        "V2 guardian is a child",
        born(years_before(9), **{**GUARDIAN, "guardian_id_no": citizen_number(years_before(12), 3)}),
        "E-FIELD",
        "guardian_id_no",
    ),
    ("V4 six without portrait", born(years_before(7, 1), photo="", **GUARDIAN), "", ""),
    ("V4 seven today without", born(years_before(7), photo="", **GUARDIAN), "E-PHOTO", "PH-NONE"),
    ("V4 no such file", row(photo="nobody.jpg"), "E-PHOTO", "PH-FILE"),
    ("V4 outside the folder", row(photo="../secret.jpg"), "E-PHOTO", "PH-FILE"),
    ("V4 absolute path", row(photo="/etc/hostname"), "E-PHOTO", "PH-FILE"),
    ("V7 dead", row(life_status="2"), "E-LIFE", "2"),
    ("V7 missing person", row(life_status="4"), "E-LIFE", "4"),
    ("V8 unknown bank", row(bank="999"), "E-BANK-OPEN", "bank"),
    ("V9 unknown region", row(region="469099"), "E-AREA", "region"),
    ("V9 another province", row(region="110101"), "E-AREA", "region"),
    ("V9 city", row(region="460200"), "", ""),
    ("foreigner's permit", row(id_type="07", id_no="USA310119850312", nationality="USA", nation="97"), "", ""),
    ("passport", row(id_type="08", id_no="SPECI2014", nationality="DEU", nation="97"), "", ""),
]


@pytest.mark.parametrize(("given", "code", "detail"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE])
def test_each_check(office: Office, given: Row, code: str, detail: str) -> None:
    acceptance = accept(office, [given])
    found = [(item.code, item.detail) for item in acceptance.rejected]
    assert found == ([(code, detail)] if code else [])
    assert len(acceptance.accepted) == (0 if code else 1)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (PopulationAnswer.SAME, ""),
        (PopulationAnswer.UPDATED, ""),
        (PopulationAnswer.MISMATCH, "E-PSB-MISMATCH"),
        (PopulationAnswer.NO_DATA, "E-PSB-NODATA"),
        (PopulationAnswer.FAILED, "E-PSB-ERROR"),
        (PopulationAnswer.NOT_COMPARED, "E-PSB-ERROR"),
    ],
)
def test_v3_register(office: Office, answer: PopulationAnswer, code: str) -> None:
    office.police.plant({row()["id_no"]: answer})
    assert [item.code for item in accept(office, [row()]).rejected] == ([code] if code else [])


def test_v3_register_switched_off(office: Office) -> None:
    office.police.answering = False
    assert [item.code for item in accept(office, [row()]).rejected] == ["E-PSB-ERROR"]


def test_v5_holder_of_a_card(office: Office) -> None:
    office.make([row()])
    assert [item.code for item in accept(office, [row()]).rejected] == ["E-DUP-PROV"]


def test_v6_second_row_of_a_person(office: Office) -> None:
    acceptance = accept(office, [row(), row(bank="403")])
    assert [(item.row, item.code) for item in acceptance.rejected] == [(2, "E-OPEN-ORDER")]


def test_v6_a_refused_first_row_does_not_block_the_second(office: Office) -> None:
    acceptance = accept(office, [row(mobile=""), row()])
    assert [(item.row, item.code) for item in acceptance.rejected] == [(1, "E-FIELD")]


def test_v7_a_form_does_not_raise_the_dead(office: Office) -> None:
    office.enabled([row()])
    office.branch.lifecycle.cancel_death(row()["id_no"], row()["name"], DEMO_DAY, "police")
    assert [(item.code, item.detail) for item in accept(office, [row()]).rejected] == [("E-LIFE", "2")]


def test_v8_bank_says_no_or_nothing(office: Office) -> None:
    office.banks["102"].refused.add(row()["id_no"])
    office.banks["403"].down = True
    assert [item.code for item in accept(office, [row(), row(sex="2", bank="403")]).rejected] == ["E-BANK-OPEN"] * 2


def test_nobody_handles_his_own_card(office: Office) -> None:
    own = row(birth_date="19800101", id_no=CLERK.person)
    assert [item.code for item in accept(office, [own]).rejected] == ["E-SOD"]


def test_first_failing_check_is_the_answer(office: Office) -> None:
    """A row that fails all nine, mended one check at a time, names them in order."""
    made = office.make([row()])
    number = row()["id_no"]
    office.police.plant({number: PopulationAnswer.MISMATCH})
    office.banks["102"].refused.add(number)
    given = {**bad_digit(), "mobile": "", "photo": "", "life_status": "2", "region": "469099"}

    def mend_register() -> None:
        office.police.plant({number: PopulationAnswer.SAME})

    def cancel_card() -> None:
        for card in made:
            office.branch.lifecycle.cancel(card.card_id)

    steps: list[tuple[str, dict[str, str], Callable[[], None] | None]] = [
        ("E-ID-FMT", {"id_no": number}, None),
        ("E-FIELD", {"mobile": "19900000001"}, None),
        ("E-PSB-MISMATCH", {}, mend_register),
        ("E-PHOTO", {"photo": "auto"}, None),
        ("E-DUP-PROV", {}, cancel_card),
        ("E-LIFE", {"life_status": "1"}, None),
        ("E-BANK-OPEN", {}, office.banks["102"].refused.clear),
        ("E-AREA", {"region": "460106"}, None),
    ]
    for code, change, act in steps:
        assert [item.code for item in accept(office, [given]).rejected] == [code]
        given = {**given, **change}
        if act:
            act()
    assert accept(office, [given]).rejected == ()


def test_the_sample_file_is_what_the_generator_writes() -> None:
    sample = Path(__file__).parents[3] / "examples" / "applicants.csv"
    made = generate(140, 1)
    assert sample.read_text("utf-8") == made.text()
    assert plants_path(sample).is_file()


def test_the_sample_file_holds_what_it_promises(office: Office) -> None:
    sample = Path(__file__).parents[3] / "examples" / "applicants.csv"
    office.police.study(sample)
    acceptance = office.branch.accept(sample)
    made = generate(140, 1)
    assert {item.row: item.code for item in acceptance.rejected} == {
        number: code for number, code in made.expected.items() if code
    }
    assert len(made.rows) >= 130 and len(acceptance.accepted) >= 110
    assert {made.rows[item.row - 1]["bank"] for item in acceptance.accepted} == {"102", "403"}


def test_any_number_of_applicants_all_different(office: Office) -> None:
    made = generate(400, 9)
    assert len(made.rows) == 400
    assert len({item["id_no"] for item in made.rows}) == 399  # one person twice, on purpose
    assert generate(400, 9).text() == made.text() != generate(400, 10).text()
    assert all(code == "" for code in generate(15, 2).expected.values())
    police = SimulatedPolice(office.clock)
    police.study(made.write(office.folder / "many.csv"))
    office.police = police
    assert {item.code for item in office.open_branch().accept(office.folder / "many.csv").rejected} == {
        code for code in made.expected.values() if code
    }
