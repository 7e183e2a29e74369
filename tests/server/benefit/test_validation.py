"""Each pre-pay rule blocks what it must and lets the neighbour through; a table of facts, no database."""

from dataclasses import replace

import pytest

from card.domain.lifecycle import CardState
from server.benefit.roll import CardFacts, Payee, Programme, RollEntry
from server.benefit.validation import LineFacts, PayPolicy, Severity, judge

ITEM = Programme("ITEM1", "补贴", "1号", 10**9, 1000, 5000, "20260101", "20261231", "补贴")
CARD = CardFacts("A", CardState.NORMAL, "102", "6210200000000000017")
PAYEE = Payee("P1", "王伟", "08", "E1", "1", (CARD,))
GOOD = LineFacts(RollEntry("E1", "王伟", 1000), ITEM, PAYEE)


def with_card(**changes: object) -> LineFacts:
    return replace(GOOD, payee=replace(PAYEE, cards=(replace(CARD, **changes),)))  # type: ignore[arg-type]


def with_payee(**changes: object) -> LineFacts:
    return replace(GOOD, payee=replace(PAYEE, **changes))  # type: ignore[arg-type]


def with_entry(**changes: object) -> LineFacts:
    return replace(GOOD, entry=replace(GOOD.entry, **changes))  # type: ignore[arg-type]


CASES = [
    ("nobody", replace(GOOD, payee=None), "PV02", Severity.BLOCK),
    ("another name", with_entry(name="王卫"), "PV02", Severity.BLOCK),
    ("bad check digit", with_payee(id_type="01"), "PV02", Severity.BLOCK),
    ("no live card", with_card(state=CardState.CANCELLED), "PV03", Severity.BLOCK),
    ("formal loss", with_card(state=CardState.FORMAL_LOSS), "PV03", Severity.BLOCK),
    ("no account", with_card(account=""), "PV03", Severity.BLOCK),
    ("another account on the roll", with_entry(account="1"), "PV04", Severity.BLOCK),
    ("closed account", with_card(account_closed=True), "PV04", Severity.BLOCK),
    ("account of two persons", replace(GOOD, account_owners=2), "PV04", Severity.BLOCK),
    ("dead", with_payee(life_status="2"), "PV05", Severity.BLOCK),
    ("imprisoned", with_payee(life_status="3"), "PV05", Severity.BLOCK),
    ("missing", with_payee(life_status="4"), "PV05", Severity.BLOCK),
    ("paid already", replace(GOOD, paid_already=True), "PV06", Severity.BLOCK),
    ("household paid", replace(GOOD, household_paid=True), "PV06", Severity.BLOCK),
    ("exclusive item", replace(GOOD, excluded_by="ITEM2"), "PV07", Severity.BLOCK),
    (
        "not certified",
        replace(GOOD, programme=replace(ITEM, needs_certificate=True), certified=False),
        "PV08",
        Severity.BLOCK,
    ),
    ("over the ceiling", with_entry(fen=6000, quantity=6), "PV09", Severity.BLOCK),
    ("not the standard", with_entry(fen=999), "PV09", Severity.AUTHORISE),
    ("a jump", replace(GOOD, last_fen=100), "PV09", Severity.WARN),
    ("second line into one account", replace(GOOD, account_lines=1), "PV10", Severity.BLOCK),
    ("a preparer", replace(GOOD, staff=True), "PV11", Severity.AUTHORISE),
    ("account changed yesterday", replace(GOOD, account_age_days=1), "PV14", Severity.AUTHORISE),
]


@pytest.mark.parametrize(("facts", "rule", "severity"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_rule(facts: LineFacts, rule: str, severity: Severity) -> None:
    found = judge(facts, PayPolicy())
    assert (found[0].rule, found[0].severity) == (rule, severity)


@pytest.mark.parametrize(
    "facts",
    [
        GOOD,
        with_card(state=CardState.SEALED),
        with_card(state=CardState.TEMPORARY_LOSS),
        with_entry(account=CARD.account),
        with_entry(fen=3000, quantity=3),
        replace(GOOD, last_fen=1000, account_age_days=7),
    ],
)
def test_what_may_be_paid(facts: LineFacts) -> None:
    assert judge(facts, PayPolicy()) == []


def test_regions_may_be_stricter() -> None:
    strict = PayPolicy(pay_sealed=False, pay_temporary_loss=False)
    for state in (CardState.SEALED, CardState.TEMPORARY_LOSS):
        assert judge(with_card(state=state), strict)[0].rule == "PV03"


def test_a_replacement_in_flight_is_paid_to_the_enabled_card() -> None:
    new = replace(CARD, card_no="B", state=CardState.SEALED, account="6210200000000000025")
    both = replace(PAYEE, cards=(CARD, new))
    assert judge(replace(GOOD, payee=both), PayPolicy()) == []
    neither = replace(PAYEE, cards=(replace(CARD, state=CardState.SEALED), new))
    assert judge(replace(GOOD, payee=neither), PayPolicy())[0].rule == "PV03"


def test_a_blocking_rule_stands_before_a_warning() -> None:
    found = judge(replace(GOOD, last_fen=100, paid_already=True, staff=True), PayPolicy())
    assert [finding.severity for finding in found] == [Severity.BLOCK, Severity.AUTHORISE, Severity.WARN]
