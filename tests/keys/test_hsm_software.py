"""The stand-in store and the key centre: loud, refusing, repeatable, and silent about secrets."""

import pickle
import subprocess
import sys
import traceback
from dataclasses import replace

import pytest

from card.files.profile import load_profile
from keys import tac, tree
from keys.algorithms.mac import retail_mac
from keys.centre import KeyCentre, LoadRequest, LoadTacInput, PurchaseTacInput
from keys.errors import (
    KeyLengthError,
    KeysError,
    LoadMac1Error,
    ProductionRefusedError,
    PurseAlgorithmError,
    TacError,
    UnknownKeyError,
    WellKnownKeyError,
)
from keys.hierarchy import diversify
from keys.hsm import KeyRef, SecretKey
from keys.hsm_software import SoftwareHsm
from keys.tac import Moment
from keys.well_known import is_well_known
from tests.keys import oracle

SEED = b"a seed for the tests of this file"
F_CITY = b"460100sx"
F_CARD = bytes.fromhex("8697460100000001")
ISSUER = bytes.fromhex("01011000FFFFFFFF")
ASN = bytes.fromhex("2016122100001003")
TERMINAL = bytes.fromhex("460100000001")
MOMENT = Moment.from_digits("20260301", "081500")


@pytest.fixture
def hsm() -> SoftwareHsm:
    return SoftwareHsm.from_seed(SEED, "test")


@pytest.fixture
def centre(hsm: SoftwareHsm) -> KeyCentre:
    return KeyCentre(hsm)


def test_the_same_seed_gives_the_same_tree_and_another_seed_another(hsm: SoftwareHsm) -> None:
    again = SoftwareHsm.from_seed(SEED, "demo")
    other = SoftwareHsm.from_seed(SEED + b"!", "demo")
    assert list(again.key_facts()) == list(hsm.key_facts())
    assert not {facts.kcv for facts in other.key_facts()} & {facts.kcv for facts in hsm.key_facts()}
    assert [facts.label for facts in hsm.key_facts()] == list(tree.entries())


def test_production_is_refused() -> None:
    with pytest.raises(ProductionRefusedError):
        SoftwareHsm.from_seed(SEED, "production")


def test_a_short_seed_is_refused() -> None:
    with pytest.raises(KeyLengthError):
        SoftwareHsm.from_seed(b"short", "test")


def test_it_announces_itself_once_a_process() -> None:
    program = "from keys.hsm_software import SoftwareHsm as S; [S.from_seed(bytes(range(3, 40)), 'demo') for _ in 'ab']"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.count("STAND-IN software key store") == 1 and done.stdout == ""


@pytest.mark.parametrize(
    "key",
    [bytes(16), b"\x11" * 16, b"\xff" * 16, bytes(range(16)), bytes(range(0x40, 0x50)), bytes(range(16))[::-1]],
    ids=["00", "11", "FF", "counting", "40..4F", "backwards"],
)
def test_a_key_everybody_knows_is_refused(hsm: SoftwareHsm, key: bytes) -> None:
    with pytest.raises(WellKnownKeyError) as caught:
        hsm.import_key("purse/DLK", key)
    assert key.hex() not in str(caught.value)


def test_examples_of_manuals_are_refused_and_others_are_not(hsm: SoftwareHsm) -> None:
    assert is_well_known(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))
    with pytest.raises(WellKnownKeyError):
        hsm.import_key(
            "facts/signer", bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
        )
    hsm.import_key("purse/DLK", bytes.fromhex("5B1C88F0A0917E4D4C11D0B2B6E7F913"), version=2)
    assert KeyRef("purse/DLK", version=2) and hsm.derive(KeyRef("purse/DLK", version=2)).kcv


@pytest.mark.parametrize("ref", [KeyRef("purse/NONE"), KeyRef("purse/DLK", version=9), KeyRef("facts/signer")])
def test_an_unknown_key_is_named(hsm: SoftwareHsm, ref: KeyRef) -> None:
    with pytest.raises(UnknownKeyError, match=ref.label):
        hsm.derive(ref)


def test_unknown_labels_cannot_be_imported_or_signed_with(hsm: SoftwareHsm) -> None:
    with pytest.raises(UnknownKeyError):
        hsm.import_key("ssc/TYPO", SEED[:16])
    with pytest.raises(UnknownKeyError):
        hsm.sign("purse/DLK", b"")


def test_card_keys_are_the_declared_diversification(hsm: SoftwareHsm, centre: KeyCentre) -> None:
    keys = centre.card_keys(F_CITY, F_CARD)
    root = hsm.derive(KeyRef("ssc/IRK")).reveal()
    expected = oracle.diversify_3des({"key": root.hex(), "factors": [F_CITY.hex(), F_CARD.hex()]})
    assert keys["IRK"].reveal() == expected == diversify("3des", root, [F_CITY, F_CARD])
    assert len({key.reveal() for key in keys.values()}) == len(keys) == len(tree.family_entries("ssc"))
    assert {key.name for key in load_profile("ssc-2.00").keys} <= set(keys)
    assert set(centre.purse_keys(ISSUER, ASN)) == {"MK.EP", "DLK", "DULK", "DPK", "DTK"}
    assert centre.card_id_mac(F_CITY, F_CARD, bytes(12)) == retail_mac(expected, bytes(12))[:4]


def test_transport_keys_differ_by_batch(centre: KeyCentre) -> None:
    assert centre.transport_key(b"\x00\x00\x00\x01") != centre.transport_key(b"\x00\x00\x00\x02")
    with pytest.raises(KeyLengthError):
        centre.transport_key(b"\x01")


def test_only_keys_meant_for_modules_go_into_them(hsm: SoftwareHsm, centre: KeyCentre) -> None:
    ssc, purse = centre.psam_birth_keys()
    assert ssc[0x11] == (0x48, hsm.derive(KeyRef("ssc/IRK")).reveal())
    assert list(purse.values()) == [hsm.derive(KeyRef("purse/DPK")).reveal()]
    inside = {key for _, key in ssc.values()} | set(purse.values())
    at_home = [
        label for label, entry in tree.entries().items() if entry.leaves == "never" and entry.algorithm == "3des"
    ]
    assert len(at_home) > 5 and not inside & {hsm.derive(KeyRef(label)).reveal() for label in at_home}


def _load(centre: KeyCentre) -> LoadRequest:
    load = LoadRequest(ISSUER, ASN, b"\xa1\xb2\xc3\xd4", 3, 0xAC3, 0x2710, TERMINAL, b"")
    dlk = centre.purse_keys(ISSUER, ASN)["DLK"].reveal()
    session = oracle.load_session_key({"key": dlk.hex(), "random": "a1b2c3d4", "seq": 3})
    given = {"session": session.hex(), "balance": 0xAC3, "amount": 0x2710, "kind": 2, "terminal": TERMINAL.hex()}
    return replace(load, mac1=oracle.load_mac1(given))


def test_a_genuine_load_is_accepted_and_answered(centre: KeyCentre) -> None:
    load = _load(centre)
    centre.check_load_mac1(load)
    dlk = centre.purse_keys(ISSUER, ASN)["DLK"].reveal()
    session = tac.load_session_key(dlk, load.card_random, load.online_seq)
    expected = tac.purse_mac(session, tac.load_mac2_input(load.amount, 2, TERMINAL, MOMENT))
    assert centre.make_load_mac2(load, MOMENT) == expected


@pytest.mark.parametrize(
    "change", [{"amount": 0x2711}, {"balance": 0}, {"online_seq": 4}, {"mac1": b"\0\0\0\0"}, {"asn": bytes(8)}]
)
def test_a_changed_load_is_refused(centre: KeyCentre, change: dict[str, int]) -> None:
    with pytest.raises(LoadMac1Error):
        centre.check_load_mac1(replace(_load(centre), **change))  # type: ignore[arg-type]


def test_an_unknown_algorithm_or_key_version_is_named(centre: KeyCentre) -> None:
    with pytest.raises(PurseAlgorithmError):
        centre.check_load_mac1(replace(_load(centre), algorithm=7))
    with pytest.raises(UnknownKeyError):
        centre.check_load_mac1(replace(_load(centre), key_version=2))


def test_tacs_are_checked_with_the_cards_own_key(centre: KeyCentre) -> None:
    dtk = centre.purse_keys(ISSUER, ASN)["DTK"].reveal()
    shared = {"key": dtk.hex(), "terminal": TERMINAL.hex(), "date": "20260301", "time": "081500"}
    ride = oracle.purchase_tac({**shared, "amount": 170, "kind": 9, "terminal_seq": 12})
    purchase = PurchaseTacInput(ISSUER, ASN, 170, TERMINAL, 12, MOMENT, ride)
    centre.check_purchase_tac(purchase)
    credit = oracle.load_tac({**shared, "balance": 5000, "seq": 3, "amount": 1000, "kind": 2})
    load = LoadTacInput(ISSUER, ASN, 5000, 3, 1000, TERMINAL, MOMENT, credit)
    centre.check_load_tac(load)
    for wrong in (replace(purchase, amount=171), replace(purchase, terminal_seq=13), replace(purchase, tac=credit)):
        with pytest.raises(TacError):
            centre.check_purchase_tac(wrong)
    with pytest.raises(TacError):
        centre.check_load_tac(replace(load, online_seq=4))


def test_wrapping_is_what_write_key_carries(hsm: SoftwareHsm) -> None:
    under, ref, header = KeyRef("transport/TK", (bytes(8),)), KeyRef("ssc/IRK", (F_CITY, F_CARD)), bytes(8)
    content = b"\x18" + header + hsm.derive(ref).reveal()
    expected = oracle._tdes(hsm.derive(under).reveal(), oracle._pad(content, 8))
    assert hsm.wrap(ref, under, header) == expected


def test_no_secret_shows_itself(hsm: SoftwareHsm, centre: KeyCentre) -> None:
    key = centre.card_keys(F_CITY, F_CARD)["IRK"]
    texts = [repr(key), str(key), f"{key!s:>200}", repr({"key": key}), repr(hsm), repr(centre), str(KeyRef("ssc/IRK"))]
    try:
        raise ValueError(key)
    except ValueError:
        texts.append(traceback.format_exc())
    for text in texts:
        assert key.reveal().hex() not in text.lower() and repr(key.reveal()) not in text
    with pytest.raises(KeysError):
        pickle.dumps(key)


def test_secrets_compare_by_value_and_hash_without_it() -> None:
    one, same = SecretKey(SEED[:16], label="a"), SecretKey(SEED[:16], label="a")
    assert one == same and hash(one) == hash(same) and one != SecretKey(SEED[1:17], label="a") and one != SEED[:16]


def test_the_list_key_and_the_facts_signer_come_from_the_tree(hsm: SoftwareHsm, centre: KeyCentre) -> None:
    assert len(centre.list_key()) == 32
    signer = centre.facts_signer()
    hsm.public_key("facts/signer").verify(b"facts", signer.sign(b"facts"))
    assert signer.public == hsm.public_key("facts/signer")


def test_both_authentications_use_the_named_card_key(centre: KeyCentre) -> None:
    key = centre.card_keys(F_CITY, F_CARD)["UK_SSSE"].reveal()
    given = {"key": key.hex(), "process": "1122334455667788", "original": "a1a2a3a4a5a6a7a8"}
    process, original = bytes.fromhex(given["process"]), bytes.fromhex(given["original"])
    assert centre.authenticate("UK_SSSE", F_CITY, F_CARD, process, original) == oracle.authenticate(given)
