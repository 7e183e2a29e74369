"""An online token to a verified credential: the server says what it stands for, once (contract §6)."""

from card.domain.clock import business_date, from_ms
from card.domain.credential import Assurance, CredentialKind, VerifiedCredential
from card.domain.decision import DenyReason
from keys.algorithms.sm3 import sm3
from keys.code.errors import CodeError
from keys.code.online import PREFIX, OnlineToken
from terminal.errors import LinkDownError, ServerRefusedError, VerificationError
from terminal.uplink import API, Uplink, accepted
from terminal.verifiers.code import CodeVerifier

OTHER_BUSINESS = "03"
NO_LIMIT = (1 << 24) - 1


class OnlineVerifier:
    """Redeems tokens. Without a line it refuses and names the offline code as the way on."""

    def __init__(self, uplink: Uplink, terminal: str) -> None:
        self._uplink = uplink
        self._terminal = terminal

    def verify(self, raw: bytes) -> VerifiedCredential:
        """VerificationError: not a token, used or too old, or no line."""
        text = raw.decode("ascii")
        try:
            OnlineToken.parse(text)
        except CodeError as bad:
            raise VerificationError(DenyReason.NOT_GENUINE, bad.code) from bad
        body = {"token": text, "terminal": self._terminal, "business_type": OTHER_BUSINESS}
        try:
            answer = accepted(self._uplink.exchange("POST", f"{API}/codes:redeem", body), "redeeming a token")
        except LinkDownError as down:
            raise VerificationError(DenyReason.NOT_ACCEPTED_HERE, "E-TOKEN-OFFLINE") from down
        except ServerRefusedError as no:
            raise VerificationError(DenyReason.EXPIRED, "E-TOKEN-NOT-REDEEMED", no.problem) from no
        expires_ms = int(answer["expires"])
        key = sm3(raw).hex()
        claims = {
            "pseudonym": str(answer["pseudonym"]),
            "rights": str(int(answer["entitlements"])),
            "rights_valid_to": business_date(from_ms(expires_ms)).strftime("%Y%m%d"),
            "catalogue_version": "0",
            "limit": str(NO_LIMIT),
            "generation": "0",
            "replay_key": key,
            "code_hash": key,
        }
        return VerifiedCredential(CredentialKind.CODE, b"", Assurance.CODE, claims=claims)


class GateVerifier:
    """Both kinds a phone may show: the offline code is bytes from 80h on, the online token is text."""

    def __init__(self, offline: CodeVerifier, online: OnlineVerifier | None) -> None:
        self._offline = offline
        self._online = online

    def verify(self, raw: bytes) -> VerifiedCredential:
        """VerificationError."""
        if self._online is not None and raw.isascii() and raw.startswith(PREFIX.encode()):
            return self._online.verify(raw)
        return self._offline.verify(raw)
