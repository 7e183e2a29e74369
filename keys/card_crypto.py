"""Who computes what a card asks for: implementations of the card floor's port `CardCrypto`, and proofs made of them.

Three holders of keys: the keys of one card in hand (personalisation, tests), the key centre by the card's factors, and
a PSAM, which can authenticate and protects no line. The family is the profile's, never a choice in code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from card.domain.entropy import Entropy
from card.files.kinds import KeySpec
from card.files.profile import Crypto
from card.secure_messaging import Authorise, CardCrypto, LineKey
from keys.algorithms.padding import pad80
from keys.centre import PURSE, SSC, KeyCentre
from keys.centre import family as label_prefix
from keys.errors import KeyLengthError, UnknownKeyError
from keys.families import CardFamily, FamilyLine, family_of
from keys.hierarchy import FACTOR_SIZE, fold
from keys.hsm import KeyRef, SecretKey
from keys.psam import PsamSession
from keys.unverified import admit as admit

ORIGINAL_SIZE: Final = 8


def family(crypto: Crypto) -> CardFamily:
    """The formulas of a profile's keys. CardAlgorithmError."""
    return family_of(crypto.algorithm)


@dataclass(frozen=True, slots=True)
class KeyedCardCrypto:
    """The keys of one card by the profile's names, in memory: personalisation and tests."""

    keys: Mapping[str, SecretKey] = field(repr=False)
    crypto: Crypto

    def authenticate(self, key: KeySpec, process: bytes, original: bytes, version: int | None = None) -> bytes:
        """8 bytes. UnknownKeyError."""
        return family(self.crypto).cryptogram(self._key(key), process, original)

    def line(self, key: KeySpec, version: int | None = None) -> LineKey:
        """UnknownKeyError."""
        return FamilyLine(family(self.crypto), self._key(key))

    def master_proof(self, key: KeySpec, challenge: bytes, version: int | None = None) -> bytes:
        """8 bytes. UnknownKeyError."""
        return family(self.crypto).transport_cryptogram(self._key(key), challenge)

    def _key(self, key: KeySpec) -> bytes:
        try:
            return self.keys[key.name].reveal()
        except KeyError:
            raise UnknownKeyError(key.name) from None


@dataclass(frozen=True, slots=True)
class CentreCardCrypto:
    """The key centre by the card's factors; no key leaves it."""

    centre: KeyCentre = field(repr=False)
    crypto: Crypto
    f_city: bytes
    f_card: bytes
    kind: str = SSC

    @classmethod
    def of_purse(cls, centre: KeyCentre, crypto: Crypto, issuer: bytes, asn: bytes) -> CentreCardCrypto:
        """The keys of one purse: its issuer stands where a city stands, its number where a card does."""
        return cls(centre, crypto, issuer, asn, PURSE)

    def authenticate(self, key: KeySpec, process: bytes, original: bytes, version: int | None = None) -> bytes:
        """8 bytes. UnknownKeyError."""
        return self.centre.hsm.authenticate(self._ref(key, version or key.all_versions[0]), process, original)

    def line(self, key: KeySpec, version: int | None = None) -> LineKey:
        """UnknownKeyError."""
        return self.centre.hsm.line(self._ref(key, version or key.all_versions[-1]))

    def master_proof(self, key: KeySpec, challenge: bytes, version: int | None = None) -> bytes:
        """8 bytes. UnknownKeyError."""
        chosen = family(self.crypto)
        if len(challenge) != FACTOR_SIZE:
            raise KeyLengthError("a master key answers 8 bytes")
        block = self.line(key, version).encrypt(pad80(challenge, chosen.block, always=chosen.block > FACTOR_SIZE))
        return block if len(block) == FACTOR_SIZE else fold(block)

    def _ref(self, key: KeySpec, version: int) -> KeyRef:
        label = label_prefix(self.kind, self.crypto.algorithm) + key.name
        return KeyRef(label, (self.f_city, self.f_card), version)


@dataclass(frozen=True, slots=True)
class PsamCardCrypto:
    """A PSAM in the reader's second slot. It authenticates with the keys it was given and protects no line."""

    psam: PsamSession = field(repr=False)
    f_city: bytes
    f_card: bytes

    def authenticate(self, key: KeySpec, process: bytes, original: bytes, version: int | None = None) -> bytes:
        """8 bytes. UnknownKeyError when the module has no such key; PsamRefusedError."""
        if key.psam_kid is None:
            raise UnknownKeyError(f"{key.name} is not in a PSAM")
        return self.psam.authenticate_external(key.psam_kid, self.f_card, self.f_city, process, original)

    def line(self, key: KeySpec, version: int | None = None) -> LineKey:
        """Line keys never leave the centre: UnknownKeyError."""
        raise UnknownKeyError(f"{key.name} is not in a PSAM")

    def master_proof(self, key: KeySpec, challenge: bytes, version: int | None = None) -> bytes:
        """Master keys never leave the centre: UnknownKeyError."""
        raise UnknownKeyError(f"{key.name} is not in a PSAM")


def authorise_with(crypto: CardCrypto, entropy: Entropy, version: int | None = None) -> Authorise:
    """The proof a session asks for before a protected file: the chip's challenge in, cryptogram ‖ original out."""

    def authorise(key: KeySpec, challenge: bytes) -> bytes:
        original = entropy.token(ORIGINAL_SIZE)
        return crypto.authenticate(key, challenge, original, version) + original

    return authorise
