"""Acceptance and approval: four eyes, accounts, the refusals file."""

import csv
from pathlib import Path

import pytest

from card.texts import LANGUAGES, text
from firmware_sim.applicants import generate
from issuance import outbox
from issuance.application.desk import Officer
from issuance.application.states import MakeStatus, OrderStatus
from issuance.database import transaction
from issuance.errors import SeparationError
from issuance.repository import Orders, Persons
from tests.issuance.office import APPROVER, CLERK, Office, row, write_form


def submit(office: Office, *rows: dict[str, str]) -> None:
    form = write_form(office.folder / "form.csv", list(rows))
    office.police.study(form)
    assert not office.branch.accept(form).rejected


@pytest.mark.parametrize(
    "approver",
    [CLERK, Officer(CLERK.person, "another login"), Officer("", "nobody"), Officer(row()["id_no"], "the applicant")],
    ids=["clerk", "clerk by another login", "no person", "applicant"],
)
def test_four_eyes(office: Office, approver: Officer) -> None:
    submit(office, row())
    office.approver = approver
    with pytest.raises(SeparationError):
        office.open_branch().approve()
    with transaction(office.engine) as session:
        assert [order.status for order in Orders(session).with_status(OrderStatus.APPLIED)] == ["00"]


def test_an_approved_order_has_number_account_and_both_officers(any_office: Office) -> None:
    submit(any_office, row())
    approval = any_office.branch.approve()
    assert any_office.branch.waiting() == list(approval.approved)
    with transaction(any_office.engine) as session:
        order = Orders(session).get(approval.approved[0])
        assert order is not None
        assert (order.clerk, order.approver) == (CLERK.person, APPROVER.person)
        assert (order.card_no, order.make_status) == ("H00000012", MakeStatus.ACCOUNT_BACK.value)
        assert order.account in any_office.banks["102"].accounts
        person = Persons(session).get(order.person_id)
        assert person is not None and person.population == "02" and len(person.photo_digest) == 64
    assert any_office.branch.approve().approved == ()


def test_a_bank_that_is_down_keeps_its_orders_back(office: Office) -> None:
    submit(office, row(), row(sex="2", bank="403"))
    office.banks["403"].down = True
    approval = office.branch.approve()
    assert len(approval.approved) == 1
    assert [code for _, code in approval.kept_back] == ["E-BANK-LINK"]
    assert office.branch.waiting() == list(approval.approved)


def test_approval_tells_how_far_it_is(office: Office) -> None:
    submit(office, *generate(5, 8).rows)
    seen: list[tuple[int, int]] = []
    office.branch.approve(lambda done, total: seen.append((done, total)))
    assert seen == [(5, 5)]


def test_rejected_file(office: Office, tmp_path: Path) -> None:
    form = write_form(tmp_path / "form.csv", [row(mobile=""), row(), row(region="999999", sex="2"), row()])
    office.police.study(form)
    acceptance = office.branch.accept(form)
    acceptance.write_rejected(tmp_path / "rejected.csv")
    raw = (tmp_path / "rejected.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfrow,code,message_zh,message_en,next_step\r\n")
    lines = list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))
    assert [(line["row"], line["code"]) for line in lines] == [
        ("1", "E-FIELD"),
        ("3", "E-AREA"),
        ("4", "E-OPEN-ORDER"),
    ]
    assert "mobile" in lines[0]["message_en"] and "手机号码" in lines[0]["message_zh"]
    assert all(line["next_step"] == text(line["code"], "zh").next_step for line in lines)
    assert row()["id_no"] not in raw.decode("utf-8-sig")


def test_every_code_of_the_counter_has_its_sentences() -> None:
    codes = "ID-FMT FIELD PSB-MISMATCH PSB-NODATA PSB-ERROR PHOTO DUP-PROV OPEN-ORDER LIFE BANK-OPEN AREA SOD"
    for code in codes.split():
        for language in LANGUAGES:
            found = text(f"E-{code}", language)
            assert found.message and found.next_step


def test_the_person_base_is_told_to_the_server_once_an_application(office: Office) -> None:
    submit(office, row(name="买买提•吐尔逊"))
    told = outbox.read(office.engine, 0, 10)
    assert [(item.kind, item.version) for item in told] == [("person", 1)]
    assert told[0].payload["name"] == "买买提·吐尔逊"
    assert told[0].payload["life_status"] == "1"
    assert "id_no" not in repr(told[0])
