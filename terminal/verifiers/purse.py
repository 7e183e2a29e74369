"""From what a purse says to a verified credential.

Before the debit a purse proves nothing: its MAC2 and TAC do, at 8054. So the assurance is `purse`, the birth date read
from the social security application is named unproven, and the server computes the fare again from the registry.
"""

from card.domain.credential import Assurance, CredentialKind, PresentedCredential, VerifiedCredential
from card.domain.decision import DenyReason
from card.domain.lifecycle import Medium
from terminal.errors import VerificationError
from terminal.post import parse_day

CARD_ID_BYTES = 16
ASN_BYTES = 8


def present_purse(asn: bytes, card_id: bytes, birth_date: str, valid_from: str, valid_to: str) -> PresentedCredential:
    """What was read: ASN 8 bytes, card id 16 bytes, dates YYYYMMDD ("" unknown)."""
    claims = {
        "card_id": card_id.hex(),
        "birth_date": birth_date,
        "valid_from": valid_from,
        "valid_to": valid_to,
    }
    return PresentedCredential(CredentialKind.PURSE, asn, claims)


class PurseVerifier:
    """Form checks only; the chip's keys speak at the debit."""

    def verify(self, presented: PresentedCredential) -> VerifiedCredential:
        """VerificationError(NOT_GENUINE) for data no issuer of ours writes."""
        claims = presented.claims
        card_id = bytes.fromhex(claims["card_id"])
        dates_good = parse_day(claims["valid_from"]) is not None and parse_day(claims["valid_to"]) is not None
        if len(presented.medium_id) != ASN_BYTES or len(card_id) != CARD_ID_BYTES or not dates_good:
            raise VerificationError(DenyReason.NOT_GENUINE, detail="purse data not personalised")
        return VerifiedCredential(
            CredentialKind.PURSE,
            presented.medium_id,
            Assurance.PURSE,
            media=((Medium.PURSE.value, presented.medium_id), (Medium.CARD.value, card_id)),
            claims=dict(claims),
            unproven=("birth_date",),
        )
