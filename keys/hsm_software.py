"""Stand-in key store: every key in this process's memory, made from one seed. For tests and the demonstration only.

It says so on stderr once per process and refuses `profile = production`. The same seed gives the same tree, so that a
run can be repeated; nothing here protects a key from whoever can read the process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import ClassVar, Final

from card.secure_messaging import LineKey
from keys import tac, tree
from keys.algorithms import tdes
from keys.algorithms.padding import pad80
from keys.algorithms.sm2 import Sm2PrivateKey, Sm2PublicKey
from keys.algorithms.sm2_backend import ORDER
from keys.algorithms.sm3 import hmac_sm3
from keys.errors import KeyLengthError, ProductionRefusedError, UnknownKeyError
from keys.families import FamilyLine, family_of
from keys.hierarchy import authentication_cryptogram, diversify
from keys.hsm import KeyFacts, KeyRef, SecretKey
from keys.kcv import kcv_public
from keys.well_known import refuse_well_known

PRODUCTION: Final = "production"
MIN_SEED: Final = 16
_SYMMETRIC_SIZE: Final = {"3des": 16, "sm4": 16, "hmac-sm3": 32}
_NOTICE: Final = (
    "onecard: STAND-IN software key store in use: TEST keys from a seed, no protection at all (profile {profile}).\n"
    "onecard: 正在使用软件密钥库替身：密钥由种子生成，仅供测试，不得用于正式发卡。\n"
)


class SoftwareHsm:
    """All capabilities of `keys.hsm`, in memory."""

    _announced: ClassVar[bool] = False

    def __init__(self, profile: str) -> None:
        if profile == PRODUCTION:
            raise ProductionRefusedError("the software key store is a stand-in")
        self._secrets: dict[tuple[str, int], SecretKey] = {}
        self._signers: dict[str, Sm2PrivateKey] = {}
        self._announce(profile)

    @classmethod
    def from_seed(cls, seed: bytes, profile: str) -> SoftwareHsm:
        """The test tree of `seed` (at least 16 bytes). ProductionRefusedError, KeyLengthError."""
        store = cls(profile)
        if len(seed) < MIN_SEED:
            raise KeyLengthError(f"seed of {len(seed)} bytes, at least {MIN_SEED}")
        for entry in tree.entries().values():
            store.import_key(entry.label, _seeded(seed, entry))
        return store

    def import_key(self, label: str, key: bytes, *, version: int = 1) -> None:
        """Put a symmetric master or an SM2 scalar in.

        WellKnownKeyError for a key everybody knows, UnknownKeyError for a label the tree does not declare.
        """
        entry = tree.entries().get(label)
        if entry is None:
            raise UnknownKeyError(label)
        refuse_well_known(key, label)
        if entry.algorithm == tree.SM2:
            self._signers[label] = Sm2PrivateKey.from_scalar(key)
        else:
            self._secrets[label, version] = SecretKey(key, label=label, algorithm=entry.algorithm)

    # ---- Signs ------------------------------------------------------------------------------------------------

    def sign(self, label: str, message: bytes) -> bytes:
        return self._signer(label).sign(message)

    def public_key(self, label: str) -> Sm2PublicKey:
        return self._signer(label).public

    # ---- Macs -------------------------------------------------------------------------------------------------

    def purse_mac(self, ref: KeyRef, session_input: bytes, data: bytes) -> bytes:
        algorithm = self._master(ref).algorithm
        return tac.purse_mac(tac.session_key(self._key(ref), session_input, algorithm), data, algorithm=algorithm)

    def tac(self, ref: KeyRef, data: bytes) -> bytes:
        return tac.tac(self._key(ref), data, algorithm=self._master(ref).algorithm)

    def line(self, ref: KeyRef) -> LineKey:
        return FamilyLine(family_of(self._master(ref).algorithm), self._key(ref))

    def authenticate(self, ref: KeyRef, process: bytes, original: bytes) -> bytes:
        return authentication_cryptogram(self._key(ref), process, original, self._master(ref).algorithm)

    def hmac_sm3(self, label: str, data: bytes) -> bytes:
        return hmac_sm3(self._master(KeyRef(label)).reveal(), data)

    # ---- Derives, Wraps, ListsKeys ----------------------------------------------------------------------------

    def derive(self, ref: KeyRef) -> SecretKey:
        master = self._master(ref)
        return SecretKey(self._key(ref), label=str(ref), algorithm=master.algorithm)

    def wrap(self, ref: KeyRef, under: KeyRef, header: bytes) -> bytes:
        content = header + self._key(ref)
        return tdes.encrypt_ecb(self._key(under), pad80(bytes([len(content)]) + content, always=False))

    def key_facts(self) -> Iterable[KeyFacts]:
        for label in tree.entries():
            for version in sorted(held for name, held in self._secrets if name == label):
                yield self._facts(label, version, self._secrets[label, version].kcv)
            if label in self._signers:
                yield self._facts(label, 1, kcv_public(self._signers[label].public.raw()))

    def __repr__(self) -> str:
        return f"SoftwareHsm({len(self._secrets)} keys, {len(self._signers)} signers)"

    # ---- inside -----------------------------------------------------------------------------------------------

    @staticmethod
    def _facts(label: str, version: int, check: bytes) -> KeyFacts:
        entry = tree.entries()[label]
        levels = len(tree.families()[entry.family].levels)
        return KeyFacts(label, version, entry.usage, entry.algorithm, entry.family, levels, check, entry.parent)

    def _master(self, ref: KeyRef) -> SecretKey:
        try:
            return self._secrets[ref.label, ref.version]
        except KeyError:
            raise UnknownKeyError(f"{ref.label} version {ref.version}") from None

    def _key(self, ref: KeyRef) -> bytes:
        master = self._master(ref)
        return diversify(master.algorithm, master.reveal(), ref.factors) if ref.factors else master.reveal()

    def _signer(self, label: str) -> Sm2PrivateKey:
        try:
            return self._signers[label]
        except KeyError:
            raise UnknownKeyError(label) from None

    @classmethod
    def _announce(cls, profile: str) -> None:
        if not SoftwareHsm._announced:
            SoftwareHsm._announced = True
            sys.stderr.write(_NOTICE.format(profile=profile))


def _seeded(seed: bytes, entry: tree.KeyEntry) -> bytes:
    if entry.algorithm == tree.SM2:
        return seeded_scalar(seed, entry.label)
    return hmac_sm3(seed, b"onecard test key 1:" + entry.label.encode())[: _SYMMETRIC_SIZE[entry.algorithm]]


def seeded_scalar(seed: bytes, label: str) -> bytes:
    """A private scalar in 1 .. n-2 from a seed: 64 derived bytes, so that the reduction's bias is negligible."""
    wide = b"".join(hmac_sm3(seed, b"onecard test scalar %d:" % half + label.encode()) for half in (1, 2))
    return (int.from_bytes(wide) % (ORDER - 2) + 1).to_bytes(32)
