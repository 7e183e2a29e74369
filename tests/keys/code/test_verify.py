"""The twelve checks in order, and every pitfall seen in the field as a named negative test."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.algorithms.sm2 import generate_sm2
from keys.algorithms.sm2_backend import ORDER
from keys.algorithms.sm2_openssl import der_from_raw
from keys.code.errors import CodeError, CodeFault
from keys.code.scheme import default_layout, default_policy, default_terms
from keys.code.sign import AuthorisationRequest, CodeIssuer, Wallet, certify_issuer, root_entry
from keys.code.token import FIXED_SIZE, MAX_AREA, OfflineCode, field_spans
from keys.code.trust_list import Distrust
from keys.code.verify import CHECKS, CheckDone, verify_code
from tests.keys.code.maker import AREA, NOW_MS, PSEUDONYM, SERIAL, Pki, flip, make_pki, put, trust_of
from tests.required import missing

SPKI_HEAD = bytes.fromhex("3059301306072A8648CE3D020106082A811CCF5501822D03420004")
END = 198 + 12  # first byte after the issuer area
GENERATED, LAST_TAG, USER_SIGNATURE = END + 65, END + 69, END + 70


@pytest.fixture(scope="module")
def pki() -> Pki:
    return make_pki()


@pytest.fixture(scope="module")
def code(pki: Pki) -> bytes:
    return pki.show()


def refused(raw: bytes, pki: Pki, now_ms: int = NOW_MS) -> tuple[CodeFault, int]:
    """Why a code is refused and by which check; fails when it is not."""
    with pytest.raises(CodeError) as caught:
        verify_code(raw, pki.trust, now_ms)
    assert caught.value.code == caught.value.fault.value
    return caught.value.fault, caught.value.n


def test_a_genuine_code_passes_all_twelve_checks(pki: Pki, code: bytes) -> None:
    report: list[CheckDone] = []
    verified = verify_code(code, pki.trust, NOW_MS, report=report)
    assert (verified.account, verified.pseudonym, verified.area) == (SERIAL, PSEUDONYM, AREA)
    assert [line.n for line in report] == list(range(1, 13)) and all(line.ok for line in report)
    assert verified.generated_ms == NOW_MS and verified.expires_ms == NOW_MS + 600_000
    assert verified.replay_pair == (SERIAL, NOW_MS // 1000)
    assert len(code) == FIXED_SIZE + 12 and len(CHECKS) == 12


def test_the_report_ends_with_the_check_that_failed(pki: Pki, code: bytes) -> None:
    report: list[CheckDone] = []
    with pytest.raises(CodeError):
        verify_code(flip(code, 130), pki.trust, NOW_MS, report=report)
    assert [line.ok for line in report] == [True] * 10 + [False] and report[-1].n == 11


CHANGES: dict[str, tuple[Callable[[bytes], bytes], CodeFault, int]] = {
    "empty": (lambda c: b"", CodeFault.KIND, 1),
    "first byte of another kind": (lambda c: put(c, 0, b"\x02"), CodeFault.KIND, 1),
    "too short": (lambda c: c[:331], CodeFault.LENGTH, 1),
    "too long": (lambda c: c + bytes(30), CodeFault.LENGTH, 1),
    "one byte lost": (lambda c: c[:-1], CodeFault.STRUCTURE, 2),
    "one byte too many": (lambda c: c + b"\x00", CodeFault.STRUCTURE, 2),
    "length field": (lambda c: put(c, 1, b"\x00\x00"), CodeFault.STRUCTURE, 2),
    "area length": (lambda c: put(c, 197, b"\x0b"), CodeFault.STRUCTURE, 2),
    "area length over 32": (lambda c: put(c, 197, b"\xff"), CodeFault.STRUCTURE, 2),
    "issuer signature tag": (lambda c: put(c, END, b"\x16"), CodeFault.STRUCTURE, 2),
    "certificate head": (lambda c: put(c, 3, b"\x25"), CodeFault.CERTIFICATE, 3),
    "certificate service": (lambda c: put(c, 4, b"\x02"), CodeFault.CERTIFICATE, 3),
    "certificate format": (lambda c: put(c, 9, b"\x13"), CodeFault.CERTIFICATE, 3),
    "certificate algorithm": (lambda c: put(c, 19, b"\x01"), CodeFault.CERTIFICATE, 3),
    "certificate month 13": (lambda c: put(c, 14, b"\x13"), CodeFault.CERTIFICATE, 3),
    "certificate month not decimal": (lambda c: put(c, 14, b"\x0a"), CodeFault.CERTIFICATE, 3),
    "certificate out of date": (lambda c: put(c, 14, b"\x10\x26"), CodeFault.CERTIFICATE_EXPIRED, 3),
    "root index unknown": (lambda c: put(c, 8, b"\x02"), CodeFault.ROOT_UNKNOWN, 4),
    "certificate prolonged": (lambda c: put(c, 15, b"\x31"), CodeFault.CERTIFICATE_SIGNATURE, 5),
    "certificate key changed": (lambda c: flip(c, 30), CodeFault.CERTIFICATE_SIGNATURE, 5),
    "certificate signature changed": (lambda c: flip(c, 100), CodeFault.CERTIFICATE_SIGNATURE, 5),
    "payment account not printable": (lambda c: put(c, 120, b"\x07"), CodeFault.ACCOUNT, 6),
    "card account not decimal": (lambda c: put(c, 136, b"\xab"), CodeFault.ACCOUNT, 6),
    "card account pad": (lambda c: put(c, 145, b"\x70"), CodeFault.ACCOUNT, 6),
    "account type": (lambda c: put(c, 154, b"\x09"), CodeFault.ACCOUNT_TYPE, 6),
    "authorisation ended": (lambda c: put(c, 191, bytes(4)), CodeFault.AUTHORISATION_EXPIRED, 7),
    "validity over the cap": (lambda c: put(c, 195, (1201).to_bytes(2)), CodeFault.VALIDITY_TOO_LONG, 8),
    "from the future": (lambda c: put(c, GENERATED, b"\xff"), CodeFault.FROM_FUTURE, 9),
    "old": (lambda c: put(c, GENERATED, bytes(4)), CodeFault.EXPIRED, 10),
    "pseudonym swapped": (lambda c: put(c, 120, b"X"), CodeFault.ISSUER_SIGNATURE, 11),
    "account swapped": (lambda c: put(c, 137, b"\x02"), CodeFault.ISSUER_SIGNATURE, 11),
    "authorisation prolonged": (lambda c: put(c, 191, b"\xff"), CodeFault.ISSUER_SIGNATURE, 11),
    "entitlement added": (lambda c: flip(c, 204), CodeFault.ISSUER_SIGNATURE, 11),
    "issuer signature changed": (lambda c: flip(c, END + 5), CodeFault.ISSUER_SIGNATURE, 11),
    "generation time moved": (lambda c: flip(c, GENERATED + 3), CodeFault.USER_SIGNATURE, 12),
    "version byte swapped": (lambda c: put(c, 0, b"\x82"), CodeFault.USER_SIGNATURE, 12),
    "user signature changed": (lambda c: flip(c, len(c) - 1), CodeFault.USER_SIGNATURE, 12),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_code_is_refused_by_its_own_check(pki: Pki, code: bytes, name: str) -> None:
    change, fault, number = CHANGES[name]
    assert refused(change(code), pki) == (fault, number)


def test_every_fault_of_a_code_is_reached_by_a_test(pki: Pki) -> None:
    elsewhere = {CodeFault.ROOT_EXPIRED, CodeFault.ISSUER_DISTRUSTED, CodeFault.TOKEN_FORM}
    assert {fault for _, fault, _ in CHANGES.values()} | elsewhere == set(CodeFault)


# ---- time ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shift_s", "fault"),
    [(-21, CodeFault.FROM_FUTURE), (-20, None), (0, None), (600, None), (601, CodeFault.EXPIRED)],
)
def test_the_window_is_twenty_seconds_before_to_validity_after(
    pki: Pki, code: bytes, shift_s: int, fault: CodeFault | None
) -> None:
    now = NOW_MS + shift_s * 1000
    if fault is None:
        verify_code(code, pki.trust, now)
    else:
        assert refused(code, pki, now)[0] is fault


def test_an_authorisation_ends_to_the_second(pki: Pki) -> None:
    code = pki.show(expires_ms=NOW_MS + 5000)
    assert verify_code(code, pki.trust, NOW_MS + 5999).expires_ms == NOW_MS + 5000
    assert refused(code, pki, NOW_MS + 6000) == (CodeFault.AUTHORISATION_EXPIRED, 7)


def test_a_certificate_holds_to_the_end_of_its_month_in_hainan(pki: Pki) -> None:
    last = 1_924_963_199_000  # 2030-12-31 23:59:59 in Hainan
    verify_code(pki.show(last), pki.trust, last)
    assert refused(pki.show(last + 1000), pki, last + 1000) == (CodeFault.CERTIFICATE_EXPIRED, 3)


def test_an_expired_root_is_refused(pki: Pki, code: bytes) -> None:
    old = replace(pki, trust=trust_of(root_entry(pki.store, expiry="1026")))
    assert refused(code, old) == (CodeFault.ROOT_EXPIRED, 4)


def test_another_epoch_is_a_parameter(pki: Pki) -> None:
    layout = replace(default_layout(), epoch_s=946_656_000)  # 2000-01-01 in Hainan
    issuer = CodeIssuer(pki.store, pki.issuer.certificate, layout=layout)
    key = pki.user_key()
    request = AuthorisationRequest(SERIAL, PSEUDONYM, key.public, AREA, issuer.expiry_ms(NOW_MS))
    code = Wallet(key, issuer.authorise(request), layout).show(NOW_MS)
    assert verify_code(code, pki.trust, NOW_MS, layout=layout).generated_ms == NOW_MS
    assert refused(code, pki) == (CodeFault.AUTHORISATION_EXPIRED, 7)


def test_an_entitlement_that_ends_takes_the_authorisation_with_it(pki: Pki) -> None:
    last_day = date(2026, 12, 2)
    end = pki.issuer.expiry_ms(NOW_MS, last_day)
    assert end == 1_796_227_199_000  # 2026-12-02 23:59:59 in Hainan
    assert pki.issuer.expiry_ms(NOW_MS, date(2030, 1, 1)) == NOW_MS + 604_800_000
    assert AREA.on(date(2027, 3, 1)) == 0b1010 and AREA.on(date(2027, 3, 2)) == 0


# ---- pitfalls seen in the field -----------------------------------------------------------------------------------


def test_pitfall_the_unsigned_tag_byte_gives_no_second_entry(pki: Pki, code: bytes) -> None:
    flipped = put(code, LAST_TAG, b"\x16")
    assert refused(flipped, pki) == (CodeFault.STRUCTURE, 2)
    other, first = OfflineCode.parse(flipped), OfflineCode.parse(code)
    assert other.replay_key == first.replay_key and other.replay_pair == first.replay_pair


def test_pitfall_a_second_signature_over_the_same_moment_is_the_same_presentation(pki: Pki, code: bytes) -> None:
    again = pki.resign_user(code)
    assert again != code
    first, second = (verify_code(raw, pki.trust, NOW_MS) for raw in (code, again))
    assert (first.replay_key, first.replay_pair) == (second.replay_key, second.replay_pair)


def test_pitfall_n_minus_s_simply_fails(pki: Pki, code: bytes) -> None:
    for start, fault in ((END + 1, CodeFault.ISSUER_SIGNATURE), (USER_SIGNATURE, CodeFault.USER_SIGNATURE)):
        s = int.from_bytes(code[start + 32 : start + 64])
        assert refused(put(code, start + 32, (ORDER - s).to_bytes(32)), pki)[0] is fault


def test_pitfall_a_der_signature_is_not_taken(pki: Pki, code: bytes) -> None:
    assert refused(code[:USER_SIGNATURE] + der_from_raw(code[USER_SIGNATURE:]), pki)[0] is CodeFault.STRUCTURE


def test_pitfall_a_certificate_signed_by_its_own_issuer_fails(pki: Pki) -> None:
    rogue = make_pki(b"a forger's own seed")
    assert refused(rogue.show(), pki) == (CodeFault.CERTIFICATE_SIGNATURE, 5)
    own = certify_issuer(pki.store, pki.store.public_key("code/issuer-1"), root_label="code/issuer-1")
    code = replace(pki, issuer=CodeIssuer(pki.store, own)).show()
    assert refused(code, pki) == (CodeFault.CERTIFICATE_SIGNATURE, 5)


def test_pitfall_a_genuine_certificate_does_not_carry_a_forged_authorisation(pki: Pki) -> None:
    rogue = make_pki(b"a forger's own seed")
    forged = replace(rogue, issuer=CodeIssuer(rogue.store, pki.issuer.certificate)).show()
    assert refused(forged, pki) == (CodeFault.ISSUER_SIGNATURE, 11)


def test_pitfall_the_wrong_root_of_two_fails(pki: Pki, code: bytes) -> None:
    second = replace(root_entry(make_pki(b"the second root's seed").store), index=2)
    both = replace(pki, trust=trust_of(root_entry(pki.store), second))
    verify_code(code, both.trust, NOW_MS)
    assert refused(put(code, 8, b"\x02"), both) == (CodeFault.CERTIFICATE_SIGNATURE, 5)


def test_pitfall_a_held_certificate_is_held_whole(pki: Pki, code: bytes) -> None:
    """The cache of verified certificates must not be asked by number or by key."""
    verify_code(code, pki.trust, NOW_MS)
    assert list(pki.trust.verified_issuers) == [pki.issuer.certificate.raw]
    assert refused(flip(code, 100), pki) == (CodeFault.CERTIFICATE_SIGNATURE, 5)
    assert refused(put(code, 15, b"\x31"), pki) == (CodeFault.CERTIFICATE_SIGNATURE, 5)


def test_pitfall_account_type_zero_is_a_matter_of_policy(pki: Pki) -> None:
    terms = replace(default_terms(), account_type=0)
    code = replace(pki, issuer=CodeIssuer(pki.store, pki.issuer.certificate, terms=terms)).show()
    assert verify_code(code, pki.trust, NOW_MS).account_type == 0
    strict = replace(default_policy(), account_types=(1,))
    with pytest.raises(CodeError) as caught:
        verify_code(code, pki.trust, NOW_MS, strict)
    assert caught.value.fault is CodeFault.ACCOUNT_TYPE


@pytest.mark.parametrize("length", [0, 1, 9, 0x0A, 0x10, 0x12, 0x1F, 0x20])
def test_pitfall_the_area_length_is_binary(pki: Pki, code: bytes, length: int) -> None:
    grown = code[:197] + bytes([length]) + b"\x33" * length + code[END:]
    grown = pki.resign_all(put(grown, 1, (len(grown) - 3).to_bytes(2)))
    verified = verify_code(grown, pki.trust, NOW_MS)
    assert verified.area is None and len(grown) == FIXED_SIZE + length
    assert OfflineCode.parse(grown).area == b"\x33" * length


def test_pitfall_an_area_over_the_maximum_is_refused_even_when_signed(pki: Pki, code: bytes) -> None:
    length = MAX_AREA + 1
    grown = code[:197] + bytes([length]) + b"\x33" * length + code[END:]
    assert refused(pki.resign_all(put(grown, 1, (len(grown) - 3).to_bytes(2))), pki)[0] is CodeFault.LENGTH


def test_pitfall_a_prefix_outside_the_signatures_is_not_peeled_off(pki: Pki, code: bytes) -> None:
    assert refused(b"\x54\x01" + code, pki) == (CodeFault.KIND, 1)
    assert refused(b"\x81\x81" + code, pki)[1] <= 2


def test_pitfall_a_holder_who_signs_again_cannot_change_what_the_issuer_signed(pki: Pki, code: bytes) -> None:
    for offset in (120, 137, 155, 192, 196, 203, 207):
        changed = flip(code, offset)
        assert refused(pki.resign_user(changed), pki) == (CodeFault.ISSUER_SIGNATURE, 11), offset


def test_pitfall_another_phones_signature_fails(pki: Pki, code: bytes) -> None:
    other = generate_sm2()
    assert refused(code[:USER_SIGNATURE] + other.sign(code[:LAST_TAG]), pki) == (CodeFault.USER_SIGNATURE, 12)
    swapped = put(code, 158, other.public.compressed())
    swapped = swapped[:USER_SIGNATURE] + other.sign(swapped[:LAST_TAG])
    assert refused(swapped, pki) == (CodeFault.ISSUER_SIGNATURE, 11)


def test_pitfall_a_user_key_off_the_curve_fails(pki: Pki, code: bytes) -> None:
    bad = pki.resign_all(put(code, 158, b"\x02" + b"\xff" * 32))
    assert refused(bad, pki) == (CodeFault.USER_SIGNATURE, 12)


def test_a_distrusted_issuer_is_refused_in_one_bundle(code: bytes, pki: Pki) -> None:
    for entry in (Distrust("46010001"), Distrust("46010001", "000001")):
        assert refused(code, make_pki(distrusted=(entry,))) == (CodeFault.ISSUER_DISTRUSTED, 5)
    verify_code(code, make_pki(distrusted=(Distrust("46010001", "000002"),)).trust, NOW_MS)


def test_a_distrust_list_beats_the_held_certificate(pki: Pki, code: bytes) -> None:
    listed = replace(pki.trust, distrusted=frozenset({Distrust("46010001")}))
    assert pki.issuer.certificate.raw in listed.verified_issuers
    with pytest.raises(CodeError):
        verify_code(code, listed, NOW_MS)


# ---- witnesses and properties -------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_changed_bit_survives(data: st.DataObject) -> None:
    pki = make_pki()
    code = pki.show()
    changed = flip(code, data.draw(st.integers(0, len(code) - 1)), data.draw(st.integers(0, 7)))
    with pytest.raises(CodeError):
        verify_code(changed, pki.trust, NOW_MS)


@settings(max_examples=300, deadline=None)
@given(raw=st.one_of(st.binary(max_size=400), st.binary(min_size=332, max_size=364).map(lambda b: b"\x81" + b[1:])))
def test_rubbish_is_a_code_error_and_nothing_else(raw: bytes) -> None:
    with pytest.raises(CodeError):
        verify_code(raw, trust_of(), NOW_MS)


def test_the_fields_cover_the_code_without_gaps(code: bytes) -> None:
    spans = field_spans(OfflineCode.parse(code))
    assert spans[0][1] == 0 and spans[-1][2] == len(code)
    assert all(before[2] == after[1] for before, after in pairwise(spans))


def test_the_openssl_program_verifies_both_signatures(pki: Pki, code: bytes, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        missing("tools", "no openssl program")
    parsed = OfflineCode.parse(code)
    parts = (
        (pki.store.public_key("code/issuer-1").raw(), code[3:END], code[END + 1 : END + 65]),
        (pki.user_key().public.raw(), code[:LAST_TAG], parsed.user_signature),
    )
    for public, message, signature in parts:
        for name, content in (("k", SPKI_HEAD + public), ("m", message), ("s", der_from_raw(signature))):
            (tmp_path / name).write_bytes(content)
        command = f"{openssl} pkeyutl -verify -pubin -keyform DER -inkey k -rawin -digest sm3 -in m -sigfile s".split()
        command += ["-pkeyopt", "distid:1234567812345678"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
        (tmp_path / "m").write_bytes(message + b".")
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_a_verified_code_does_not_print_its_holder(pki: Pki, code: bytes) -> None:
    text = repr(verify_code(code, pki.trust, NOW_MS)) + repr(OfflineCode.parse(code))
    assert SERIAL not in text and PSEUDONYM not in text
