"""Configuration of a branch: table `[issuance]` of the configuration file; every value has a default."""

from dataclasses import dataclass

from card.text_codec import Edition
from issuance.application.fields import Rules
from issuance.key_budget import BudgetLimits
from issuance.lifecycle import LifecycleRules
from issuance.personalization.content import IssuerMarks


@dataclass(frozen=True, slots=True)
class IssuanceSettings:
    """Units are in the names. `issuer` and `init_org` are assigned by ministry and scheme, these are declared ones."""

    place: str = "haikou-1"
    profiles: tuple[str, ...] = ("ssc-2.00-basic", "tunion")
    card_number_prefix: str = "H"
    valid_years: int = 10
    issuer: str = "01466410FFFFFFFF"
    init_org: str = "460100000000000000000001"
    card_class: str = "3"
    photo_required_age: int = 7
    guardian_below_age: int = 16
    temp_loss_days: int = 7
    formal_unloss: bool = False
    making_attempts: int = 3
    card_attempts: int = 4
    batch_failures: int = 8
    batch_window: int = 200
    proof_limit_ms: int = 10_000

    def __post_init__(self) -> None:
        if len(bytes.fromhex(self.issuer)) != 8 or len(self.init_org) != 24 or not self.init_org.isdigit():
            raise ValueError("issuer is 16 hex digits, init_org 24 digits")
        if not 1 <= len(self.card_number_prefix) <= 4 or not self.card_number_prefix[0].isalpha():
            raise ValueError("card_number_prefix starts with a letter and has at most 4 characters")
        if self.making_attempts < 1 or self.valid_years < 1:
            raise ValueError("making_attempts and valid_years are at least 1")
        if min(self.card_attempts, self.batch_failures, self.batch_window, self.proof_limit_ms) < 1:
            raise ValueError("the budgets of attempts and the time limit of a proof are at least 1")

    @property
    def marks(self) -> IssuerMarks:
        return IssuerMarks(bytes.fromhex(self.issuer), self.init_org, self.card_class)

    @property
    def budget(self) -> BudgetLimits:
        return BudgetLimits(self.card_attempts, self.batch_failures, self.batch_window)

    @property
    def lifecycle(self) -> LifecycleRules:
        return LifecycleRules(self.temp_loss_days, self.formal_unloss)

    def rules(self, edition: Edition) -> Rules:
        """Limits of the review; `edition` is the text edition of the cards that are made."""
        return Rules(self.photo_required_age, self.guardian_below_age, edition)
