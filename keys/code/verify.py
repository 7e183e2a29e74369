"""Verifying an offline code: twelve numbered checks, cheap ones first, in the order of qr-and-acceptance §2.5.

A pure function of the code, the trust list, the time and the policy. Debounce, replay, entitlements and fares come
after it and need state; they are the terminal's.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final

from card.domain.clock import business_date, from_ms
from keys.algorithms.sm2 import Sm2PublicKey
from keys.code.errors import CodeError, CodeFault
from keys.code.scheme import CodeLayout, CodePolicy, default_layout, default_policy
from keys.code.token import IssuerArea, IssuerCertificate, OfflineCode
from keys.code.trust_list import RootKey, TrustList
from keys.errors import PublicKeyError

_PRINTABLE: Final = bytes(range(0x20, 0x7F))


@dataclass(frozen=True, slots=True)
class VerifiedCode:
    """A code that passed every check. Times are ms UTC, amounts fen."""

    account: str = field(repr=False)
    pseudonym: str = field(repr=False)
    account_type: int
    single_limit_fen: int
    issuer_id: str
    generated_ms: int
    expires_ms: int
    area: IssuerArea | None
    replay_key: bytes
    replay_pair: tuple[str, int] = field(repr=False)
    trust_version: int


@dataclass(frozen=True, slots=True)
class CheckDone:
    """One line of the report: number, name, passed or not."""

    n: int
    name: str
    ok: bool


@dataclass(slots=True)
class _Work:
    """What the checks read and what earlier checks hand to later ones."""

    raw: bytes
    trust: TrustList
    now_ms: int
    policy: CodePolicy
    layout: CodeLayout
    code: OfflineCode = field(init=False)
    certificate: IssuerCertificate = field(init=False)
    today: date = field(init=False)
    root: RootKey = field(init=False)
    issuer_key: Sm2PublicKey = field(init=False)

    @property
    def now(self) -> int:
        """Now in seconds of the code's epoch."""
        return self.now_ms // 1000 - self.layout.epoch_s


Check = Callable[[_Work], CodeFault | None]


def verify_code(
    raw: bytes,
    trust: TrustList,
    now_ms: int,
    policy: CodePolicy | None = None,
    *,
    layout: CodeLayout | None = None,
    report: list[CheckDone] | None = None,
) -> VerifiedCode:
    """The code's content, or CodeError with the number of the first check that failed.

    `report`, when given, receives a line for each check that was run.
    """
    work = _Work(raw, trust, now_ms, policy or default_policy(), layout or default_layout())
    for number, (name, check) in enumerate(CHECKS, start=1):
        fault = _run(check, work)
        if report is not None:
            report.append(CheckDone(number, name, fault is None))
        if fault is not None:
            raise CodeError(fault, number)
    return _verified(work)


def _run(check: Check, work: _Work) -> CodeFault | None:
    try:
        return check(work)
    except CodeError as error:
        return error.fault


def _verified(work: _Work) -> VerifiedCode:
    code = work.code
    expires = min(code.generated + code.validity_s, code.authorisation_expiry)
    return VerifiedCode(
        account=code.card_account[:19],
        pseudonym=code.payment_account.decode("ascii"),
        account_type=code.account_type,
        single_limit_fen=code.single_limit_fen,
        issuer_id=work.certificate.issuer_id,
        generated_ms=(code.generated + work.layout.epoch_s) * 1000,
        expires_ms=(expires + work.layout.epoch_s) * 1000,
        area=IssuerArea.parse(code.area),
        replay_key=code.replay_key,
        replay_pair=code.replay_pair,
        trust_version=work.trust.version,
    )


# ---- the checks, in order ---------------------------------------------------------------------------------------


def _kind_and_length(work: _Work) -> CodeFault | None:
    try:
        work.code = OfflineCode.parse(work.raw)
    except CodeError as error:
        if error.n == 1:
            return error.fault
    return None


def _structure(work: _Work) -> CodeFault | None:
    work.code = OfflineCode.parse(work.raw)
    work.certificate = work.code.certificate
    right = work.code.issuer_tag == work.code.user_tag == work.layout.signature_tag
    return None if right else CodeFault.STRUCTURE


def _certificate(work: _Work) -> CodeFault | None:
    certificate, layout = work.certificate, work.layout
    work.today = business_date(from_ms(work.now_ms))
    algorithms = bytes(
        [layout.signature_algorithm, layout.encryption_algorithm, layout.curve, layout.key_length],
    )
    well_formed = (
        certificate.head == layout.head
        and certificate.service_id == layout.service_id
        and certificate.format == layout.format
        and certificate.algorithms == algorithms
        and _is_month(certificate.expiry)
    )
    if not well_formed:
        return CodeFault.CERTIFICATE
    return CodeFault.CERTIFICATE_EXPIRED if work.today > _month_end(certificate.expiry) else None


def _root(work: _Work) -> CodeFault | None:
    root = work.trust.roots.get((work.certificate.service_id, work.certificate.root_index))
    if root is None:
        return CodeFault.ROOT_UNKNOWN
    if work.today > _month_end(root.expiry):
        return CodeFault.ROOT_EXPIRED
    work.root = root
    return None


def _certificate_signature(work: _Work) -> CodeFault | None:
    certificate = work.certificate
    if not work.trust.trusts_issuer(certificate.issuer_id, certificate.serial):
        return CodeFault.ISSUER_DISTRUSTED
    known = work.trust.verified_issuers.get(certificate.raw)
    if known is None:
        if not work.root.key.accepts(certificate.signed_part, certificate.signature):
            return CodeFault.CERTIFICATE_SIGNATURE
        try:
            known = Sm2PublicKey.from_bytes(certificate.public_key)
        except PublicKeyError:
            return CodeFault.CERTIFICATE
        work.trust.verified_issuers[certificate.raw] = known
    work.issuer_key = known
    return None


def _account(work: _Work) -> CodeFault | None:
    code = work.code
    digits, pad = code.card_account[:19], code.card_account[19:]
    if code.payment_account.translate(None, _PRINTABLE):
        return CodeFault.ACCOUNT
    if not digits.isdigit() or pad != work.layout.account_pad:
        return CodeFault.ACCOUNT
    return None if code.account_type in work.policy.account_types else CodeFault.ACCOUNT_TYPE


def _authorisation_expiry(work: _Work) -> CodeFault | None:
    return None if work.code.authorisation_expiry >= work.now else CodeFault.AUTHORISATION_EXPIRED


def _validity_cap(work: _Work) -> CodeFault | None:
    return None if work.code.validity_s <= work.policy.max_validity_s else CodeFault.VALIDITY_TOO_LONG


def _not_from_future(work: _Work) -> CodeFault | None:
    return None if work.code.generated <= work.now + work.policy.future_skew_s else CodeFault.FROM_FUTURE


def _fresh(work: _Work) -> CodeFault | None:
    return None if work.now <= work.code.generated + work.code.validity_s else CodeFault.EXPIRED


def _issuer_signature(work: _Work) -> CodeFault | None:
    good = work.issuer_key.accepts(work.code.issuer_signed, work.code.issuer_signature)
    return None if good else CodeFault.ISSUER_SIGNATURE


def _user_signature(work: _Work) -> CodeFault | None:
    try:
        user = Sm2PublicKey.from_bytes(work.code.user_key)
    except PublicKeyError:
        return CodeFault.USER_SIGNATURE
    return None if user.accepts(work.code.user_signed, work.code.user_signature) else CodeFault.USER_SIGNATURE


CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("first byte and length", _kind_and_length),
    ("length field and issuer area", _structure),
    ("issuer certificate form and date", _certificate),
    ("root key known and in date", _root),
    ("root signature on the certificate", _certificate_signature),
    ("account numbers and account type", _account),
    ("authorisation in date", _authorisation_expiry),
    ("validity within the cap", _validity_cap),
    ("not generated in the future", _not_from_future),
    ("still valid", _fresh),
    ("issuer signature", _issuer_signature),
    ("user signature", _user_signature),
)


def _is_month(expiry: str) -> bool:
    return expiry.isdigit() and 1 <= int(expiry[:2]) <= 12


@lru_cache(maxsize=256)
def _month_end(expiry: str) -> date:
    """Last day of MMYY in the years 2000 to 2099."""
    month, year = int(expiry[:2]), 2000 + int(expiry[2:])
    return date(year, month, monthrange(year, month)[1])
