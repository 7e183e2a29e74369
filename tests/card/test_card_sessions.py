"""Sessions against hand-written byte scripts from the standards, and what each status word comes to mean."""

import json
from pathlib import Path
from typing import Any

import pytest

from card import errors
from card.domain.money import Fen
from card.files import codecs
from card.files.kinds import CyclicEf
from card.files.profile import load_profile, parse_profile
from card.files.tree import FileTree
from card.pin import Pin
from card.purse import PurseSession
from card.session import SscSession, atr_facts
from card.snapshot import read_card, read_purse, read_ssc
from card.status import check, check_pin
from tests.card.scripted import ATR_2_00, Script
from tests.card.test_card_profiles import source

VECTORS = Path(__file__).parents[1] / "vectors"
SSC = load_profile("ssc-2.00")
TUNION = load_profile("tunion")
SELECT_SSSE = ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "9000")
SELECT_DF01 = ("00A4040006D15600000500", "9000")
SELECT_EP = "00A4040008A000000632010105"
PUBLIC = "01011000FFFFFFFF0202031051700101709079842026011520360114" + "0000"


def ssc(steps: list[tuple[str, str]]) -> tuple[SscSession, Script]:
    script = Script(steps)
    return SscSession(script, SSC), script


def purse(steps: list[tuple[str, str]]) -> tuple[PurseSession, Script]:
    script = Script(steps)
    return PurseSession(script, TUNION), script


def basic_steps(**replaced: str) -> list[tuple[str, str]]:
    """Reading every example record of EF05 and EF06 by tag."""
    steps = []
    for fid, sfi in (("EF05", 5), ("EF06", 6)):
        for record in SSC.file("SSSE", fid).records:  # type: ignore[union-attr]
            assert record.example is not None
            raw = replaced.get(record.name, record.example.hex + "9000")
            steps.append((f"00B2{record.tag:02X}{sfi << 3:02X}{record.length + 2:02X}", raw))
    return steps


def test_reading_the_basic_data_record_by_record() -> None:
    script = Script([SELECT_SSSE, *basic_steps()])
    snapshot = read_ssc(script)
    script.done()
    assert snapshot.text("citizen_no") == "460100199001011230"
    assert (snapshot.name, snapshot.text("version"), snapshot.text("valid_to")) == ("王小明", "2.00", "20360114")
    assert snapshot.card_id.region == "460100"
    assert snapshot.reset_info == "00814E43238697460100000001"
    assert snapshot.bound_to_atr
    assert snapshot.personalised
    assert "460100199001011230" not in repr(snapshot)
    assert "王" not in repr(snapshot)


def test_a_copied_file_on_another_chip_is_not_bound_to_the_atr() -> None:
    atr = ATR_2_00[:-1] + b"\x02"
    assert not read_ssc(Script([SELECT_SSSE, *basic_steps()], atr)).bound_to_atr


def test_a_copied_file_on_a_chip_of_another_city_with_the_same_serial_is_not_bound_to_the_atr() -> None:
    other_city = ATR_2_00.replace(bytes.fromhex("460100"), bytes.fromhex("460200"))
    assert other_city[-4:] == ATR_2_00[-4:]
    assert not read_ssc(Script([SELECT_SSSE, *basic_steps()], other_city)).bound_to_atr


def test_a_factory_card_reads_as_empty() -> None:
    blank = {}
    for fid in ("EF05", "EF06"):
        ef = SSC.file("SSSE", fid)
        for record, raw in zip(ef.records, codecs.blank_file(ef), strict=True):  # type: ignore[union-attr]
            blank[record.name] = raw.hex() + "9000"
    snapshot = read_ssc(Script([SELECT_SSSE, *basic_steps(**blank)]))
    assert not snapshot.personalised
    assert not snapshot.bound_to_atr
    assert snapshot.name == ""
    with pytest.raises(errors.CardDataError):
        _ = snapshot.card_id


def test_a_card_without_tag_addressing_is_read_by_number() -> None:
    ef = SSC.file("SSSE", "EF06")
    script = Script([("00B2083014", "6A83"), ("00B2013414", "0812343630313030313939303031303131323330" + "9000")])
    session = SscSession(script, SSC)
    assert session.read_record(ef, ef.records[0]) == "460100199001011230"  # type: ignore[union-attr, arg-type]
    script.done()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("6A82", errors.ForeignCardError),
        ("6A81", errors.CardBlockedError),
        ("6283", errors.CardBlockedError),
        ("9303", errors.CardBlockedError),
        ("6E00", errors.UnexpectedSwError),
        ("", errors.CardLostError),
    ],
)
def test_what_the_answer_to_select_means(answer: str, expected: type[errors.CardError]) -> None:
    steps = [(SELECT_SSSE[0], answer)]
    if answer == "6A82":
        steps.append(("00A4000002DDF1", answer))
    session, script = ssc(steps)
    with pytest.raises(expected):
        session.select()
    script.done()


def test_select_falls_back_to_the_file_identifier() -> None:
    session, script = ssc([(SELECT_SSSE[0], "6A82"), ("00A4000002DDF1", "6F009000")])
    assert session.select() == b"\x6f\x00"
    script.done()


def test_a_card_that_is_pulled_or_foreign_in_the_middle() -> None:
    with pytest.raises(errors.CardLostError):
        read_ssc(Script([SELECT_SSSE, *basic_steps()[:3], ("00B204280E", "")]))
    with pytest.raises(errors.ForeignCardError):
        read_ssc(Script([SELECT_SSSE, ("00B2012812", "6A82")]))
    with pytest.raises(errors.UnexpectedSwError):
        read_ssc(Script([SELECT_SSSE, ("00B2012812", "6F00")]))
    with pytest.raises(errors.CardDataError):
        read_ssc(Script([SELECT_SSSE, ("00B2012812", "0810" + "00" * 16 + "9000")]))


def test_a_card_pulled_while_it_gets_its_power_is_lost_not_foreign() -> None:
    mangled = bytes.fromhex("3B6D000000814E43238697460100000001" + "00" * 16)
    with pytest.raises(errors.CardLostError):
        SscSession(Script([("00A40000023F00", "")], mangled), SSC)
    with pytest.raises(errors.ForeignCardError):
        SscSession(Script([("00A40000023F00", "9000")], mangled), SSC)


VECTOR_ATRS = json.loads((VECTORS / "card_atr.json").read_text("utf-8"))


@pytest.mark.parametrize("case", VECTOR_ATRS["cases"], ids=lambda case: case["name"])
def test_answers_to_reset(case: dict[str, Any]) -> None:
    facts = atr_facts(bytes.fromhex(case["atr"]), SSC)
    found = {
        "historical": facts.historical.hex().upper(),
        "card_factor": facts.card_factor.hex().upper(),
        "tail": facts.tail.hex().upper(),
        "region": facts.region,
    }
    assert found == case["expect"]


@pytest.mark.parametrize("case", VECTOR_ATRS["foreign"], ids=lambda case: case["name"])
def test_foreign_answers_to_reset(case: dict[str, Any]) -> None:
    with pytest.raises(errors.ForeignCardError) as foreign:
        SscSession(Script([("00A40000023F00", "6A82")], bytes.fromhex(case["atr"])), SSC)
    assert foreign.value.code == case["expect"]


@pytest.mark.parametrize(
    ("sw", "expected"),
    [
        (0x63C5, errors.PinError),
        (0x63C0, errors.PinBlockedError),
        (0x6983, errors.PinBlockedError),
        (0x6985, errors.PinInitialError),
        (0x6982, errors.AccessDeniedError),
        (0x6700, errors.UnexpectedSwError),
    ],
)
def test_what_a_pin_answer_means(sw: int, expected: type[errors.CardError]) -> None:
    with pytest.raises(expected) as wrong:
        check_pin(sw, "x")
    if isinstance(wrong.value, errors.PinError):
        assert wrong.value.tries_left == 5


@pytest.mark.parametrize(
    ("sw", "expected"),
    [
        (0x9401, errors.PurseFundsError),
        (0x9402, errors.PurseLimitError),
        (0x9302, errors.PurseMacError),
        (0x9303, errors.CardBlockedError),
        (0x9406, errors.ProofMissingError),
        (0x6982, errors.AccessDeniedError),
        (0x6985, errors.UnexpectedSwError),
    ],
)
def test_what_a_status_word_means(sw: int, expected: type[errors.CardError]) -> None:
    with pytest.raises(expected):
        check(sw, "x")
    check(0x9000, "x")


def test_pin_verified_changed_and_counted() -> None:
    session, script = ssc(
        [
            ("0020000003123456", "63C4"),
            ("00200000", "63C4"),
            ("805E010007123456FF654321", "9000"),
            ("0020000003654321", "9000"),
            ("00200000", "9000"),
            ("00200000", "6983"),
            ("00200000", "6D00"),
        ]
    )
    with pytest.raises(errors.PinError):
        session.verify_pin(Pin("123456"))
    assert session.pin_tries_left() == 4
    session.change_pin(Pin("123456"), Pin("654321"))
    session.verify_pin(Pin("654321"))
    assert session.pin_tries_left() == 6
    assert session.pin_tries_left() == 0
    with pytest.raises(errors.UnexpectedSwError):
        session.pin_tries_left()
    script.done()


def test_files_behind_the_pin() -> None:
    session, _ = ssc([SELECT_DF01, ("00B2202804", "6982"), ("00B2202804", "6985")])
    session.select_dir("DF01")
    with pytest.raises(errors.AccessDeniedError):
        session.read_file("DF01", "EF05")
    with pytest.raises(errors.PinInitialError):
        session.read_file("DF01", "EF05")


def test_authentications_and_writing() -> None:
    session, script = ssc(
        [
            ("008800001011223344556677880102030405060708", "A1A2A3A4A5A6A7A89000"),
            ("008800001011223344556677880102030405060708", "A1A29000"),
            ("0084000008", "11223344556677889000"),
            ("0082000410" + "00" * 8 + "11" * 8, "9000"),
            ("0082000410" + "00" * 8 + "11" * 8, "6300"),
            ("00DC052C06050420270101", "9000"),
        ]
    )
    factor, original = bytes.fromhex("1122334455667788"), bytes(range(1, 9))
    assert session.internal_authenticate(factor, original).hex() == "a1a2a3a4a5a6a7a8"
    with pytest.raises(errors.CardDataError):
        session.internal_authenticate(factor, original)
    assert session.challenge(8) == factor
    session.external_authenticate("UK_SSSE", bytes(8), b"\x11" * 8)
    with pytest.raises(errors.AccessDeniedError):
        session.external_authenticate("UK_SSSE", bytes(8), b"\x11" * 8)
    session.write_record("SSSE", "EF05", "issued", "20270101")
    with pytest.raises(errors.FieldError):
        session.write_record("SSSE", "EF05", "issued", "2027")
    script.done()


FIXTURES = json.loads((VECTORS / "card_fixtures.json").read_text("utf-8"))


@pytest.mark.parametrize("case", FIXTURES["cases"], ids=lambda case: case["name"])
def test_public_fixtures_of_purse_logs(case: dict[str, Any]) -> None:
    ef = TUNION.file("EP", case["file"])
    assert isinstance(ef, CyclicEf)
    raw = bytes.fromhex(case["hex"])
    fields = codecs.decode_fields(ef.fields, raw, TUNION.text_codec)
    shown = {name: value if isinstance(value, int) else codecs.show(value) for name, value in fields.items()}
    assert shown == case["expect"]
    assert codecs.encode_fields(ef.fields, fields, TUNION.text_codec) == raw


@pytest.mark.parametrize("case", FIXTURES["balances"], ids=lambda case: case["name"])
def test_public_fixtures_of_balances(case: dict[str, Any]) -> None:
    session, _ = purse([("805C000204", case["answer"] + "9000")])
    assert session.balance() == Fen(case["expect"])


def test_the_purse_is_known_from_its_fci() -> None:
    fci = "6F318408A000000632010105A5259F0801029F0C1E" + PUBLIC + "9000"
    session, script = purse([(SELECT_EP, fci)])
    public = session.select()
    script.done()
    assert public.serial == "03105170010170907984"
    assert public.asn.digits == "5170010170907984"
    assert public.issuer.raw.hex() == "01011000ffffffff"
    assert public.valid_to == "20360114"


def test_the_purse_without_fci_is_read_from_its_file() -> None:
    session, script = purse([(SELECT_EP, "9000"), ("00B095001E", PUBLIC + "9000")])
    assert session.select().raw.hex().upper() == PUBLIC
    script.done()


def test_a_ride_byte_by_byte() -> None:
    """Keys-and-purse §1.5 own set: 200 fen, sequence 5, terminal sequence 7."""
    session, script = purse(
        [
            ("805003020B01000000C80102030405060F", "00000AC30005000000" + "0100A1B2C3D49000"),
            ("80DC00F030" + trip_record(), "9000"),
            ("805401000F00000007202601150830006AA87FBF08", "3A79963326E9E9E29000"),
            ("805A0009020006" + "08", "26E9E9E23A7996339000"),
        ]
    )
    opened = session.init_capp(Fen(200), bytes.fromhex("010203040506"))
    assert (opened.balance, opened.offline_seq, opened.key_version, opened.algorithm) == (Fen(2755), 5, 1, 0)
    assert opened.random.hex() == "a1b2c3d4"
    session.update_capp_cache("001E", {"kind": b"\x06", "amount": 200, "balance": 2555, "at": "20260115083000"})
    debited = session.debit(7, "20260115", "083000", bytes.fromhex("6AA87FBF"))
    assert (debited.tac.hex(), debited.mac2.hex()) == ("3a799633", "26e9e9e2")
    proof = session.prove("capp", opened.offline_seq)
    assert (proof.tac, proof.mac) == (debited.tac, debited.mac2)
    script.done()


def trip_record() -> str:
    return "06" + "FF" * 8 + "FF" + "FF" * 7 + "000000C8" + "000009FB" + "20260115083000" + "FF" * 16


@pytest.mark.parametrize(
    ("sequence", "order", "asked", "mac"),
    [
        ("init", "mac_tac", "0005", "11111111"),
        ("init_plus_1", "mac_tac", "0006", "11111111"),
        ("init", "tac_mac", "0005", "22222222"),
    ],
)
def test_the_dialect_of_transaction_proofs_is_profile_data(sequence: str, order: str, asked: str, mac: str) -> None:
    text = source("tunion").replace('"init_plus_1"', f'"{sequence}"').replace('"mac_tac"', f'"{order}"')
    script = Script([(f"805A000902{asked}08", "11111111222222229000")])
    assert PurseSession(script, parse_profile(text)).prove("capp", 5).mac.hex() == mac


def test_a_load_byte_by_byte() -> None:
    """Keys-and-purse §1.5 own set: 10,000 fen onto 2,755."""
    session, script = purse(
        [
            ("805000020B010000271001020304050610", "00000AC300030100A1B2C3D4E369BC4D9000"),
            ("805200000B202601150830005847F6D804", "039780579000"),
            ("805200000B202601150830005847F6D904", "9302"),
            ("805000020B010000271001020304050610", "9402"),
        ]
    )
    opened = session.init_load(Fen(10_000), bytes.fromhex("010203040506"))
    assert (opened.balance, opened.online_seq, opened.mac1.hex()) == (Fen(2755), 3, "e369bc4d")
    assert session.credit_load("20260115", "083000", bytes.fromhex("5847F6D8")).hex() == "03978057"
    with pytest.raises(errors.PurseMacError):
        session.credit_load("20260115", "083000", bytes.fromhex("5847F6D9"))
    with pytest.raises(errors.PurseLimitError):
        session.init_load(Fen(10_000), bytes.fromhex("010203040506"))
    script.done()


def test_simple_purchase_and_missing_proof() -> None:
    session, script = purse(
        [
            ("805001020B01000000C80102030405060F", "9401"),
            ("805001020B01000000C80102030405060F", "00000AC300050000000100A1B2C3D49000"),
            ("805A000602000608", "9406"),
        ]
    )
    with pytest.raises(errors.PurseFundsError):
        session.init_purchase(Fen(200), bytes.fromhex("010203040506"))
    assert session.init_purchase(Fen(200), bytes.fromhex("010203040506")).offline_seq == 5
    with pytest.raises(errors.ProofMissingError):
        session.prove("purchase", 5)
    script.done()


def test_logs_end_at_the_first_unused_entry() -> None:
    entry = "042D000000000001F40930008900034020241229141740"
    for ending in ("6A83", "00" * 23 + "9000", "FF" * 23 + "9000"):
        session, script = purse([("00B201C417", entry + "9000"), ("00B202C417", ending)])
        (newest,) = session.log()
        assert (newest.sequence, newest.amount, newest.kind) == (1069, Fen(500), 9)
        script.done()
    session, script = purse([("00B201F430", FIXTURES["cases"][1]["hex"] + "9000")])
    assert session.trips(1)[0]["balance"] == 3585
    with pytest.raises(errors.CardDataError):
        session.read_log("EP", "0015")
    with pytest.raises(errors.CardDataError):
        session.update_capp_cache("0015", {})
    with pytest.raises(errors.CardDataError):
        session.read_file("EP", "0018")


def test_one_reading_of_a_whole_chip() -> None:
    tree = FileTree.of("ssc-2.00", "tunion")
    steps = [SELECT_SSSE, *basic_steps(), (SELECT_EP, "9000"), ("00B095001E", PUBLIC + "9000")]
    script = Script([*steps, ("805C000204", "00000AC39000")])
    snapshot = read_card(script, tree)
    script.done()
    assert snapshot.purse is not None
    assert snapshot.purse.balance == Fen(2755)
    none = Script([(SELECT_EP, "6A82"), ("00A40000023F01", "6A82")])
    assert read_purse(none) is None


def test_a_profile_without_a_purse_opens_none() -> None:
    with pytest.raises(errors.ProfileError):
        PurseSession(Script([]), SSC)
