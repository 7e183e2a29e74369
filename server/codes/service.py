"""Codes that need the line: has this offline code been seen, and whose is this online token."""

from dataclasses import dataclass
from typing import ClassVar

from card.domain.clock import business_date
from card.rules.entitlements import Entitlement, by_age
from keys.algorithms.sm3 import hmac_sm3
from keys.code.online import BUSINESS_TYPES, LIFETIME_MS, OnlineToken, expired
from server.audit import service as audit
from server.codes import repository
from server.context import Context
from server.database import Session
from server.devices.device import Device
from server.errors import ServerError
from server.registry import service as registry
from server.registry.card import Card, Person

PSEUDONYM_CHARS = 16


class TokenRefusedError(ServerError):
    """The token is unknown, used, or older than its 60 seconds."""

    code: ClassVar[str] = "E-TOKEN-REFUSED"


class CardNotUsableError(ServerError):
    """The card behind this request is not in use."""

    code: ClassVar[str] = "E-CARD-NOT-USABLE"


@dataclass(frozen=True, slots=True)
class Sighting:
    """`seen_at` ms UTC and `seen_by` terminal number of the first sighting."""

    first: bool
    seen_at: int
    seen_by: str


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A person without a name: `entitlements` bits of card.rules.entitlements; `expires` ms UTC."""

    pseudonym: str
    entitlements: int
    expires: int


def check(session: Session, replay_key: str, terminal: str, at_ms: int) -> Sighting:
    """Record the sighting of an offline code. Asking again about one's own first sighting is still first."""
    first, seen_at, seen_by = repository.see(session, replay_key, terminal, at_ms)
    return Sighting(first or (seen_by, seen_at) == (terminal, at_ms), seen_at, seen_by)


def issue(context: Context, session: Session, card_id: str) -> tuple[str, int]:
    """A new online token for a usable card: (text, expires ms). CardUnknownError, CardNotUsableError."""
    card = registry.card(session, card_id)
    if not card.usable:
        raise CardNotUsableError(card_id)
    token, now = OnlineToken.new(context.entropy), context.now_ms()
    repository.keep_token(session, token.lookup_key, card_id, now)
    return token.text, now + LIFETIME_MS


def redeem(context: Context, session: Session, device: Device, token: str, business_type: str) -> Redeemed:
    """Use a token up. TokenRefusedError, CardNotUsableError, and CodeError for what is no token at all."""
    if business_type not in BUSINESS_TYPES:
        raise TokenRefusedError("business_type")
    now = context.now_ms()
    used = repository.use_token(session, OnlineToken.parse(token).lookup_key, now, device.terminal_no, business_type)
    if used is None or expired(used[1], now):
        raise TokenRefusedError
    card = registry.card(session, used[0])
    if not card.usable:
        raise CardNotUsableError(card.card_id)
    detail = f"online token for {BUSINESS_TYPES[business_type]}"
    audit.log(context, session, actor=device.device_id, action="code", card=card, place=device.site, detail=detail)
    rights = _rights(context, registry.holder(session, card))
    return Redeemed(pseudonym(context, card), int(rights), used[1] + LIFETIME_MS)


def pseudonym(context: Context, card: Card) -> str:
    """16 characters that stand for a holder and say nothing about him; the same while the person is the same."""
    key = context.centre.list_key()
    return hmac_sm3(key, b"onecard pseudonym 1:" + card.person_id.encode()).hex().upper()[:PSEUDONYM_CHARS]


def _rights(context: Context, person: Person) -> Entitlement:
    day = business_date(context.clock.now())
    return by_age(person.birth, day) if person.birth else Entitlement.NONE
