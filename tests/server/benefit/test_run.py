"""The whole road of a batch, on both databases: planted troubles end where they should, and the book balances."""

import pytest

from server.benefit import sending, service, steps
from server.benefit.book import RegistryBook
from server.benefit.errors import RepayError, RollError, SeparationError, StateError
from server.benefit.prepare import prepare
from server.benefit.repay import Correction
from server.benefit.roll import Roll, RollEntry
from server.benefit.unknown import mark_overdue, query_unknown
from server.ledger import service as ledger
from server.settlement.reconcile import days_until_today, reconcile_batch
from tests.server.benefit.payment_world import CHECKER, NOON, PERIOD, PREPARER, RELEASER, TREASURER, PayWorld

FEN = 12_345


def story_of(world: PayWorld, batch_no: str, person_id: str) -> service.LineStory:
    return next(story for story in world.stories(batch_no) if story.person_id == person_id)


def test_everybody_is_paid_once_and_the_book_balances(world: PayWorld) -> None:
    batch_no = world.pay(world.holders)
    assert world.states(batch_no) == {"PAID": 20}
    assert world.balances("treasury:") == {"treasury:SUBSIDY": -20 * FEN}
    assert set(world.balances("benefit:").values()) == {0}
    assert sum(world.balances("holder:").values()) == 20 * FEN
    assert all(world.banks[h.bank].balance(h.account) == FEN for h in world.holders)
    with world.store.reading() as session:
        assert ledger.sum_is_zero(session) and ledger.verify(session) == 2 * 2 * 20
        assert service.view(session, batch_no).state == "RETURNED"


def test_blocked_lines_never_leave(world: PayWorld) -> None:
    dead, no_card, lost = world.holders[:3]
    with world.store.transaction() as session:
        world.project_person(session, dead, version=2, life_status="2")
        world.project_card(session, no_card, version=2, status="9")
        world.project_card(session, lost, version=2, status="2")
    entries = [RollEntry(h.id_no, h.name, FEN) for h in world.holders]
    entries += [entries[5], RollEntry("460100199001019999", "无此人", FEN), RollEntry(entries[6].id_no, "错名", FEN)]
    entries[7] = RollEntry(entries[7].id_no, entries[7].name, FEN, account=world.holders[8].account)
    roll = Roll("SUBSIDY", PERIOD, tuple(entries), len(entries), FEN * len(entries))
    batch_no = world.prepare(roll)
    world.send(batch_no)
    world.collect()
    rules = {story.line_no: story.rule for story in world.stories(batch_no) if story.state == "BLOCKED"}
    assert rules == {1: "PV05", 2: "PV03", 3: "PV03", 8: "PV04", 21: "PV06", 22: "PV02", 23: "PV02"}
    assert world.states(batch_no) == {"PAID": 16, "BLOCKED": 7}
    assert sum(world.balances("holder:").values()) == 16 * FEN


def test_failures_are_corrected_and_repaid_by_a_new_linked_line(world: PayWorld) -> None:
    wrong_name, closed = world.holders[0], world.holders[1]
    world.banks[wrong_name.bank].plant(wrong_name.account, "name_mismatch", "王伟错")
    world.banks[closed.bank].plant(closed.account, "closed")
    batch_no = world.pay(world.holders)
    first, second = story_of(world, batch_no, wrong_name.person_id), story_of(world, batch_no, closed.person_id)
    assert (first.state, first.code, second.state, second.code) == ("FAILED", "P102", "FAILED", "P104")
    with pytest.raises(RepayError, match="nothing was corrected"):
        world.prepare_repay([Correction(first.e2e_id, "form 7")])
    corrections = [
        Correction(first.e2e_id, "bank's letter", name="王伟错"),
        Correction(second.e2e_id, "new passbook", account=world.open_account(closed)),
    ]
    repay_no = world.prepare_repay(corrections)
    with pytest.raises(RepayError, match="open repayment"):
        world.prepare_repay(corrections[:1])
    world.send(repay_no)
    world.collect()
    assert world.states(repay_no) == {"PAID": 2}
    again = [story_of(world, batch_no, holder.person_id) for holder in (wrong_name, closed)]
    links = [story.e2e_id for story in world.stories(repay_no)]
    assert [(story.state, story.repaid_by) for story in again] == [("REPAID", link) for link in links]
    assert sum(world.balances("holder:").values()) == 20 * FEN
    with pytest.raises(RepayError, match="REPAID"):
        world.prepare_repay(corrections[:1])


def test_a_timeout_is_asked_about_and_never_sent_again(world: PayWorld) -> None:
    slow = world.holders[0]
    world.banks[slow.bank].plant(slow.account, "timeout")
    batch_no = world.pay(world.holders)
    line = story_of(world, batch_no, slow.person_id)
    assert (line.state, line.code) == ("UNKNOWN", "P116")
    assert world.balances("benefit:")[f"benefit:{slow.bank}"] == FEN
    with pytest.raises(RepayError, match="UNKNOWN"):
        world.prepare_repay([Correction(line.e2e_id, "impatience", confirmed=True)])
    with world.store.transaction() as session, pytest.raises(StateError):
        sending.make_files(session, batch_no, at_ms=world.now)
    world.banks[slow.bank].down = True
    assert query_unknown(world.store, world.banks, world.clock) == {line.e2e_id: "UNKNOWN"}
    world.banks[slow.bank].down = False
    assert query_unknown(world.store, world.banks, world.clock) == {line.e2e_id: "PAID"}
    assert query_unknown(world.store, world.banks, world.clock) == {}
    assert world.banks[slow.bank].balance(slow.account) == FEN
    assert set(world.balances("benefit:").values()) == {0}


def test_silence_becomes_unknown_after_the_banks_time(world: PayWorld) -> None:
    silent = world.holders[0]
    world.banks[silent.bank].plant(silent.account, "silent")
    batch_no = world.prepare(world.roll(world.holders))
    world.send(batch_no)
    reports = world.collect()
    line = story_of(world, batch_no, silent.person_id)
    assert line.state == "SENT" and line.e2e_id in reports[0].missing
    with world.store.transaction() as session:
        assert mark_overdue(session, at_ms=world.now) == []
    world.clock.advance(days=2)
    with world.store.transaction() as session:
        assert mark_overdue(session, at_ms=world.now) == [line.e2e_id]
    assert query_unknown(world.store, world.banks, world.clock) == {line.e2e_id: "PAID"}


def test_a_late_return_reverses_and_may_be_repaid(world: PayWorld) -> None:
    late = world.holders[3]
    world.banks[late.bank].plant(late.account, "late_return")
    batch_no = world.pay(world.holders)
    assert world.states(batch_no) == {"PAID": 20}
    world.clock.advance(days=1)
    assert len(world.banks[late.bank].release_late()) == 1
    world.collect()
    line = story_of(world, batch_no, late.person_id)
    assert (line.state, line.code) == ("REVERSED", "P118")
    assert world.balances(f"holder:{late.bank}:{late.account}") == {f"holder:{late.bank}:{late.account}": 0}
    world.banks[late.bank].mend(late.account)
    repay_no = world.prepare_repay([Correction(line.e2e_id, "bank's letter", confirmed=True)])
    world.send(repay_no)
    world.collect()
    assert story_of(world, batch_no, late.person_id).state == "REPAID"
    assert sum(world.balances("holder:").values()) == 20 * FEN


def test_a_return_may_overtake_the_success_it_returns(world: PayWorld) -> None:
    late = world.holders[0]
    world.banks[late.bank].plant(late.account, "late_return")
    batch_no = world.prepare(world.roll(world.holders))
    world.send(batch_no)
    world.clock.advance(days=1)
    world.banks[late.bank].release_late()
    with world.store.transaction() as session:
        mark_overdue(session, at_ms=world.now, hours=0)
    told = query_unknown(world.store, world.banks, world.clock)
    assert told[story_of(world, batch_no, late.person_id).e2e_id] == "REVERSED"
    # The file that says "paid" comes last, and is no contradiction; nor is the bank's statement of two days.
    assert all(report.accepted for report in world.collect())
    assert world.states(batch_no) == {"PAID": 19, "REVERSED": 1}
    days = days_until_today(NOON.date(), world.clock)
    assert reconcile_batch(world.store, world.banks, batch_no, days, clock=world.clock) == []


def test_a_repayment_that_comes_back_leaves_the_original_owed(world: PayWorld) -> None:
    holder = world.holders[0]
    bank = world.banks[holder.bank]
    bank.plant(holder.account, "name_mismatch", "别名")
    batch_no = world.pay(world.holders[:1])
    original = story_of(world, batch_no, holder.person_id)
    bank.mend(holder.account)
    bank.plant(holder.account, "late_return")
    repay_no = world.prepare_repay([Correction(original.e2e_id, "letter", confirmed=True)])
    world.send(repay_no)
    world.collect()
    assert story_of(world, batch_no, holder.person_id).state == "REPAID"
    bank.release_late()
    world.collect()
    owed = story_of(world, batch_no, holder.person_id)
    assert (owed.state, owed.code, owed.repaid_by) == ("FAILED", "P118", "")
    assert world.balances("treasury:") == {"treasury:SUBSIDY": 0}


def test_the_same_return_twice_changes_nothing(world: PayWorld) -> None:
    world.pay(world.holders)
    before = world.balances()
    again = world.collect()
    assert all(report.accepted and report.repeated and not report.changed for report in again)
    assert world.balances() == before


def test_a_broken_link_hands_over_the_same_file_later(world: PayWorld) -> None:
    world.banks["102"].down = True
    batch_no = world.prepare(world.roll(world.holders))
    world.send(batch_no)
    world.banks["102"].down = False
    done = sending.deliver_pending(world.store, world.banks, world.clock)
    assert list(done.values()) == [True]
    assert sending.deliver_pending(world.store, world.banks, world.clock) == {}
    world.collect()
    assert world.states(batch_no) == {"PAID": 20}


def test_four_people(world: PayWorld) -> None:
    batch_no = world.prepare(world.roll(world.holders))
    with world.store.transaction() as session:
        at = world.now
        steps.publicize(session, batch_no, actor=PREPARER, on="20260220", proof="x", at_ms=at)
        with pytest.raises(SeparationError):
            steps.check(session, batch_no, actor=PREPARER, at_ms=at)
        steps.check(session, batch_no, actor=CHECKER, at_ms=at)
        with pytest.raises(SeparationError):
            steps.approve(session, batch_no, actor=CHECKER, at_ms=at)
        steps.approve(session, batch_no, actor=TREASURER, at_ms=at)
        for taken in (PREPARER, CHECKER, TREASURER):
            with pytest.raises(SeparationError):
                steps.release(session, batch_no, actor=taken, value_date="20260303", at_ms=at)
        with pytest.raises(StateError):
            sending.make_files(session, batch_no, at_ms=at)
        steps.release(session, batch_no, actor=RELEASER, value_date="20260303", at_ms=at)
        sending.make_files(session, batch_no, at_ms=at)
        with pytest.raises(StateError):
            steps.recall(session, batch_no, actor=RELEASER, why="too late", at_ms=at)


def test_a_public_list_must_hang_its_days(world: PayWorld) -> None:
    world.add_programme("WEEK", disclosure_days=7)
    batch_no = world.prepare(world.roll(world.holders, item="WEEK"))
    with world.store.transaction() as session:
        steps.publicize(session, batch_no, actor=PREPARER, on="20260301", proof="x", at_ms=world.now)
        with pytest.raises(StateError, match="7 days"):
            steps.check(session, batch_no, actor=CHECKER, at_ms=world.now)
    world.clock.advance(days=6)
    with world.store.transaction() as session:
        steps.check(session, batch_no, actor=CHECKER, at_ms=world.now)


@pytest.mark.parametrize(
    ("change", "rule"),
    [({"count": 19}, "PV01"), ({"total_fen": 1}, "PV01"), ({"entries": (), "count": 0, "total_fen": 0}, "PV01")],
)
def test_a_roll_with_wrong_totals_is_refused(world: PayWorld, change: dict[str, object], rule: str) -> None:
    good = world.roll(world.holders)
    values = {name: getattr(good, name) for name in Roll.__slots__} | change
    with pytest.raises(RollError) as refused:
        world.prepare(Roll(**values))  # type: ignore[arg-type]
    assert refused.value.rule == rule


def test_the_same_roll_budget_and_validity(world: PayWorld) -> None:
    world.prepare(world.roll(world.holders))
    with pytest.raises(RollError, match="PV13"):
        world.prepare(world.roll(world.holders))
    world.add_programme("SMALL", budget_fen=FEN)
    with pytest.raises(RollError, match="PV12"):
        world.prepare(world.roll(world.holders[:2], item="SMALL"))
    world.add_programme("OVER", valid_to="20260201")
    with pytest.raises(RollError, match="PV12"):
        world.prepare(world.roll(world.holders, item="OVER"))


def test_a_rejected_batch_frees_its_people(world: PayWorld) -> None:
    batch_no = world.prepare(world.roll(world.holders))
    with world.store.transaction() as session:
        steps.reject(session, batch_no, actor=CHECKER, why="wrong list", at_ms=world.now)
    again = world.pay(world.holders)
    assert world.states(again) == {"PAID": 20}


def test_an_excluded_item_and_a_second_period(world: PayWorld) -> None:
    world.add_programme("OTHER", excludes=("SUBSIDY",))
    world.pay(world.holders[:5])
    second = world.prepare(world.roll(world.holders[:6], item="OTHER"))
    assert {story.rule for story in world.stories(second)} == {"PV07", ""}
    assert world.states(world.pay(world.holders, period="202604")) == {"PAID": 20}


def test_one_finding_that_only_needs_a_second_word(world: PayWorld) -> None:
    entries = (RollEntry(world.holders[0].id_no, world.holders[0].name, 10_000),)
    batch_no = world.prepare(Roll("SUBSIDY", PERIOD, entries, 1, 10_000))
    line = world.stories(batch_no)[0]
    assert (line.state, line.rule) == ("BLOCKED", "PV09")
    with world.store.transaction() as session:
        with pytest.raises(SeparationError):
            steps.authorise_line(session, line.e2e_id, actor=PREPARER, why="half year", at_ms=world.now)
        steps.authorise_line(session, line.e2e_id, actor=CHECKER, why="half year", at_ms=world.now)
    world.send(batch_no)
    world.collect()
    assert world.states(batch_no) == {"PAID": 1}


def test_what_came_why_and_from_whom(world: PayWorld) -> None:
    holder = world.holders[0]
    world.banks[holder.bank].plant(holder.account, "name_mismatch", "别名")
    world.pay(world.holders)
    with world.store.reading() as session:
        (line,) = service.lines_for_person(session, holder.person_id)
    assert (line.state, line.code, line.fen, line.programme) == ("FAILED", "P102", FEN, "耕地地力保护补贴")
    assert "户名不符" in line.why_zh and "琼财农〔2026〕1号" in line.why_zh and "Name mismatch" in line.why_en
    assert line.next_zh and line.next_en


def test_an_account_of_two_persons_is_not_paid(world: PayWorld) -> None:
    one, two = world.holders[0], world.holders[2]
    with world.store.transaction() as session:
        world.project_card(session, two, version=2, account=one.account)
        batch = prepare(session, RegistryBook(session), world.roll([one, two]), actor=PREPARER, at_ms=world.now)
        assert {story.rule for story in service.stories(session, batch.batch_no)} == {"PV04"}


def test_a_repayment_into_somebody_elses_account_is_blocked(world: PayWorld) -> None:
    closed, other = world.holders[1], world.holders[3]
    world.banks[closed.bank].plant(closed.account, "closed")
    batch_no = world.pay(world.holders)
    line = story_of(world, batch_no, closed.person_id)
    repay_no = world.prepare_repay([Correction(line.e2e_id, "forged", account=other.account, name=other.name)])
    assert [(story.state, story.rule) for story in world.stories(repay_no)] == [("BLOCKED", "PV04")]


def test_three_failures_need_the_banks_own_word(world: PayWorld) -> None:
    holder = world.holders[0]
    world.banks[holder.bank].plant(holder.account, "name_mismatch", "别名")
    batch_no = world.pay(world.holders[:1])
    line = story_of(world, batch_no, holder.person_id)
    for attempt in ("甲", "乙"):
        repay_no = world.prepare_repay([Correction(line.e2e_id, "guess", name=f"错名{attempt}")])
        world.send(repay_no)
        world.collect()
        assert world.states(repay_no) == {"FAILED": 1}
    with pytest.raises(RepayError, match="confirmation"):
        world.prepare_repay([Correction(line.e2e_id, "guess", name="错名丙")])
    assert world.balances("treasury:") == {"treasury:SUBSIDY": 0}
