"""A whole card in front of a terminal with a PSAM: read it and let the chip prove itself, in one power-on session."""

from dataclasses import dataclass

from card.domain.credential import CredentialKind, PresentedCredential
from card.domain.entropy import Entropy
from card.domain.identity import IdentityFormatError, RegionCode
from card.errors import CardDataError, CardError, CardLostError, ReaderLostError, UnexpectedSwError
from card.files.profile import Profile
from card.session import SscSession
from card.snapshot import CardSnapshot
from card.wire import CardChannel
from keys.errors import KeysError
from keys.psam import PsamSession
from terminal.errors import PsamLostError
from terminal.verifiers.card import ChipProof

FACTOR_BYTES = 8


@dataclass(frozen=True, slots=True)
class ChipPresented:
    """What a reading brought; `at_ms` is when it began."""

    credential: PresentedCredential
    session: SscSession
    proof: ChipProof
    at_ms: int


class ChipPsam:
    """The PSAM as the judge of chips."""

    def __init__(self, session: PsamSession, irk_kid: int) -> None:
        """`irk_kid`: key id of the internal authentication key in the module (profile data, not public)."""
        self._session = session
        self._irk_kid = irk_kid

    def expected(self, f_card: bytes, f_city: bytes, factor: bytes, original: bytes) -> bytes:
        """What a genuine chip answers. PsamLostError when the module does not say."""
        try:
            return self._session.authenticate_internal(self._irk_kid, f_card, f_city, factor, original)
        except (CardError, KeysError) as lost:
            raise PsamLostError(type(lost).__name__) from lost


def read_chip(channel: CardChannel, ssc: Profile, psam: ChipPsam, entropy: Entropy, at_ms: int) -> ChipPresented:
    """Read EF05 and EF06 and challenge the chip. Raises CardLostError, ForeignCardError, PsamLostError.

    A chip that refuses to prove itself (one that answers EXTERNAL AUTHENTICATION only) yields an empty cryptogram.
    """
    session = SscSession(channel, ssc)
    session.select(quiet=True)
    snapshot = CardSnapshot(channel.atr, session.atr, session.read_basic())
    raw_id = snapshot.values.get("card_id", b"")
    presented = PresentedCredential(CredentialKind.CARD, raw_id if isinstance(raw_id, bytes) else b"")
    return ChipPresented(presented, session, _challenge(session, snapshot, psam, entropy), at_ms)


def _challenge(session: SscSession, snapshot: CardSnapshot, psam: ChipPsam, entropy: Entropy) -> ChipProof:
    factor, original = entropy.token(FACTOR_BYTES), entropy.token(FACTOR_BYTES)
    try:
        f_city = RegionCode(session.atr.region).city_factor
        answer = session.internal_authenticate(factor, original)
    except (CardLostError, ReaderLostError):
        raise
    except (UnexpectedSwError, CardDataError, IdentityFormatError):
        return ChipProof(snapshot, b"", b"")
    return ChipProof(snapshot, answer, psam.expected(session.atr.card_factor, f_city, factor, original))
