"""Crashes, lost answers, duplicates and late returns in any order: never paid twice, never lost, sums balance."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_sim.bank import SimBank
from server.benefit import sending
from server.benefit.bank_link import QueryAnswer, StatementLine
from server.benefit.errors import BankLinkError, BenefitError
from server.benefit.repay import Correction
from server.benefit.returns import import_return
from server.benefit.states import LineState
from server.benefit.unknown import mark_overdue, query_unknown
from server.database import Rows, Store, make_engine
from server.ledger import service as ledger
from server.settlement.differences import Difference
from server.settlement.reconcile import days_until_today, reconcile_batch
from tests.server.benefit.payment_world import NOON, PayWorld

PEOPLE = 6
FEN = 12_345
ENDED = {"PAID", "FAILED", "REVERSED", "REPAID", "BLOCKED"}


class CrashError(Exception):
    """The process dies here; the database rolls back."""

    code = "E-TEST-CRASH"


class LostAnswer:
    """A link over which the bank hears us, and we do not hear the bank."""

    def __init__(self, bank: SimBank) -> None:
        self._bank = bank

    def deliver(self, name: str, raw: bytes) -> None:
        self._bank.deliver(name, raw)
        raise BankLinkError("no answer")

    def collect(self) -> Sequence[tuple[str, bytes]]:
        return self._bank.collect()

    def query(self, e2e_id: str) -> QueryAnswer:
        self._bank.query(e2e_id)
        raise BankLinkError("no answer")

    def statement(self, day: str) -> Sequence[StatementLine]:
        return self._bank.statement(day)


TROUBLES = ["", "name_mismatch", "closed", "timeout", "silent", "late_return"]
PLANTED = st.lists(st.sampled_from(TROUBLES), min_size=PEOPLE, max_size=PEOPLE)
# What matters comes often: files arriving, lines paid again.
WORDS = ["pay", "deliver", "lose", "import", "import", "import", "crash", "query", "lose_query", "late"]
WORDS += ["repay", "repay", "repay", "overdue", "mend", "tick"]
STEPS = st.lists(st.tuples(st.sampled_from(WORDS), st.integers(0, 50)), min_size=8, max_size=20)


def new_world(planted: Sequence[str]) -> PayWorld:
    engine = make_engine("sqlite://")
    Rows.metadata.create_all(engine)
    world = PayWorld(Store(engine), ("102", "403"))
    world.add_programme()
    for holder, plant in zip(world.add_holders(PEOPLE), planted, strict=True):
        if plant:
            world.banks[holder.bank].plant(holder.account, plant)
    return world


class Run:
    """One sequence of steps over one world; each step may be refused, none may do harm."""

    def __init__(self, planted: Sequence[str]) -> None:
        self.world = new_world(planted)
        self.batches: list[str] = []

    def step(self, what: str, number: int) -> None:
        world = self.world
        if what == "pay":
            chosen = [holder for place, holder in enumerate(world.holders) if number >> place & 1] or world.holders
            self._send(world.prepare(world.roll(chosen, period=f"2026{1 + number % 2:02d}")))
        elif what == "deliver":
            sending.deliver_pending(world.store, world.banks, world.clock)
        elif what == "lose":
            links = {code: LostAnswer(bank) for code, bank in world.banks.items()}
            sending.deliver_pending(world.store, links, world.clock)
        elif what in ("import", "crash"):
            self._import(number, crash=what == "crash")
        elif what == "query":
            query_unknown(world.store, world.banks, world.clock)
        elif what == "lose_query":
            query_unknown(world.store, {c: LostAnswer(b) for c, b in world.banks.items()}, world.clock)
        elif what == "late":
            list(world.banks.values())[number % 2].release_late()
        elif what == "overdue":
            with world.store.transaction() as session:
                mark_overdue(session, at_ms=world.now, hours=number % 3)
        elif what == "mend":
            holder = world.holders[number % PEOPLE]
            world.banks[holder.bank].mend(holder.account)
        elif what == "repay":
            self._repay(number)
        else:
            world.clock.advance(3600 * (number % 30))

    def _send(self, batch_no: str) -> None:
        self.batches.append(batch_no)
        self.world.send(batch_no)

    def _import(self, number: int, *, crash: bool) -> None:
        files = [(code, *file) for code, bank in self.world.banks.items() for file in bank.collect()]
        if not files:
            return
        bank, name, raw = files[number % len(files)]
        try:
            with self.world.store.transaction() as session:
                import_return(session, bank=bank, name=name, raw=raw, at_ms=self.world.now)
                if crash:
                    raise CrashError
        except CrashError:
            pass

    def _repay(self, number: int) -> None:
        """Pay one failed line again, on odd numbers after the bank mended its record; unknown ones are tried too."""
        owed = ("FAILED", "REVERSED", "UNKNOWN")
        failed = [story for no in self.batches for story in self.world.stories(no) if story.state in owed]
        if not failed:
            return
        chosen = failed[number % len(failed)]
        if number % 2:
            holder = next(one for one in self.world.holders if one.person_id == chosen.person_id)
            self.world.banks[holder.bank].mend(holder.account)
        self._send(self.world.prepare_repay([Correction(chosen.e2e_id, "letter", confirmed=True)]))

    def settle(self) -> None:
        """The world calms down: every file arrives, every question is answered."""
        world = self.world
        sending.deliver_pending(world.store, world.banks, world.clock)
        world.collect()
        world.clock.advance(days=3)
        with world.store.transaction() as session:
            mark_overdue(session, at_ms=world.now)
        query_unknown(world.store, world.banks, world.clock)
        world.collect()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(planted=PLANTED, steps=STEPS)
def test_never_twice_never_lost(planted: list[str], steps: list[tuple[str, int]]) -> None:
    run = Run(planted)
    for what, number in [("pay", 0), *steps]:
        try:
            run.step(what, number)
        except BenefitError:
            continue  # a refusal is an answer; its harmlessness is what the end checks
    run.settle()
    check(run)


def check(run: Run) -> None:
    """What must hold at the end, counted in the banks' own books as well as in ours."""
    world = run.world
    stories = [story for batch_no in run.batches for story in world.stories(batch_no)]
    assert {story.state for story in stories} <= ENDED
    with world.store.reading() as session:
        assert ledger.sum_is_zero(session)
        ledger.verify(session)
    # The banks' accounts hold exactly what our lines say is paid, person by person.
    paid = Counter[str]()
    for story in stories:
        if story.state == LineState.PAID.value:
            paid[story.person_id] += story.fen
    for holder in world.holders:
        assert world.banks[holder.bank].balance(holder.account) == paid[holder.person_id]
    # Nobody has more than one standing payment for a period, whatever was repaid.
    originals = {story.e2e_id: story for story in stories if not story.repay_of}
    for original in originals.values():
        standing = [s for s in stories if s.state == "PAID" and original.e2e_id in (s.e2e_id, s.repay_of)]
        assert len(standing) <= 1
        assert (original.state == "REPAID") == (original.repaid_by != "")
        assert original.state in ("PAID", "REPAID") or not standing
    # What left the treasury is with holders; nothing is on the way.
    balances = world.balances()
    assert sum(fen for name, fen in balances.items() if name.startswith("benefit:")) == 0
    assert balances.get("treasury:SUBSIDY", 0) == -sum(paid.values())
    for batch_no in run.batches:
        days = days_until_today(NOON.date(), world.clock)
        found = reconcile_batch(world.store, world.banks, batch_no, days, clock=world.clock)
        assert {item.kind for item in found} <= {Difference.RETURNED_LATE}
