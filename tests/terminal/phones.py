"""Phones with an authorisation of our issuer, for gate tests."""

from datetime import date

from card.domain.clock import business_date, from_ms
from card.rules.entitlements import by_age, to_days, valid_to
from keys.code.sign import (
    AuthorisationRequest,
    Wallet,
    code_issuer,
    root_entry,
    stand_in_user_key,
)
from keys.code.token import IssuerArea
from tests.terminal.street import centre


def wallet(number: int, birth: date, now_ms: int) -> tuple[Wallet, str]:
    """A phone of somebody born on `birth`, authorised at `now_ms`; and its 19-digit e-card serial."""
    store = centre().hsm
    day = business_date(from_ms(now_ms))
    serial = f"4601{number:015d}"
    last = valid_to(birth, day)
    area = IssuerArea(1, int(by_age(birth, day)), to_days(last))
    key = stand_in_user_key(store, serial)
    issuer = code_issuer(store)
    request = AuthorisationRequest(serial, f"PS{number:014d}", key.public, area, issuer.expiry_ms(now_ms, last))
    return Wallet(key, issuer.authorise(request)), serial


def trust_entries() -> list[dict[str, object]]:
    """The trust bundle of that issuer's root."""
    return [root_entry(centre().hsm).to_entry()]
