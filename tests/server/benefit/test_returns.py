"""Return files that drift are refused whole, with a reason; none is imported wrong (over a thousand of them)."""

from collections import Counter
from random import Random

import pytest

from card.texts import text
from firmware_sim.bank_files import HOUSES, Result
from server.benefit.errors import ReturnFault, ReturnRefusedError
from server.benefit.returns import bank_of
from server.database import Store, make_engine
from server.migrations import upgrade
from tests.server.benefit import drift
from tests.server.benefit.payment_world import PayWorld

DAY = "20260302"


def one_bank(bank: str) -> tuple[PayWorld, str, str, bytes]:
    """A world of one bank with a batch sent and its true return file: paid, two causes of failure, one pending."""
    engine = make_engine("sqlite://")
    upgrade(engine)
    world = PayWorld(Store(engine), [bank])
    world.add_programme()
    holders = world.add_holders(7)
    sim = world.banks[bank]
    sim.plant(holders[1].account, "name_mismatch", "别名")
    sim.plant(holders[3].account, "closed")
    sim.plant(holders[5].account, "timeout")
    batch_no = world.prepare(world.roll(holders))
    world.send(batch_no)
    ((name, raw),) = sim.collect()
    return world, batch_no, name, raw


def true_results(world: PayWorld, bank: str) -> list[Result]:
    found = []
    for booking in world.banks[bank]._book.bookings.values():
        pending = "timeout" in world.banks[bank]._book.accounts[booking.result.order.account].plants
        found.append(Result(booking.result.order, "pending", "timeout") if pending else booking.result)
    return found


@pytest.mark.parametrize("bank", sorted(HOUSES))
def test_every_drift_is_refused_and_the_true_file_still_imports(bank: str) -> None:
    world, batch_no, name, raw = one_bank(bank)
    results = true_results(world, bank)
    drifts = [*drift.layout_drifts(bank, raw, Random(7)), *drift.meaning_drifts(bank, batch_no, DAY, results)]
    if HOUSES[bank].family != "bar":
        drifts += drift.said_back_drifts(bank, batch_no, DAY, results)
    before, faults, taken, tried = world.balances(), Counter[str](), [], 0
    for what, changed in drifts:
        # Two equal columns exchanged are no drift.
        if changed == raw:
            continue
        tried += 1
        report = world.take(bank, name, changed)
        faults[report.fault] += 1
        if report.accepted:
            taken.append(what)
            break
        assert report.why and not report.changed
    assert not taken
    assert tried >= 170
    assert set(faults) <= {fault.value for fault in ReturnFault}
    assert world.states(batch_no) == {"SENT": 7} and world.balances() == before
    report = world.take(bank, name, raw)
    assert report.accepted and report.changed == {"PAID": 4, "FAILED": 2, "UNKNOWN": 1}


def test_there_are_a_thousand_drifts() -> None:
    count = 0
    for bank in sorted(HOUSES):
        world, batch_no, _name, raw = one_bank(bank)
        found = [*drift.layout_drifts(bank, raw, Random(7))]
        found += drift.meaning_drifts(bank, batch_no, DAY, true_results(world, bank))
        count += sum(changed != raw for _what, changed in found)
    assert count >= 1000


@pytest.mark.parametrize("bank", sorted(HOUSES))
def test_a_file_without_a_name_finds_its_bank(bank: str) -> None:
    _world, _batch_no, _name, raw = one_bank(bank)
    assert bank_of(raw) == bank


def test_a_file_of_nobody_is_explained_for_each_bank() -> None:
    with pytest.raises(ReturnRefusedError) as refused:
        bank_of("序号,金额\n1,2\n".encode())
    assert all(f"{bank} " in refused.value.why for bank in HOUSES)


def test_a_file_for_another_bank_or_without_agreement() -> None:
    world, _batch_no, name, raw = one_bank("102")
    assert world.take("103", name, raw).fault in ("E-RET-ENCODING", "E-RET-LAYOUT")
    assert world.take("999", name, raw).fault == "E-RET-BANK"


def test_a_refused_file_may_be_mended_and_comes_in_once() -> None:
    world, batch_no, name, raw = one_bank("105")
    assert not world.take("105", name, raw[:-1]).accepted
    assert not world.take("105", name, raw[:-1]).accepted
    assert world.take("105", name, raw).accepted
    again = world.take("105", name, raw)
    assert again.accepted and again.repeated
    assert world.states(batch_no) == {"PAID": 4, "FAILED": 2, "UNKNOWN": 1}


def test_the_bank_may_not_change_its_mind() -> None:
    world, batch_no, name, raw = one_bank("102")
    assert world.take("102", name, raw).accepted
    results = true_results(world, "102")
    turned = [Result(results[0].order, "failed", "closed")]
    second = drift.write_return("102", batch_no, 2, DAY, turned)
    report = world.take("102", "second", second)
    assert (report.fault, report.line) == ("E-RET-CONTRADICTS", 2)
    paid_after_all = [Result(results[1].order, "paid", "paid", DAY + "130000", "B10220260302999")]
    third = drift.write_return("102", batch_no, 2, DAY, paid_after_all)
    assert world.take("102", "third", third).fault == "E-RET-CONTRADICTS"


def test_every_fault_has_its_sentence() -> None:
    for fault in ReturnFault:
        for language in ("zh", "en"):
            assert text(fault.value, language).next_step
