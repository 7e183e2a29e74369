"""Trust lists, the making of codes, and the online token."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card.domain.entropy import SeededEntropy
from keys.code.errors import CodeError, CodeFault
from keys.code.online import LIFETIME_MS, OnlineToken, expired
from keys.code.scheme import default_layout, default_policy, default_terms
from keys.code.sign import AuthorisationRequest, root_entry, stand_in_user_key
from keys.code.token import IssuerArea
from keys.code.trust_list import Distrust, TrustList, trust_header
from keys.errors import FactsFormatError, FactsKindError, FactsRollbackError, KeyLengthError
from keys.facts import open_bundle, seal_bundle
from tests.keys.code.maker import AREA, NOW_MS, PSEUDONYM, SERIAL, make_pki

PKI = make_pki()
ROOT = root_entry(PKI.store).to_entry()


def test_a_trust_list_travels_as_a_signed_bundle() -> None:
    signer_key = PKI.store.public_key("facts/signer")
    header = trust_header("460000", 3, NOW_MS, 86_400)
    entries = [ROOT, Distrust("46010009", "000003").to_entry()]

    class Signer:
        def sign(self, message: bytes) -> bytes:
            return PKI.store.sign("facts/signer", message)

    bundle = open_bundle(seal_bundle(Signer(), header, entries), signer_key, kind="trust")
    trust = TrustList.from_bundle(bundle)
    assert trust.version == 3 and list(trust.roots) == [("01010000", 1)]
    assert not trust.trusts_issuer("46010009", "000003") and trust.trusts_issuer("46010009", "000004")
    with pytest.raises(FactsRollbackError):
        open_bundle(seal_bundle(Signer(), header, entries), signer_key, kind="trust", have_version=4)
    hotlist = seal_bundle(Signer(), replace(header, kind="hotlist"), entries)
    with pytest.raises(FactsKindError):
        TrustList.from_bundle(open_bundle(hotlist, signer_key, kind="hotlist"))


@pytest.mark.parametrize(
    "entries",
    [
        {},
        ["root"],
        [{"type": "revocation of a later version"}],
        [ROOT, ROOT],
        [{**ROOT, "key": "00" * 64}],
        [{**ROOT, "key": "zz"}],
        [{**ROOT, "expiry": "1330"}],
        [{key: value for key, value in ROOT.items() if key != "index"}],
        [{"type": "distrust", "issuer": ""}],
        [{"type": "distrust", "issuer": "46010001", "serial": 1}],
    ],
)
def test_a_trust_list_that_is_not_understood_is_refused_whole(entries: object) -> None:
    with pytest.raises(FactsFormatError):
        TrustList.from_entries(entries)


def test_held_certificates_belong_to_one_list() -> None:
    first, second = TrustList.from_entries([ROOT]), TrustList.from_entries([ROOT])
    first.verified_issuers[b"x"] = PKI.store.public_key("code/issuer-1")
    assert not second.verified_issuers


@pytest.mark.parametrize(
    "change",
    [{"ecard_serial": "1"}, {"ecard_serial": "x" * 19}, {"pseudonym": "short"}, {"pseudonym": "A" * 15 + "\n"}],
)
def test_a_request_that_does_not_fit_is_refused(change: dict[str, str]) -> None:
    request = AuthorisationRequest(SERIAL, PSEUDONYM, PKI.user_key().public, AREA, NOW_MS)
    with pytest.raises(KeyLengthError):
        PKI.issuer.authorise(replace(request, **change))  # type: ignore[arg-type]
    assert SERIAL not in repr(request)


@given(catalogue=st.integers(0, 0xFFFF), bits=st.integers(0, 0xFFFFFFFF), days=st.integers(0, 0xFFFF))
def test_an_area_is_read_back_as_written(catalogue: int, bits: int, days: int) -> None:
    area = IssuerArea(catalogue, bits, days)
    assert len(area.to_bytes()) == 12 and IssuerArea.parse(area.to_bytes()) == area
    assert IssuerArea.parse(b"\x02" + area.to_bytes()[1:]) is None


def test_a_stand_in_key_is_the_same_for_the_same_phone() -> None:
    assert stand_in_user_key(PKI.store, SERIAL).public == PKI.user_key().public
    assert stand_in_user_key(PKI.store, SERIAL, 2).public != PKI.user_key().public


def test_the_scheme_is_data() -> None:
    assert default_layout().version == 0x81 and default_layout().signature_tag == 0x15
    assert default_policy().future_skew_s == 20 and default_policy().max_validity_s == 1200
    assert default_terms().validity_s == 600


def test_an_online_token_is_read_back_and_hides_itself() -> None:
    token = OnlineToken.new(SeededEntropy(1))
    assert OnlineToken.parse(token.text) == token and len(token.text) == 36
    assert token.text not in repr(token) and token.lookup_key != token.value
    assert OnlineToken.new(SeededEntropy(2)).lookup_key != token.lookup_key


@given(place=st.integers(0, 35), letter=st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_a_mistyped_token_is_refused(place: int, letter: str) -> None:
    text = OnlineToken.new(SeededEntropy(1)).text
    changed = text[:place] + letter + text[place + 1 :]
    if changed == text:
        return
    with pytest.raises(CodeError) as caught:
        OnlineToken.parse(changed)
    assert caught.value.fault is CodeFault.TOKEN_FORM


@pytest.mark.parametrize("text", ["", "OCT1", "OCT1AAAA", "OCT1" + "A" * 32, "http://x", "OCT1" + "é" * 32])
def test_other_text_is_no_token(text: str) -> None:
    with pytest.raises(CodeError):
        OnlineToken.parse(text)


def test_a_token_lives_sixty_seconds() -> None:
    assert not expired(NOW_MS, NOW_MS) and not expired(NOW_MS, NOW_MS + LIFETIME_MS)
    assert expired(NOW_MS, NOW_MS + LIFETIME_MS + 1) and expired(NOW_MS, NOW_MS - 1)
