"""V2: what a row must hold, what the code tables allow, what the card has room for."""

from dataclasses import dataclass
from datetime import date

from card import text_codec
from card.domain.identity import CitizenId, IdentityFormatError, IdType
from card.errors import FieldError
from card.rules.ages import age_on
from card.text_codec import Edition
from issuance.application.form import Applicant
from issuance.reference import Reference

FOREVER = "长期"
MANDATORY = (
    "name",
    "id_type",
    "id_no",
    "id_valid_to",
    "sex",
    "nation",
    "birth_date",
    "nationality",
    "region",
    "household_address",
    "living_address",
    "mobile",
    "bank",
    "life_status",
)
GUARDIAN = ("guardian_name", "guardian_id_type", "guardian_id_no")
ADDRESS_BYTES = 80  # DF01 EF05.21 and EF06.23 (card §1.5, A)
CONTACT_BYTES = 50  # DF01 EF06.2C (A)
PHONE_DIGITS = range(5, 16)  # DF01 EF06.28 holds 15 (A)
NATIONALITY_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits that are configuration (business-rules §13). Ages in whole years."""

    photo_age: int = 7
    guardian_age: int = 16
    edition: Edition = Edition.GB18030_2022


def parse_day(text: str) -> date | None:
    """A calendar day written YYYYMMDD, or None."""
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def bad_field(row: Applicant, day: date, rules: Rules, reference: Reference) -> str:
    """The first column that is missing, not in its table, expired or too long for the card; "" when all are good."""
    if row.surplus:
        return "columns"
    missing = [name for name in MANDATORY if not getattr(row, name)]
    if missing:
        return missing[0]
    return _bad_code(row, reference) or _bad_date(row, day) or _too_long(row, rules) or _bad_guardian(row, day, rules)


def _bad_code(row: Applicant, reference: Reference) -> str:
    tables = {
        "id_type": row.id_type in reference.id_formats,
        "sex": row.sex in reference.sexes,
        "nation": row.nation in reference.nations,
        "nationality": _is_code(row.nationality, NATIONALITY_LETTERS, letters=True),
        "mobile": row.mobile.isascii() and row.mobile.isdigit() and len(row.mobile) in PHONE_DIGITS,
        "life_status": row.life_status in reference.life_statuses,
    }
    return next((name for name, good in tables.items() if not good), "")


def _is_code(text: str, length: int, *, letters: bool) -> bool:
    return len(text) == length and text.isascii() and (text.isalpha() if letters else text.isdigit())


def _bad_date(row: Applicant, day: date) -> str:
    birth = parse_day(row.birth_date)
    if birth is None or birth > day:
        return "birth_date"
    if row.id_valid_to == FOREVER:
        return ""
    # A document is valid to the end of its last day (contract §8).
    valid_to = parse_day(row.id_valid_to)
    return "id_valid_to" if valid_to is None or valid_to < day else ""


def _too_long(row: Applicant, rules: Rules) -> str:
    try:
        text_codec.split_name(row.name, rules.edition)
    except FieldError:
        return "name"
    limits = {
        "household_address": ADDRESS_BYTES,
        "living_address": ADDRESS_BYTES,
        "guardian_name": CONTACT_BYTES,
    }
    return next((name for name, room in limits.items() if not _fits(getattr(row, name), room, rules.edition)), "")


def _fits(value: str, room: int, edition: Edition) -> bool:
    try:
        return len(text_codec.encode(value, edition)) <= room
    except FieldError:
        return False


def _bad_guardian(row: Applicant, day: date, rules: Rules) -> str:
    birth = parse_day(row.birth_date)
    needed = birth is not None and age_on(birth, day) < rules.guardian_age
    if not needed and not any(getattr(row, name) for name in GUARDIAN):
        return ""
    missing = [name for name in GUARDIAN if not getattr(row, name)]
    if missing:
        return missing[0]
    if row.guardian_id_no == row.id_no:
        return "guardian_id_no"
    if row.guardian_id_type != IdType.CITIZEN.value:
        return ""
    try:
        guardian = CitizenId(row.guardian_id_no)
    except IdentityFormatError:
        return "guardian_id_no"
    return "" if age_on(guardian.birth_date, day) >= rules.guardian_age else "guardian_id_no"
