"""What the host makes of wrong lengths, cut TLV, unseen status words and garbage, and what it never sends at all."""

from collections.abc import Callable
from pathlib import Path

import pytest

from card import bank, commands, errors
from card.access import Need
from card.apdu import CommandApdu, sw_name
from card.channel import protocol_of, standard
from card.domain.money import Fen
from card.files.kinds import Access, TransparentEf
from card.files.profile import load_profile
from card.holder import PinSession
from card.interface import Interface, interface_of
from card.maintenance import Maintenance
from card.pin import Pin
from card.purse import PurseSession
from card.reference import resolve
from card.session import SscSession
from card.status import ask, check_key, send
from card.writing import FileRecord, PlannedStep, WritePlan, digest
from tests.card.scripted import ATR_2_00, Function, Script

SSC, SSC3, SSC1 = load_profile("ssc-2.00"), load_profile("ssc-3.00"), load_profile("ssc-1.00")
TUNION = load_profile("tunion")
SELECT_SSSE = ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "9000")
CONTACTLESS = (
    bytes.fromhex("3B8D8001")
    + SSC3.contactless.build(  # type: ignore[union-attr]
        bytes.fromhex("460100"), bytes.fromhex("000001")
    )[-13:]
    + b"\x00"
)
T1_ATR = bytes.fromhex("3BED00008131FE43") + bytes(13) + b"\x00"
EA = "00820004100102030405060708090A0B0C0D0E0F10"
NAME = "091E" + "CDF5D0A1C3F7" + "00" * 24


def authorise(key: object, challenge: bytes) -> bytes:
    return bytes(range(1, 17))


def ssc(*steps: tuple[str, str], profile: object = SSC) -> tuple[SscSession, Script]:
    script = Script([SELECT_SSSE, *steps])
    session = SscSession(script, SSC if profile is SSC else SSC1)
    session.select()
    return session, script


# ---- bad answers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected", "named"),
    [
        ("", errors.CardLostError, "pulled"),
        ("90", errors.CardGarbageError, "no status word"),
        ("0000", errors.CardGarbageError, "0000"),
        ("FFFF", errors.CardGarbageError, "FFFF"),
        ("AABB60FF", errors.CardGarbageError, "60FF"),
        ("6C07", errors.UnexpectedSwError, "EXACT LENGTH"),
        ("6108", errors.UnexpectedSwError, "MORE DATA"),
        ("6F12", errors.UnexpectedSwError, "6F12"),
        ("6A91", errors.UnexpectedSwError, "WRONG PARAMETERS"),
        ("6581", errors.CardMemoryError, "MEMORY FAILURE"),
        ("6988", errors.LineMacError, "SM DATA WRONG"),
        ("6A88", errors.KeyMissingError, "KEY NOT FOUND"),
        ("9408", errors.UnexpectedSwError, "GREY LOCKED"),
        ("01029000", errors.CardDataError, "2 bytes, 4 expected"),
        ("00" * 256 + "9000", errors.CardDataError, "256 bytes, 4 expected"),
    ],
)
def test_every_bad_answer_is_an_error_of_its_own_name(
    answer: str, expected: type[errors.CardError], named: str
) -> None:
    with pytest.raises(expected, match=named):
        ask(Script([("805C000204", answer)]), commands.get_balance(2), "get balance", 4)


@pytest.mark.parametrize("sw", range(0x6100, 0x10000, 0x6B))
def test_no_status_word_at_all_escapes_as_an_untyped_exception(sw: int) -> None:
    script = Function(lambda apdu: sw.to_bytes(2, "big"))
    purse = PurseSession(script, TUNION)
    for deed in (purse.select, purse.balance, purse.balances, lambda: purse.init_load(Fen(1), bytes(6))):
        with pytest.raises(errors.CardError):
            deed()
    assert sw_name(sw).startswith(f"{sw:04X}")


@pytest.mark.parametrize(
    ("sw", "expected", "left"),
    [
        (0x63C2, errors.AccessDeniedError, 2),
        (0x6300, errors.AccessDeniedError, None),
        (0x63C0, errors.KeyBlockedError, None),
        (0x6983, errors.KeyBlockedError, None),
    ],
)
def test_a_keys_tries_are_told_apart_from_a_pins(sw: int, expected: type[errors.CardError], left: int | None) -> None:
    with pytest.raises(expected) as refused:
        check_key(sw, "prove a key")
    assert getattr(refused.value, "tries_left", None) == left


@pytest.mark.parametrize("fci", ["6F10840E", "6F8500", "6F", "9F0C", "6F02A581" + "00" * 3, "00" * 40])
def test_a_cut_off_fci_is_card_data_not_a_crash(fci: str) -> None:
    answer = fci + "9000"
    script = Script([("00A4040008A000000632010105", answer), *[("00B095001E", "6A82")] * 1])
    with pytest.raises((errors.CardDataError, errors.UnexpectedSwError)):
        PurseSession(script, TUNION).select()


BANK_AID = "00A4040008A000000333010101"


@pytest.mark.parametrize(
    ("gpo", "record"),
    [
        ("770A8202000094030801", "00"),
        ("80067C0008010100", "70045A026217"),
        ("80067C0008010100", "70"),
        ("80067C0008010100", "7003570162"),
        ("80067C00080100FF", "70029F3600"),
        ("80047C000801", ""),
        ("8002", ""),
        ("", ""),
    ],
)
def test_a_bank_application_that_lies_is_card_data(gpo: str, record: str) -> None:
    def answer(apdu: bytes) -> bytes:
        if apdu[1] == 0xA4:
            return bytes.fromhex("9000") if apdu.hex().upper() == BANK_AID else bytes.fromhex("6A82")
        return bytes.fromhex((gpo if apdu[1] == 0xA8 else record) + "9000")

    with pytest.raises(errors.CardDataError):
        bank.read_pan(Function(answer))


def test_no_bank_application_is_said_so() -> None:
    with pytest.raises(errors.ForeignCardError):
        bank.read_pan(Function(lambda apdu: b"\x6a\x82"))
    with pytest.raises(errors.TlvError):
        bank._pdol(bytes.fromhex("9F"))
    assert bank._pdol(bytes.fromhex("9F66049F0206")) == bytes.fromhex("26000000") + bytes(6)


# ---- what a file asks for ----------------------------------------------------------------------------------


def test_what_a_file_asks_for_is_known_before_anything_is_sent() -> None:
    session, script = ssc()
    need = session.need("DF01/EF05")
    assert need.missing == ("pin",) and "密码" in need.zh and "PIN or authentication" in need.en
    for deed in (lambda: session.read_ref("DF01/EF05"), lambda: session.write("SSSE/EF06/09", "李小红")):
        with pytest.raises(errors.AccessNeedError) as refused:
            deed()
        assert refused.value.missing
    script.done()


def test_the_way_with_the_fewest_new_proofs_is_taken() -> None:
    access = Access.parse("pin+key:A|key:B|mac:C")
    assert Need("x", "read", access, frozenset()).way(True, True, True) == ("key:B",)
    assert Need("x", "read", access, frozenset({"pin", "key:A"})).way(False, False, False) == ()
    assert Need("x", "read", access, frozenset({"pin"})).way(False, True, False) == ("key:A",)
    assert Need("x", "read", access, frozenset()).way(True, False, False) is None
    assert Need("x", "read", Access.parse("cos"), frozenset()).way(True, True, True) is None
    assert Need("x", "read", Access.parse("forbidden"), frozenset()).missing == ()
    assert Need("x", "read", Access.parse("free"), frozenset()).en == "nothing"


@pytest.mark.parametrize(
    "place", ["SSSE", "SSSE/EF06/FF", "SSSE/EF99", "SSSE/EF06:01", "SSSE/zz", "DF02/EF05/43:09", "a/b/c/d"]
)
def test_an_undeclared_place_is_named(place: str) -> None:
    with pytest.raises(errors.ProfileError):
        resolve(SSC, place)


def test_places_have_one_spelling() -> None:
    assert resolve(SSC, "SSSE/EF06/name").text == "SSSE/EF06/09"
    assert resolve(SSC, "DF02/EF05/43:02").text == "DF02/EF05/43:02"
    assert resolve(SSC, "DF04/EF08:03").text == "DF04/EF08:03"


# ---- writing -----------------------------------------------------------------------------------------------


def test_a_write_is_proven_compared_and_read_back() -> None:
    session, script = ssc(
        ("0084000008", "1122334455667788" + "9000"),
        (EA, "9000"),
        ("00B2093020", NAME + "9000"),
        ("00DC023420091EC0EED0A1BAEC" + "00" * 24, "9000"),
        ("00B2093020", "091EC0EED0A1BAEC" + "00" * 24 + "9000"),
    )
    written = session.write("SSSE/EF06/09", "李小红", authorise)
    assert written.steps == ("SSSE/EF06/09",) and written.read_back
    script.done()


def test_a_card_that_took_something_else_is_found_out() -> None:
    session, _ = ssc(
        ("0084000008", "1122334455667788" + "9000"),
        (EA, "9000"),
        ("00B2093020", NAME + "9000"),
        ("00DC023420091EC0EED0A1BAEC" + "00" * 24, "9000"),
        ("00B2093020", NAME + "9000"),
    )
    with pytest.raises(errors.CardDataError, match="not what was written"):
        session.write("SSSE/EF06/09", "李小红", authorise)


@pytest.mark.parametrize(
    ("place", "values"),
    [
        ("SSSE/EF06", {}),
        ("SSSE/EF06", {"nobody": "x"}),
        ("SSSE/EF06/0A", "12"),
        ("SSSE/EF06", "text"),
        ("SSSE/EF08", {"x": b""}),
    ],
)
def test_values_that_cannot_stand_on_the_card_never_leave_the_host(place: str, values: object) -> None:
    session, script = ssc()
    with pytest.raises(errors.FieldError):
        session.write(place, values, authorise)  # type: ignore[arg-type]
    script.done()


def test_a_card_of_a_version_that_is_only_read() -> None:
    session, script = ssc(profile=SSC1)
    with pytest.raises(errors.ReadOnlyProfileError):
        session.write("SSSE/EF06/09", "李小红", authorise)
    script.done()


def test_a_refused_first_step_leaves_no_open_record(tmp_path: Path) -> None:
    record = FileRecord(tmp_path / "write.jsonl")
    session, _ = ssc(
        ("0084000008", "1122334455667788" + "9000"),
        (EA, "9000"),
        ("00B2093020", NAME + "9000"),
        ("00B20A3003", "0A01319000"),
        ("00DC023420091EC0EED0A1BAEC" + "00" * 24, "6A80"),
    )
    with pytest.raises(errors.UnexpectedSwError):
        session.write("SSSE/EF06", {"name": "李小红", "sex": "2"}, authorise, record=record)
    assert record.unfinished() is None


def test_a_torn_second_step_leaves_a_record_that_survives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "write.jsonl"
    session, _ = ssc(
        ("0084000008", "1122334455667788" + "9000"),
        (EA, "9000"),
        ("00B2093020", NAME + "9000"),
        ("00B20A3003", "0A01319000"),
        ("00DC023420091EC0EED0A1BAEC" + "00" * 24, "9000"),
        ("00DC0434030A0132", ""),
    )
    with pytest.raises(errors.HalfWrittenError) as torn:
        session.write("SSSE/EF06", {"name": "李小红", "sex": "2"}, authorise, record=FileRecord(path))
    assert (torn.value.written, torn.value.open) == (("SSSE/EF06/09",), ("SSSE/EF06/0A",))
    left = FileRecord(path).unfinished()
    assert left is not None and (left.written, left.sent, left.untouched) == ((0,), 1, ())
    card = ATR_2_00.hex()
    assert left.plan.steps[0].before == digest(card, "SSSE/EF06/09", bytes.fromhex(NAME))
    assert left.plan.steps[1].after == digest(card, "SSSE/EF06/0A", bytes.fromhex("0A0132"))
    assert "李" not in path.read_text("utf-8") and NAME.lower() not in path.read_text("utf-8")
    with pytest.raises(errors.CardDataError, match="not settled"):
        FileRecord(path).begin(left.plan)


def test_a_record_cut_off_in_its_last_line_means_that_line_never_was(tmp_path: Path) -> None:
    path = tmp_path / "write.jsonl"
    record = FileRecord(path)
    record.begin(WritePlan("aa", "SSSE/EF06", (PlannedStep("r1", 1, "", "x"), PlannedStep("r2", 2, "", "y"))))
    record.sending(0)
    record.written(0)
    record.sending(1)
    whole = path.read_text("utf-8")
    path.write_text(whole[:-8], "utf-8")
    left = record.unfinished()
    assert left is not None and (left.written, left.sent, left.untouched) == ((0,), None, (1,))
    record.finish()
    assert record.unfinished() is None


# ---- interfaces and protocols ------------------------------------------------------------------------------


def test_what_needs_contacts_is_refused_before_anything_is_sent() -> None:
    assert interface_of(CONTACTLESS) is Interface.CONTACTLESS and interface_of(ATR_2_00) is Interface.CONTACT
    script = Script([], CONTACTLESS)
    session = SscSession(script, SSC3)
    assert session.atr.region == "460100"
    deeds: list[Callable[[], object]] = [
        lambda: session.verify_pin(Pin("123456")),
        lambda: session.change_pin(Pin("123456"), Pin("246801")),
        session.pin_state,
    ]
    for deed in deeds:
        with pytest.raises(errors.ContactlessRefusedError):
            deed()
    script.done()


def test_the_protocol_is_the_readers_or_the_first_the_card_offers() -> None:
    assert protocol_of(Script([])) == "T=0"
    assert protocol_of(Script([], T1_ATR)) == "T=1"
    assert protocol_of(Script([], CONTACTLESS)) == "T=CL"


def test_a_long_command_goes_whole_where_the_card_takes_it_and_in_blocks_elsewhere() -> None:
    long = CommandApdu(0x00, 0xD6, data=bytes(300))
    whole = Script([(long.to_bytes().hex(), "9000")], T1_ATR)
    assert send(standard(whole, extended=True), long).ok
    blocks = Script([("10D60000FF" + "00" * 255, "9000"), ("00D600002D" + "00" * 45, "9000")], T1_ATR)
    assert send(standard(blocks), long).ok
    blocks.done()


def test_a_long_file_is_selected_and_read_in_pieces() -> None:
    photo = SSC.file("SSSE", "EF08")
    assert isinstance(photo, TransparentEf) and photo.size > 256

    def answer(apdu: bytes) -> bytes:
        if apdu[1] == 0xA4:
            return b"\x90\x00"
        offset, length = int.from_bytes(apdu[2:4], "big"), apdu[-1] or 256
        return bytes((offset + at) & 0xFF for at in range(length)) + b"\x90\x00"

    channel = Function(answer)
    raw = PinSession(channel, SSC).read_raw(photo)
    assert raw == bytes(at & 0xFF for at in range(photo.size))
    assert len(channel.sent) == 1 + -(-photo.size // 256)
    short = Function(lambda apdu: b"\x90\x00" if apdu[1] == 0xA4 else bytes(7) + b"\x90\x00")
    with pytest.raises(errors.CardDataError, match="7 bytes"):
        PinSession(short, SSC).read_raw(photo)


# ---- PIN and maintenance -----------------------------------------------------------------------------------


def test_a_new_pin_is_judged_before_it_is_sent() -> None:
    session, script = ssc()
    with pytest.raises(errors.PinInitialAgainError):
        session.change_pin(Pin("111111"), Pin("123456"))
    with pytest.raises(errors.PinFormatError):
        session.change_pin(Pin("111111"), Pin("12345678"))
    with pytest.raises(errors.PinInitialAgainError):
        Maintenance(session, None).reload_pin(Pin("123456"))  # type: ignore[arg-type]
    script.done()


@pytest.mark.parametrize(("answer", "left", "verified"), [("63C4", 4, False), ("6983", 0, False), ("9000", 6, True)])
def test_tries_left_are_asked_without_using_one(answer: str, left: int, verified: bool) -> None:
    session, _ = ssc(("00200000", answer))
    state = session.pin_state()
    assert (state.tries_left, state.verified, state.blocked) == (left, verified, left == 0)


def test_a_chip_with_another_master_key_is_found_out_before_any_secret_goes_out() -> None:
    class Line:
        def mac(self, initial: bytes, message: bytes) -> bytes:
            return b"good" + bytes(4)

        def encrypt(self, blocks: bytes) -> bytes:
            return blocks

    class Keys:
        def line(self, key: object, version: int | None = None) -> Line:
            return Line()

    proof = "03" + "54570001" + "01"
    session, _ = ssc(("80F400000800000000000000000A", proof + b"good".hex() + "9000"))
    found = Maintenance(session, Keys()).prove_version(bytes(8))  # type: ignore[arg-type]
    assert (found.lifecycle, found.batch.hex(), found.version) == (3, "54570001", 1)
    session, script = ssc(("80F400000800000000000000000A", proof + b"evil".hex() + "9000"))
    with pytest.raises(errors.NotGenuineError):
        Maintenance(session, Keys()).prove_version(bytes(8))  # type: ignore[arg-type]
    script.done()
