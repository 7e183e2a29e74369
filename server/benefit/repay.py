"""Failed and returned lines paid again: a new linked line in a new batch (business-rules §5.6)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from card.domain.event import canonical
from keys.algorithms.sm3 import sm3
from server.benefit import repository
from server.benefit.codes import Retry, result_codes
from server.benefit.errors import NotFoundError, RepayError
from server.benefit.prepare import build_line, finish_batch, load_programme, new_batch, set_findings, unwritable
from server.benefit.roll import CardFacts, Payee, PayeeBook, RollEntry
from server.benefit.rows import BatchRow, LineRow
from server.benefit.states import LineState
from server.benefit.validation import LineFacts, PayPolicy, account_card, judge
from server.database import Session

MOST_ATTEMPTS = 3
OWED = frozenset({LineState.FAILED.value, LineState.REVERSED.value})
OPEN_OR_PAID = frozenset({LineState.READY.value, LineState.SENT.value, LineState.UNKNOWN.value, LineState.PAID.value})
NEEDS_CHANGE = frozenset({Retry.FIX, Retry.NEW_ACCOUNT})


@dataclass(frozen=True, slots=True)
class Correction:
    """One failed line to be paid again. Empty fields are taken from the registry as it is now.

    `confirmed`: the bank confirms that the same details will now be taken (it mended its own record); `evidence`
    names the paper, always.
    """

    e2e_id: str
    evidence: str
    name: str = ""
    bank: str = ""
    account: str = ""
    confirmed: bool = False


def prepare_repay(
    session: Session, book: PayeeBook, corrections: Sequence[Correction], *, actor: str, at_ms: int
) -> BatchRow:
    """A CALCULATED batch of new lines, each `repay_of` its original; it goes the same four-person road.

    Originals of one item and period a batch. Raises RepayError naming the line and why, NotFoundError.
    """
    originals = [_original(session, correction) for correction in corrections]
    if not originals or len({(line.programme, line.period) for line in originals}) != 1:
        raise RepayError("one batch repays lines of one item and period")
    if len({line.e2e_id for line in originals}) != len(originals):
        raise RepayError("a line is named twice")
    item = load_programme(session, originals[0].programme)
    content = [[c.e2e_id, c.name, c.bank, c.account, c.evidence, at_ms] for c in corrections]
    digest = sm3(canonical({"repay": content})).hex()
    batch = new_batch(session, item, originals[0].period, kind="repay", actor=actor, at_ms=at_ms, digest=digest)
    lines = []
    for number, (original, correction) in enumerate(zip(originals, corrections, strict=True), 1):
        payee = book.by_person(original.person_id)
        entry, card = _corrected(original, correction, payee)
        others = set(book.owners(card.bank, card.account)) - {original.person_id} if card else set()
        facts = LineFacts(entry=entry, programme=item, payee=payee, account_owners=1 + len(others))
        findings = judge(_as_registered(facts, card), PayPolicy())
        line = build_line(batch, number, item, entry, payee, card, findings)
        line.repay_of = original.e2e_id
        line.note = "; ".join(part for part in (line.note, correction.evidence) if part)
        if not line.rule and (problem := unwritable(line)):
            set_findings(line, [problem])
        lines.append(line)
    return finish_batch(session, batch, lines, at_ms)


def _original(session: Session, correction: Correction) -> LineRow:
    line = repository.line(session, correction.e2e_id)
    if line is None:
        raise NotFoundError(f"line {correction.e2e_id}")
    if line.repay_of:
        raise RepayError(f"{line.e2e_id} is itself a repayment: name its original {line.repay_of}")
    if line.state not in OWED:
        raise RepayError(f"{line.e2e_id} is {line.state}: only a failed or returned line is paid again")
    repays = repository.repays(session, line.e2e_id)
    if any(repay.state in OPEN_OR_PAID for repay in repays):
        raise RepayError(f"{line.e2e_id} has an open repayment")
    newest = repays[-1] if repays else line
    tried = [repay for repay in repays if repay.state != LineState.BLOCKED.value]
    retry = result_codes()[newest.code or line.code].retry
    if retry in (Retry.NEVER, Retry.QUERY, Retry.NONE):
        raise RepayError(f"{line.e2e_id} failed with {newest.code}: never paid again")
    if (retry is Retry.MANUAL or len(tried) + 1 >= MOST_ATTEMPTS) and not correction.confirmed:
        raise RepayError(f"{line.e2e_id} needs the bank's confirmation: {len(tried) + 1} attempts, {newest.code}")
    if not correction.evidence:
        raise RepayError(f"{line.e2e_id}: a correction names its evidence")
    return line


def _corrected(original: LineRow, correction: Correction, payee: Payee | None) -> tuple[RollEntry, CardFacts | None]:
    card = account_card(payee) if payee and payee.live_cards() else None
    if card and correction.account:
        card = replace(card, account=correction.account, bank=correction.bank or card.bank, account_closed=False)
    name = correction.name or (payee.name if payee else original.name)
    same = card is not None and (name, card.bank, card.account) == (original.name, original.bank, original.account)
    if same and not correction.confirmed and result_codes()[original.code].retry in NEEDS_CHANGE:
        raise RepayError(f"{original.e2e_id}: nothing was corrected, {original.code} would come back")
    return RollEntry(original.id_no, name, original.fen, household=original.household), card


def _as_registered(facts: LineFacts, card: CardFacts | None) -> LineFacts:
    """Judged with the registry's name and the original's amount: both were settled before, the corrections stand."""
    payee = facts.payee
    if payee is None:
        return facts
    cards = tuple(card if card and held.card_no == card.card_no else held for held in payee.cards)
    entry = replace(facts.entry, name=payee.name)
    quantity = max(1, entry.fen // max(1, facts.programme.standard_fen))
    return replace(facts, payee=replace(payee, cards=cards), entry=replace(entry, quantity=quantity))
