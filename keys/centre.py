"""The key centre: what issuance, server and twins ask of the key stores, in the words of cards and purses."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from card.files.profile import Profile, load_profile
from keys import tac, tree
from keys.algorithms.sm2 import Sm2PublicKey
from keys.errors import LoadMac1Error, PurseAlgorithmError, TacError, UnknownKeyError
from keys.hierarchy import batch_factor, purse_factors, ssc_factors
from keys.hsm import KeyRef, KeyStore, SecretKey, Signs
from keys.tac import TYPE_COMPOUND, TYPE_LOAD, Moment
from keys.unverified import admit

SSC: Final = "ssc"
PURSE: Final = "purse"
TRANSPORT: Final = "transport"
TDES: Final = "3des"
HOTLIST: Final = "lists/hotlist"
FACTS: Final = "facts/signer"


def family(kind: str, algorithm: str = TDES) -> str:
    """The label prefix of a key family: `ssc/`, `ssc-sm4/`."""
    return f"{kind}/" if algorithm == TDES else f"{kind}-{algorithm}/"


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """The card's answer to INITIALIZE FOR LOAD with what the terminal sent. Amounts in fen; `mac1` 4 bytes."""

    issuer: bytes
    asn: bytes
    card_random: bytes
    online_seq: int
    balance: int
    amount: int
    terminal: bytes
    mac1: bytes
    key_version: int = 1
    algorithm: int = 0
    kind: int = TYPE_LOAD

    @property
    def session_input(self) -> bytes:
        return tac.load_session_input(self.card_random, self.online_seq)


@dataclass(frozen=True, slots=True)
class LoadTacInput:
    """A finished load as the card attests it. `online_seq` is the value before the load counted it up."""

    issuer: bytes
    asn: bytes
    balance_after: int
    online_seq: int
    amount: int
    terminal: bytes
    moment: Moment
    tac: bytes
    key_version: int = 1
    algorithm: int = 0
    kind: int = TYPE_LOAD


@dataclass(frozen=True, slots=True)
class PurchaseTacInput:
    """A purchase as the card attests it (type 06, or 09 for a compound purchase)."""

    issuer: bytes
    asn: bytes
    amount: int
    terminal: bytes
    terminal_seq: int
    moment: Moment
    tac: bytes
    key_version: int = 1
    algorithm: int = 0
    kind: int = TYPE_COMPOUND


def card_ref(name: str, f_city: bytes, f_card: bytes, algorithm: str = TDES, version: int = 1) -> KeyRef:
    """The social security key `name` of one card in the words of the key store."""
    return KeyRef(family(SSC, algorithm) + name, ssc_factors(f_city, f_card), version)


def purse_ref(algorithms: Mapping[int, str], name: str, purse: LoadRequest | LoadTacInput | PurchaseTacInput) -> KeyRef:
    """The key `name` of one purse; `algorithms` maps the id the card answered to a family. PurseAlgorithmError."""
    algorithm = algorithms.get(purse.algorithm)
    if algorithm is None:
        raise PurseAlgorithmError(f"algorithm id {purse.algorithm:02X}")
    return KeyRef(family(PURSE, algorithm) + name, purse_factors(purse.issuer, purse.asn), purse.key_version)


@dataclass(frozen=True, slots=True)
class FactsSigner:
    """Signs facts bundles with the store's facts key."""

    store: Signs
    label: str = FACTS

    def sign(self, message: bytes) -> bytes:
        """64 bytes r || s."""
        return self.store.sign(self.label, message)

    @property
    def public(self) -> Sm2PublicKey:
        return self.store.public_key(self.label)


class KeyCentre:
    """One front over a key store. Factors: `f_city` and `f_card` 8 bytes each (card §3.2)."""

    def __init__(
        self, hsm: KeyStore, purse: Profile | None = None, also: tuple[Profile, ...] = (), deployment: str = "demo"
    ) -> None:
        """`purse` is the house's purse profile; `also` further ones it serves, an unverified one only by choice.

        UnverifiedProfileError when one of them is unverified and `deployment` is production.
        """
        self.hsm = hsm
        served = (purse or load_profile("tunion"), *also)
        for profile in served:
            admit(profile, deployment)
        self.algorithms = {profile.crypto.algorithm_id: profile.crypto.algorithm for profile in served}

    # ---- keys to be loaded into chips -------------------------------------------------------------------------

    def card_keys(self, f_city: bytes, f_card: bytes, algorithm: str = TDES) -> Mapping[str, SecretKey]:
        """Every social security key of one card, by the profile's key names (MK.MF, MK.SSSE, IRK, UK_SSSE, ...)."""
        return self._keys_of(SSC, ssc_factors(f_city, f_card), algorithm)

    def purse_keys(self, issuer: bytes, asn: bytes, algorithm: str = TDES) -> Mapping[str, SecretKey]:
        """Every key of one purse by the profile's names: MK.EP, DLK, DULK, DPK, DTK."""
        return self._keys_of(PURSE, purse_factors(issuer, asn), algorithm)

    def transport_key(self, batch: bytes, algorithm: str = TDES) -> SecretKey:
        """The key blank chips of delivery `batch` (4 bytes) arrive with; personalisation replaces it first."""
        return self.hsm.derive(KeyRef(family(TRANSPORT, algorithm) + "TK", (batch_factor(batch),)))

    def psam_birth_keys(
        self, ssc: Profile | None = None, transit: Profile | None = None
    ) -> tuple[dict[int, tuple[int, bytes]], dict[int, bytes]]:
        """Stand-in only: root keys for a PSAM twin that is born with them instead of being issued.

        Returns ({PSAM key id: (usage byte, key 16)}, {purchase key version: key 16}), as the two PSAM profiles list
        them. UnknownKeyError for a key the tree keeps at home (`leaves` is not "psam").
        """
        ssc = ssc or load_profile("psam-ssc")
        transit = transit or load_profile("psam-transit")
        ssc_keys = {
            key.psam_kid: (key.usage, self._for_psam(family(SSC) + key.name))
            for key in ssc.keys
            if key.psam_kid is not None and key.usage is not None
        }
        return ssc_keys, {key.version: self._for_psam(family(PURSE) + key.name) for key in transit.keys}

    # ---- social security card ---------------------------------------------------------------------------------

    def card_id_mac(self, f_city: bytes, f_card: bytes, first12: bytes, algorithm: str = TDES) -> bytes:
        """Bytes 13-16 of the card identification code: MAC under the card's IRK (card §1.10; SM4: card §3.3, C)."""
        return self.hsm.line(card_ref("IRK", f_city, f_card, algorithm)).mac(b"", first12)[:4]

    def authenticate(
        self, name: str, f_city: bytes, f_card: bytes, process: bytes, original: bytes, algorithm: str = TDES
    ) -> bytes:
        """Cryptogram of an internal or external authentication with the card key `name`, 8 bytes."""
        return self.hsm.authenticate(card_ref(name, f_city, f_card, algorithm), process, original)

    # ---- purse ------------------------------------------------------------------------------------------------

    def check_load_mac1(self, load: LoadRequest) -> None:
        """LoadMac1Error unless the card's MAC1 holds for these amounts; PurseAlgorithmError, UnknownKeyError."""
        data = tac.load_mac1_input(load.balance, load.amount, load.kind, load.terminal)
        expected = self.hsm.purse_mac(purse_ref(self.algorithms, "DLK", load), load.session_input, data)
        if not hmac.compare_digest(expected, load.mac1):
            raise LoadMac1Error

    def make_load_mac2(self, load: LoadRequest, moment: Moment) -> bytes:
        """MAC2 that lets the card credit itself; call only after `check_load_mac1` and a pending ledger entry."""
        data = tac.load_mac2_input(load.amount, load.kind, load.terminal, moment)
        return self.hsm.purse_mac(purse_ref(self.algorithms, "DLK", load), load.session_input, data)

    def check_load_tac(self, load: LoadTacInput) -> None:
        """TacError unless the card attests this load."""
        data = tac.load_tac_input(
            load.balance_after, load.online_seq, load.amount, load.kind, load.terminal, load.moment
        )
        self._check_tac(purse_ref(self.algorithms, "DTK", load), data, load.tac)

    def check_purchase_tac(self, purchase: PurchaseTacInput) -> None:
        """TacError unless the card attests this purchase."""
        data = tac.purchase_tac_input(
            purchase.amount, purchase.kind, purchase.terminal, purchase.terminal_seq, purchase.moment
        )
        self._check_tac(purse_ref(self.algorithms, "DTK", purchase), data, purchase.tac)

    # ---- lists and facts --------------------------------------------------------------------------------------

    def list_key(self) -> bytes:
        """The 32-byte key of the hotlist's hashes; enrolled devices receive it."""
        return self.hsm.derive(KeyRef(HOTLIST)).reveal()

    def facts_signer(self) -> FactsSigner:
        """The signer of facts bundles."""
        return FactsSigner(self.hsm)

    # ---- inside -----------------------------------------------------------------------------------------------

    def _for_psam(self, label: str) -> bytes:
        if tree.entries()[label].leaves != "psam":
            raise UnknownKeyError(f"{label} never leaves its store")
        return self.hsm.derive(KeyRef(label)).reveal()

    def _keys_of(self, kind: str, factors: tuple[bytes, ...], algorithm: str) -> Mapping[str, SecretKey]:
        rows = tree.family_entries(family(kind, algorithm).removesuffix("/"))
        return {entry.name: self.hsm.derive(KeyRef(entry.label, factors)) for entry in rows}

    def _check_tac(self, ref: KeyRef, data: bytes, given: bytes) -> None:
        if not hmac.compare_digest(self.hsm.tac(ref, data), given):
            raise TacError
