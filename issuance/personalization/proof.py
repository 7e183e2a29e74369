"""Which key does this chip hold? Asked before anything secret is said to it (contract, PROVE KEY VERSION).

The chip answers with a MAC of its own over our random number and over what it claims. That costs no try of any
counter, can be neither replayed nor bent, and tells a wrong key while there is still nothing to lose.
"""

import hmac
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Protocol

from card import commands
from card.domain.clock import monotonic_ms
from card.domain.entropy import Entropy
from card.errors import CardDataError, CardError, CardLostError, DaemonMissingError, ReaderLostError
from card.files.profile import CosSpec
from card.status import ask
from card.wire import CardChannel
from issuance.errors import KeyDowngradeError, KeyReplayError, KeyWrongError, ProofGarbledError, ProofLateError

RANDOM_LENGTH: Final = 8
PROOF_LENGTH: Final = 10
HEAD_LENGTH: Final = 6
TRANSPORT_VERSION: Final = 0
LIMIT_MS: Final = 10_000
REMEMBERED: Final = 4_096
NO_VECTOR: Final = bytes(8)


class ProvesKey(Protocol):
    """A key of ours that can repeat the chip's MAC."""

    def mac(self, initial: bytes, message: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Claim:
    """What the chip says of the selected directory: life cycle, delivery (4 bytes), version of the master key."""

    lifecycle: int
    batch: bytes
    version: int
    random: bytes = field(repr=False)
    mac: bytes = field(repr=False)

    @property
    def message(self) -> bytes:
        """What the MAC covers: our random ‖ the three facts."""
        return self.random + bytes((self.lifecycle,)) + self.batch + bytes((self.version,))

    def proves(self, key: ProvesKey) -> bool:
        """True when the chip holds `key`."""
        return hmac.compare_digest(key.mac(NO_VECTOR, self.message)[: len(self.mac)], self.mac)


class ProofWatch:
    """One line's questions and what it has heard: an answer that was given before is told by name."""

    def __init__(self, entropy: Entropy, limit_ms: int = LIMIT_MS) -> None:
        self._entropy = entropy
        self._limit_ms = limit_ms
        self._heard: deque[bytes] = deque(maxlen=REMEMBERED)

    def ask(self, channel: CardChannel, cos: CosSpec) -> Claim:
        """The claim of the selected directory, not yet believed.

        ProofGarbledError when the answer has no such form, ProofLateError when it took longer than the limit;
        CardLostError and ReaderLostError pass: a chip that slipped away has not lied.
        """
        random = self._entropy.token(RANDOM_LENGTH)
        started = monotonic_ms()
        try:
            answer = ask(channel, commands.prove_key_version(cos, random), "prove key version", PROOF_LENGTH)
        except (CardLostError, ReaderLostError, DaemonMissingError):
            raise
        except CardDataError as odd:
            raise ProofGarbledError(str(odd)) from None
        except CardError as refused:
            raise ProofGarbledError(refused.code) from None
        took = monotonic_ms() - started
        claim = Claim(answer[0], answer[1:5], answer[5], random, answer[HEAD_LENGTH:])
        if took > self._limit_ms:
            raise ProofLateError(f"{took} ms, {self._limit_ms} allowed", claim.batch)
        return claim

    def believe(self, claim: Claim, key: ProvesKey, own: ProvesKey | None = None) -> None:
        """Nothing when `key` is in the chip.

        KeyReplayError for an answer heard before; KeyDowngradeError when the chip holds the card's `own` master key
        and claims the transport key; KeyWrongError for any other.
        """
        if claim.proves(key):
            self._heard.append(claim.mac)
            return
        if claim.mac in self._heard:
            raise KeyReplayError("an answer that was given before", claim.batch)
        if claim.version == TRANSPORT_VERSION and own is not None and claim.proves(own):
            raise KeyDowngradeError("the card's own key under the transport key's version", claim.batch)
        raise KeyWrongError(f"another key than version {claim.version} of this delivery", claim.batch)
