"""V1 to V9 of business-rules §2.3, in that order; the first failing check is the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from card.domain.identity import CitizenId, IdentityFormatError, IdType
from card.rules.ages import age_on
from issuance.application.fields import Rules, bad_field, parse_day
from issuance.application.form import Applicant
from issuance.bank import AccountRequest, Bank
from issuance.errors import BankLinkError, BankRefusedError, PhotoRefusedError
from issuance.photo import load_portrait
from issuance.population import Population, PopulationAnswer, PopulationQuestion
from issuance.reference import Reference

ALIVE, DEAD = "1", "2"

_POPULATION_CODES = {
    PopulationAnswer.MISMATCH: "E-PSB-MISMATCH",
    PopulationAnswer.NO_DATA: "E-PSB-NODATA",
    PopulationAnswer.FAILED: "E-PSB-ERROR",
    PopulationAnswer.NOT_COMPARED: "E-PSB-ERROR",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row is not taken. `detail` is a column for E-FIELD, a QC result for E-PHOTO; never a value."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """What the checks found out on their way about an accepted row."""

    applicant: Applicant = field(repr=False)
    city: str
    population: str
    photo_digest: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of a person, asked for each row."""

    holds_card: Callable[[str, str], bool]
    has_open_order: Callable[[str, str], bool]
    is_dead: Callable[[str, str], bool]


class Review:
    """The nine checks over one row at a time, on one acceptance date."""

    def __init__(
        self,
        *,
        day: date,
        folder: Path,
        rules: Rules,
        reference: Reference,
        population: Population,
        banks: Mapping[str, Bank],
        known: Known,
        operator_id: str = "",
    ) -> None:
        self._day = day
        self._folder = folder
        self._rules = rules
        self._reference = reference
        self._population = population
        self._banks = banks
        self._known = known
        self._operator_id = operator_id

    def examine(self, row: Applicant) -> Examined | Refusal:
        """The row with what was found, or the first refusal."""
        refusal = self._own_matter(row) or self._document(row) or self._fields(row)
        if refusal:
            return refusal
        population = self._compare(row)
        if isinstance(population, Refusal):
            return population
        digest = self._photo(row)
        if isinstance(digest, Refusal):
            return digest
        city = self._reference.issuing_city(row.region)
        refusal = self._one_card(row) or self._life(row) or self._bank(row)
        if refusal:
            return refusal
        if city is None:
            return Refusal("E-AREA", "region")
        return Examined(row, city.text, population, digest)

    def _own_matter(self, row: Applicant) -> Refusal | None:
        # SOD-2: nobody handles his own card.
        own = bool(self._operator_id) and self._operator_id in (row.id_no, row.guardian_id_no)
        return Refusal("E-SOD") if own else None

    def _document(self, row: Applicant) -> Refusal | None:
        """V1: form of the number and, for a citizen number, its check digit, sex and birthday."""
        form = self._reference.id_formats.get(row.id_type)
        if form is None or not row.id_no:
            return None
        if not form.fullmatch(row.id_no):
            return Refusal("E-ID-FMT", "id_no")
        if row.id_type != IdType.CITIZEN.value:
            return None
        try:
            citizen = CitizenId(row.id_no)
        except IdentityFormatError:
            return Refusal("E-ID-FMT", "id_no")
        if row.birth_date and parse_day(row.birth_date) not in (None, citizen.birth_date):
            return Refusal("E-ID-FMT", "birth_date")
        return Refusal("E-ID-FMT", "sex") if row.sex in ("1", "2") and row.sex != citizen.sex else None

    def _fields(self, row: Applicant) -> Refusal | None:
        """V2."""
        bad = bad_field(row, self._day, self._rules, self._reference)
        return Refusal("E-FIELD", bad) if bad else None

    def _compare(self, row: Applicant) -> str | Refusal:
        """V3: the police register; its answer is kept with the person."""
        question = PopulationQuestion(row.id_type, row.id_no, row.name, row.sex, row.birth_date)
        answer = self._population.compare(question)
        code = _POPULATION_CODES.get(answer)
        return Refusal(code) if code else answer.value

    def _photo(self, row: Applicant) -> str | Refusal:
        """V4: from seven on a portrait is needed; one that is given must be good at any age."""
        if not row.photo:
            birth = parse_day(row.birth_date)
            needed = birth is None or age_on(birth, self._day) >= self._rules.photo_age
            return Refusal("E-PHOTO", "PH-NONE") if needed else ""
        try:
            return load_portrait(row.photo, self._folder, row.id_no, self._reference.photo).digest
        except PhotoRefusedError as bad:
            return Refusal("E-PHOTO", bad.result)

    def _one_card(self, row: Applicant) -> Refusal | None:
        """V5 and V6."""
        if self._known.holds_card(*row.person):
            return Refusal("E-DUP-PROV")
        return Refusal("E-OPEN-ORDER") if self._known.has_open_order(*row.person) else None

    def _life(self, row: Applicant) -> Refusal | None:
        """V7: dead is refused; imprisoned, missing, unknown need an authoriser at the counter, not a file."""
        if self._known.is_dead(*row.person):  # a form does not raise the dead
            return Refusal("E-LIFE", DEAD)
        return None if row.life_status == ALIVE else Refusal("E-LIFE", row.life_status)

    def _bank(self, row: Applicant) -> Refusal | None:
        """V8: may this bank open an account for this person."""
        bank = self._banks.get(row.bank)
        if bank is None:
            return Refusal("E-BANK-OPEN", "bank")
        try:
            bank.check(account_request(row, ""))
        except (BankRefusedError, BankLinkError):
            return Refusal("E-BANK-OPEN")
        return None


def account_request(row: Applicant, reference: str) -> AccountRequest:
    """What the bank is told about an applicant; `reference` is the order number, empty for a mere question."""
    return AccountRequest(
        reference=reference,
        id_type=row.id_type,
        id_no=row.id_no,
        name=row.name,
        id_valid_to=row.id_valid_to,
        sex=row.sex,
        birth_date=row.birth_date,
        nationality=row.nationality,
        mobile=row.mobile,
        address=row.living_address,
        guardian_id_no=row.guardian_id_no,
    )
