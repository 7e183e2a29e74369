"""A small code PKI for the tests: everything real, from a fixed seed, with the wish to change any byte afterwards."""

from dataclasses import dataclass
from datetime import date

from keys.algorithms.sm2 import Sm2PrivateKey
from keys.code.sign import AuthorisationRequest, CodeIssuer, Wallet, code_issuer, root_entry, stand_in_user_key
from keys.code.token import IssuerArea, days_since_1970
from keys.code.trust_list import Distrust, RootKey, TrustList
from keys.hsm_software import SoftwareHsm

NOW_MS = 1_796_000_000_000  # 2026-11-30 in Hainan
SERIAL = "4601002026000000017"
PSEUDONYM = "HN-PSEUDONYM-001"
AREA = IssuerArea(catalogue_version=3, entitlements=0b1010, valid_to_days=days_since_1970(date(2027, 3, 1)))


@dataclass(frozen=True)
class Pki:
    """Store, issuer and trust list that belong together."""

    store: SoftwareHsm
    issuer: CodeIssuer
    trust: TrustList

    def user_key(self, serial: str = SERIAL) -> Sm2PrivateKey:
        return stand_in_user_key(self.store, serial)

    def show(self, now_ms: int = NOW_MS, *, expires_ms: int | None = None, serial: str = SERIAL) -> bytes:
        """A genuine code of `now_ms`."""
        key = self.user_key(serial)
        expires = self.issuer.expiry_ms(now_ms) if expires_ms is None else expires_ms
        request = AuthorisationRequest(serial, PSEUDONYM, key.public, AREA, expires)
        return Wallet(key, self.issuer.authorise(request)).show(now_ms)

    def resign_user(self, code: bytes) -> bytes:
        """The holder's own phone signs changed bytes again: only the issuer's signature can still stop them."""
        end = len(code) - 65
        return code[: end + 1] + self.user_key().sign(code[:end])

    def resign_all(self, code: bytes) -> bytes:
        """Issuer and phone both sign changed bytes: only the rules about values can still stop them."""
        end = 198 + code[197]
        signature = self.store.sign("code/issuer-1", code[3:end])
        return self.resign_user(code[: end + 1] + signature + code[end + 65 :])


def make_pki(seed: bytes = b"code tests, seed one", *, distrusted: tuple[Distrust, ...] = ()) -> Pki:
    """Root, issuer and trust list of one seed."""
    store = SoftwareHsm.from_seed(seed, "test")
    entries = [root_entry(store).to_entry(), *(item.to_entry() for item in distrusted)]
    return Pki(store, code_issuer(store), TrustList.from_entries(entries, version=1))


def trust_of(*roots: RootKey) -> TrustList:
    return TrustList.from_entries([root.to_entry() for root in roots], version=1)


def put(code: bytes, offset: int, value: bytes) -> bytes:
    """`code` with `value` written at `offset`."""
    return code[:offset] + value + code[offset + len(value) :]


def flip(code: bytes, offset: int, bit: int = 0) -> bytes:
    """`code` with one bit turned."""
    return put(code, offset, bytes([code[offset] ^ 1 << bit]))
