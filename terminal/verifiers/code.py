"""From code bytes to a verified credential: the twelve checks of `keys.code.verify` under the trust list held."""

from card.domain.clock import Clock, to_ms
from card.domain.credential import Assurance, CredentialKind, PresentedCredential, VerifiedCredential
from card.domain.decision import DenyReason
from card.domain.lifecycle import Medium
from card.rules.entitlements import from_days
from keys.algorithms.sm3 import sm3
from keys.code.errors import CodeError, CodeFault
from keys.code.scheme import CodePolicy
from keys.code.token import OfflineCode
from keys.code.trust_list import TrustList
from keys.code.verify import VerifiedCode, verify_code
from keys.errors import FactsFormatError
from terminal.errors import VerificationError
from terminal.facts import FactsCabinet

ACCOUNT_PAD = "f"
_REASONS = {
    CodeFault.EXPIRED: DenyReason.EXPIRED,
    CodeFault.AUTHORISATION_EXPIRED: DenyReason.EXPIRED,
    CodeFault.FROM_FUTURE: DenyReason.NOT_STARTED,
    CodeFault.ACCOUNT_TYPE: DenyReason.NOT_ACCEPTED_HERE,
}


def present_code(raw: bytes) -> PresentedCredential:
    """What the code says of itself, nothing believed: its account when it has the right length, else nothing."""
    try:
        return PresentedCredential(CredentialKind.CODE, bytes.fromhex(OfflineCode.parse(raw).card_account))
    except CodeError:
        return PresentedCredential(CredentialKind.CODE, b"")


def replay_key(account: str, generated_s: int) -> bytes:
    """SM3 of account digits ‖ generation time 4 bytes: one presentation, at every site the same (contract §6)."""
    return sm3(account.encode() + generated_s.to_bytes(4, "big"))


class CodeVerifier:
    """Keeps the trust list open between scans, so that an issuer's certificate is checked once a version."""

    def __init__(self, facts: FactsCabinet, clock: Clock, policy: CodePolicy | None = None) -> None:
        self._facts = facts
        self._clock = clock
        self._policy = policy
        self._trust: TrustList | None = None

    def verify(self, raw: bytes) -> VerifiedCredential:
        """VerificationError with the text code of the check that failed."""
        trust = self._trust_list()
        try:
            code = verify_code(raw, trust, to_ms(self._clock.now()), self._policy)
        except CodeError as bad:
            raise VerificationError(_REASONS.get(bad.fault, DenyReason.NOT_GENUINE), bad.code) from bad
        ecard = bytes.fromhex(code.account + ACCOUNT_PAD)
        return VerifiedCredential(
            CredentialKind.CODE,
            ecard,
            Assurance.CODE,
            media=((Medium.ECARD.value, ecard),),
            claims=_claims(code),
        )

    def _trust_list(self) -> TrustList:
        version = self._facts.versions().get("trust", 0)
        if version == 0:
            raise VerificationError(DenyReason.FACTS_MISSING)
        if self._trust is None or self._trust.version != version:
            try:
                self._trust = TrustList.from_entries(self._facts.trust_entries(), version)
            except FactsFormatError as bad:
                raise VerificationError(DenyReason.FACTS_MISSING, bad.code) from bad
        return self._trust


def _claims(code: VerifiedCode) -> dict[str, str]:
    account, generated = code.replay_pair
    area = code.area
    return {
        "pseudonym": code.pseudonym,
        "rights": str(area.entitlements if area else 0),
        "rights_valid_to": (from_days(area.valid_to_days if area else 0)).strftime("%Y%m%d"),
        "catalogue_version": str(area.catalogue_version if area else 0),
        "limit": str(code.single_limit_fen),
        "generation": str(generated),
        "replay_key": replay_key(account, generated).hex(),
        "code_hash": code.replay_key.hex(),
    }
