"""Making offline codes: the root certifies an issuer, the issuer authorises a phone's key, the phone signs with time.

The user key of a real holder is born in the phone. `stand_in_user_key` makes one from the key store instead, for the
twins; it is named so wherever it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from card.domain.clock import start_of_business_day, to_ms
from keys.algorithms.sm2 import Sm2PrivateKey, Sm2PublicKey
from keys.algorithms.sm2_backend import ORDER
from keys.code.scheme import CodeLayout, IssueTerms, default_layout, default_terms
from keys.code.token import IssuerArea, IssuerCertificate
from keys.code.trust_list import RootKey
from keys.errors import KeyLengthError
from keys.hsm import Macs, Signs

ROOT_LABEL: Final = "code/root-1"
ISSUER_LABEL: Final = "code/issuer-1"
USERS_LABEL: Final = "code/users"
SERIAL_DIGITS: Final = 19
PSEUDONYM_SIZE: Final = 16
_TAIL_SIZE: Final = 4 + 1 + 64  # generation time, tag, user signature


@dataclass(frozen=True, slots=True)
class AuthorisationRequest:
    """Whose code, under which key, until when.

    `ecard_serial` 19 digits; `pseudonym` 16 printable ASCII characters that name nobody; `expires_ms` ms UTC.
    """

    ecard_serial: str
    pseudonym: str
    user_key: Sm2PublicKey
    area: IssuerArea
    expires_ms: int

    def __repr__(self) -> str:
        return f"AuthorisationRequest(…{self.ecard_serial[-4:]}, expires_ms={self.expires_ms})"


@dataclass(frozen=True, slots=True)
class Authorisation:
    """Bytes [3, 263+L) of every code this phone will show until `expires_ms`: certificate to issuer signature."""

    body: bytes
    expires_ms: int

    def __repr__(self) -> str:
        return f"Authorisation({len(self.body)} bytes, expires_ms={self.expires_ms})"


class SignsBytes(Protocol):
    def sign(self, message: bytes) -> bytes:
        """64 bytes r || s."""
        ...


class CodeIssuer:
    """The issuer of user authorisations, with its certificate and its key in a store."""

    def __init__(
        self,
        store: Signs,
        certificate: IssuerCertificate,
        *,
        label: str = ISSUER_LABEL,
        terms: IssueTerms | None = None,
        layout: CodeLayout | None = None,
    ) -> None:
        self.certificate = certificate
        self._store = store
        self._label = label
        self._terms = terms or default_terms()
        self._layout = layout or default_layout()

    def authorise(self, request: AuthorisationRequest) -> Authorisation:
        """Sign bytes [3, 198+L). KeyLengthError when a number has not the length its field takes."""
        signed = self.certificate.raw + self._account_fields(request)
        tag = bytes([self._layout.signature_tag])
        return Authorisation(signed + tag + self._store.sign(self._label, signed), request.expires_ms)

    def expiry_ms(self, now_ms: int, last_day: date | None = None) -> int:
        """When an authorisation of `now_ms` ends: after the terms' lifetime, or with `last_day` in Hainan if sooner.

        `last_day` is the day before an entitlement changes, so that no phone carries yesterday's age.
        """
        end = now_ms + self._terms.lifetime_s * 1000
        if last_day is None:
            return end
        return min(end, to_ms(start_of_business_day(last_day)) + 86_399_000)

    def _account_fields(self, request: AuthorisationRequest) -> bytes:
        terms, layout, area = self._terms, self._layout, request.area.to_bytes()
        pseudonym = request.pseudonym.encode("ascii")
        if len(request.ecard_serial) != SERIAL_DIGITS or not request.ecard_serial.isdigit():
            raise KeyLengthError("e-card serial is 19 digits")
        if len(pseudonym) != PSEUDONYM_SIZE or not pseudonym.decode().isprintable():
            raise KeyLengthError("pseudonym is 16 printable characters")
        return b"".join(
            (
                pseudonym,
                bytes.fromhex(request.ecard_serial + layout.account_pad),
                bytes.fromhex(terms.card_issuer),
                bytes.fromhex(terms.platform),
                bytes([terms.account_type]),
                terms.single_limit_fen.to_bytes(3),
                request.user_key.compressed(),
                _seconds(request.expires_ms, layout),
                terms.validity_s.to_bytes(2),
                bytes([len(area)]),
                area,
            )
        )


class Wallet:
    """A phone: its own key and the authorisation it was given."""

    def __init__(self, key: SignsBytes, authorisation: Authorisation, layout: CodeLayout | None = None) -> None:
        self._key = key
        self._authorisation = authorisation
        self._layout = layout or default_layout()

    def show(self, now_ms: int) -> bytes:
        """The code of this moment, 332+L bytes."""
        body = self._authorisation.body
        length = len(body) + _TAIL_SIZE
        signed = bytes([self._layout.version]) + length.to_bytes(2) + body + _seconds(now_ms, self._layout)
        return signed + bytes([self._layout.signature_tag]) + self._key.sign(signed)


def certify_issuer(
    store: Signs,
    issuer_key: Sm2PublicKey,
    *,
    root_label: str = ROOT_LABEL,
    terms: IssueTerms | None = None,
    layout: CodeLayout | None = None,
) -> IssuerCertificate:
    """Level one: the root's certificate over an issuer key, 117 bytes."""
    terms, layout = terms or default_terms(), layout or default_layout()
    outside = bytes([layout.head]) + bytes.fromhex(layout.service_id) + bytes([terms.root_index])
    signed = b"".join(
        (
            bytes([layout.format]),
            bytes.fromhex(terms.issuer_id),
            bytes.fromhex(terms.certificate_expiry),
            bytes.fromhex(terms.certificate_serial),
            bytes([layout.signature_algorithm, layout.encryption_algorithm, layout.curve, layout.key_length]),
            issuer_key.compressed(),
        )
    )
    return IssuerCertificate(outside + signed + store.sign(root_label, signed))


def code_issuer(store: Signs, terms: IssueTerms | None = None) -> CodeIssuer:
    """The store's own issuer with a certificate made now."""
    certificate = certify_issuer(store, store.public_key(ISSUER_LABEL), terms=terms)
    return CodeIssuer(store, certificate, terms=terms)


def root_entry(store: Signs, expiry: str = "1235", terms: IssueTerms | None = None) -> RootKey:
    """The store's root as a trust list carries it; `expiry` is MMYY."""
    terms = terms or default_terms()
    return RootKey(terms.root_index, default_layout().service_id, expiry, store.public_key(ROOT_LABEL))


def stand_in_user_key(store: Macs, ecard_serial: str, generation: int = 1) -> Sm2PrivateKey:
    """Stand-in for a phone's secure element: the same key for the same e-card and generation, from the key store."""
    name = f"{ecard_serial}:{generation}".encode()
    wide = b"".join(store.hmac_sm3(USERS_LABEL, bytes([half]) + name) for half in (1, 2))
    return Sm2PrivateKey.from_scalar((int.from_bytes(wide) % (ORDER - 2) + 1).to_bytes(32))


def _seconds(ms: int, layout: CodeLayout) -> bytes:
    return (ms // 1000 - layout.epoch_s).to_bytes(4)
