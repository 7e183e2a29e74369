"""Pre-pay validation PV02..PV14 of one line, pure: facts in, findings out (business-rules §5.3).

PV01, PV12 and PV13 concern the whole roll and stand in `prepare.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from card.domain.identity import CitizenId, IdentityFormatError, IdType
from card.domain.lifecycle import CardState
from server.benefit.roll import CardFacts, Payee, Programme, RollEntry


class Severity(Enum):
    """BLOCK stops a line for good; AUTHORISE until a second person lets it pass; WARN only says so."""

    BLOCK = "block"
    AUTHORISE = "authorise"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Finding:
    rule: str
    severity: Severity
    note: str


@dataclass(frozen=True, slots=True)
class PayPolicy:
    """What regions decide differently; defaults are ours (business-rules §5.3, C)."""

    pay_sealed: bool = True
    pay_temporary_loss: bool = True
    jump_percent: int = 50
    account_quiet_days: int = 7
    most_per_account: int = 1


@dataclass(frozen=True, slots=True)
class LineFacts:
    """Everything known about one entry when it is judged."""

    entry: RollEntry
    programme: Programme
    payee: Payee | None
    paid_already: bool = False
    household_paid: bool = False
    excluded_by: str = ""
    certified: bool = True
    account_owners: int = 1
    account_lines: int = 0
    staff: bool = False
    last_fen: int | None = None
    account_age_days: int | None = None


Rule = Callable[[LineFacts, PayPolicy], Finding | None]


def _block(rule: str, note: str) -> Finding:
    return Finding(rule, Severity.BLOCK, note)


def identity(facts: LineFacts, _policy: PayPolicy) -> Finding | None:
    """PV02: the number's check digit, the person exists, the name is theirs."""
    if facts.payee is None:
        return _block("PV02", "no such person in the registry")
    if facts.payee.id_type == IdType.CITIZEN.value:
        try:
            CitizenId(facts.entry.id_no)
        except IdentityFormatError:
            return _block("PV02", "citizen number fails its check")
    if facts.entry.name != facts.payee.name:
        return _block("PV02", "name differs from the registry")
    return None


def alive(facts: LineFacts, _policy: PayPolicy) -> Finding | None:
    """PV05: dead, missing, imprisoned or of unknown life status."""
    said = {"2": "dead", "3": "imprisoned", "4": "missing", "5": "life status unknown"}
    if facts.payee and facts.payee.life_status in said:
        return _block("PV05", said[facts.payee.life_status])
    return None


def one_card(facts: LineFacts, policy: PayPolicy) -> Finding | None:
    """PV03: exactly one live card with one mapped account."""
    if facts.payee is None:
        return None
    live = facts.payee.live_cards()
    if not live:
        return _block("PV03", "no live card")
    # During a replacement the old card and the sealed new one overlap; the enabled one carries the account.
    if len({(card.bank, card.account) for card in live}) > 1 and len(_enabled(live)) != 1:
        return _block("PV03", "two live cards with different accounts")
    card = account_card(facts.payee)
    if not card.account or not card.bank:
        return _block("PV03", "the card has no account")
    if card.state is CardState.SEALED and not policy.pay_sealed:
        return _block("PV03", "the card is not enabled")
    if card.state is CardState.TEMPORARY_LOSS and not policy.pay_temporary_loss:
        return _block("PV03", "the card is reported lost")
    return None


def own_account(facts: LineFacts, _policy: PayPolicy) -> Finding | None:
    """PV04: the account is open and belongs to this person alone."""
    if facts.payee is None or not facts.payee.live_cards():
        return None
    card = account_card(facts.payee)
    if facts.entry.account and facts.entry.account != card.account:
        return _block("PV04", "the account on the roll is not this person's")
    if card.account_closed:
        return _block("PV04", "the account is closed")
    if facts.account_owners > 1:
        return _block("PV04", "the account is mapped to several persons")
    return None


def not_twice(facts: LineFacts, _policy: PayPolicy) -> Finding | None:
    """PV06: once a person, and once a household, in one item and period."""
    if facts.paid_already:
        return _block("PV06", "this person already has a line in this item and period")
    if facts.household_paid:
        return _block("PV06", "this household already has a line in this item and period")
    return None


def not_exclusive(facts: LineFacts, _policy: PayPolicy) -> Finding | None:
    """PV07: items that exclude each other."""
    return _block("PV07", f"already paid {facts.excluded_by}") if facts.excluded_by else None


def certificate(facts: LineFacts, _policy: PayPolicy) -> Finding | None:
    """PV08: certified as still eligible; otherwise suspended until certified, then paid back."""
    if facts.programme.needs_certificate and not facts.certified:
        return _block("PV08", "eligibility certificate overdue")
    return None


def amount(facts: LineFacts, policy: PayPolicy) -> Finding | None:
    """PV09: standard times quantity, under the ceiling, no jump against the last period."""
    entry, item = facts.entry, facts.programme
    if entry.fen <= 0 or entry.fen > item.ceiling_fen:
        return _block("PV09", "outside the ceiling of the item")
    if entry.fen != item.standard_fen * entry.quantity:
        return Finding("PV09", Severity.AUTHORISE, "not standard times quantity")
    if facts.last_fen and abs(entry.fen - facts.last_fen) * 100 > policy.jump_percent * facts.last_fen:
        return Finding("PV09", Severity.WARN, "far from the last period's amount")
    return None


def shared_account(facts: LineFacts, policy: PayPolicy) -> Finding | None:
    """PV10: many beneficiaries into one account."""
    if facts.account_lines >= policy.most_per_account:
        return _block("PV10", "another line of this batch pays the same account")
    return None


def own_staff(facts: LineFacts, _policy: PayPolicy) -> Finding | None:
    """PV11: staff of the preparing side among the beneficiaries."""
    return Finding("PV11", Severity.AUTHORISE, "a preparer's own line") if facts.staff else None


def quiet_account(facts: LineFacts, policy: PayPolicy) -> Finding | None:
    """PV14: the account was exchanged shortly before the run."""
    if facts.account_age_days is not None and facts.account_age_days < policy.account_quiet_days:
        return Finding("PV14", Severity.AUTHORISE, "account changed shortly before this run")
    return None


RULES: tuple[Rule, ...] = (
    identity,
    alive,
    one_card,
    own_account,
    not_twice,
    not_exclusive,
    certificate,
    amount,
    shared_account,
    own_staff,
    quiet_account,
)


def judge(facts: LineFacts, policy: PayPolicy) -> list[Finding]:
    """Every finding, blocking ones first, otherwise in rule order; empty when the line may be paid."""
    found = [finding for rule in RULES if (finding := rule(facts, policy)) is not None]
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def account_card(payee: Payee) -> CardFacts:
    """The card whose account is paid: the enabled one before others. Needs at least one live card."""
    live = payee.live_cards()
    return (_enabled(live) or live)[0]


def _enabled(cards: list[CardFacts]) -> list[CardFacts]:
    return [card for card in cards if card.state is CardState.NORMAL]
