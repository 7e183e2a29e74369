"""From a chip's answers to a verified credential (contract §5).

Three things, in one power-on session: INTERNAL AUTHENTICATION over a fresh factor and original gives what our PSAM
computes; bytes 9-12 of EF05.01 equal the last 4 historical bytes of the ATR; the data are personalised. That proves the
chip, not the holder: `assurance` is chip, and the server compares name and number with the registry.
"""

import hmac
from dataclasses import dataclass, field

from card.domain.credential import Assurance, CredentialKind, VerifiedCredential
from card.domain.decision import DenyReason
from card.domain.lifecycle import Medium
from card.snapshot import CardSnapshot
from terminal.errors import VerificationError
from terminal.post import parse_day


@dataclass(frozen=True, slots=True)
class ChipProof:
    """One reading and its proof. `cryptogram` is the chip's answer (b"" when it has none), `expected` the PSAM's."""

    snapshot: CardSnapshot
    cryptogram: bytes = field(repr=False)
    expected: bytes = field(repr=False)
    pin_verified: bool = False


class CardVerifier:
    """No state: everything is in the proof."""

    def verify(self, proof: ChipProof) -> VerifiedCredential:
        """VerificationError(NOT_GENUINE) naming what failed for the engineer; the person reads one sentence."""
        snapshot = proof.snapshot
        if not snapshot.personalised:
            raise VerificationError(DenyReason.NOT_GENUINE, detail="not personalised")
        if not snapshot.bound_to_atr:
            raise VerificationError(DenyReason.NOT_GENUINE, detail="data of another chip")
        if not proof.cryptogram or not hmac.compare_digest(proof.cryptogram, proof.expected):
            raise VerificationError(DenyReason.NOT_GENUINE, detail="internal authentication failed")
        if parse_day(snapshot.text("valid_to")) is None:
            raise VerificationError(DenyReason.NOT_GENUINE, detail="no expiry date")
        card_id = snapshot.card_id.raw
        names = ("card_no", "sex", "nation", "birth_date", "valid_to")
        claims = {name: snapshot.text(name) for name in names}
        claims |= {"name": snapshot.name, "id_no": snapshot.text("citizen_no")}
        return VerifiedCredential(
            CredentialKind.CARD,
            card_id,
            Assurance.CHIP_PIN if proof.pin_verified else Assurance.CHIP,
            media=((Medium.CARD.value, card_id),),
            claims=claims,
            unproven=() if proof.pin_verified else ("holder",),
        )
