"""Offline code verification beside two bare SM2 verifies."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import cycle

from card.domain.clock import to_ms
from firmware_sim.bench.errors import BenchWrongError
from firmware_sim.bench.figure import Effort, Figure, per_second, take_pairs
from firmware_sim.bench.street import SEED
from keys.algorithms.sm2 import Sm2PublicKey
from keys.code.sign import ISSUER_LABEL, AuthorisationRequest, Wallet, code_issuer, root_entry, stand_in_user_key
from keys.code.token import IssuerArea, OfflineCode, days_since_1970
from keys.code.trust_list import TrustList
from keys.code.verify import verify_code
from keys.hsm_software import SoftwareHsm

NOW_MS = to_ms(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
HOLDERS = 40
# A rate is asked for: blocks long enough that each side runs from warm caches, as a gate with a queue does.
CODES_A_BLOCK = 8


def run(effort: Effort) -> Iterator[Figure]:
    """`code_verify`: every code is another holder's; the issuer's certificate has been seen before.

    The bare side has both public keys loaded and both messages cut out; ours takes the 332+L bytes a camera gives.
    """
    store = SoftwareHsm.from_seed(SEED, "test")
    codes = _codes(store)
    trust = TrustList.from_entries([root_entry(store).to_entry()], version=1)
    if verify_code(codes[0], trust, NOW_MS).account == "" or not trust.verified_issuers:
        raise BenchWrongError("the issuer's certificate was not kept")
    issuer = store.public_key(ISSUER_LABEL)
    parsed = [OfflineCode.parse(code) for code in codes]
    bare = [(c, Sm2PublicKey.from_bytes(c.user_key)) for c in parsed]
    scanned, known = cycle(codes), cycle(bare)

    def verify() -> None:
        verify_code(next(scanned), trust, NOW_MS)

    def verify_bare() -> None:
        code, user = next(known)
        good = issuer.accepts(code.issuer_signed, code.issuer_signature)
        if not (good and user.accepts(code.user_signed, code.user_signature)):
            raise BenchWrongError("a genuine signature does not verify")

    def ours() -> float:
        return per_second(verify, CODES_A_BLOCK)

    def baseline() -> float:
        return per_second(verify_bare, CODES_A_BLOCK)

    pairs = take_pairs(ours, baseline, effort.pick(500, 20), effort, limit_s=12)
    yield Figure("code_verify", "codes/s", "two bare SM2 verifies", "higher", pairs, {"goal": "ratio >= 0.90"})


def _codes(store: SoftwareHsm) -> list[bytes]:
    issuer = code_issuer(store)
    area = IssuerArea(catalogue_version=1, entitlements=1, valid_to_days=days_since_1970(date(2027, 3, 1)))
    codes = []
    for number in range(HOLDERS):
        serial = f"{4_601_002_026_000_000_000 + number:019d}"
        key = stand_in_user_key(store, serial)
        pseudonym = f"HN-BENCH-{number:07d}"
        request = AuthorisationRequest(serial, pseudonym, key.public, area, issuer.expiry_ms(NOW_MS))
        codes.append(Wallet(key, issuer.authorise(request)).show(NOW_MS))
    return codes
