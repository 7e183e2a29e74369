"""APDUs and TLV: examples, names, and round trips of anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card.apdu import SW, CommandApdu, ResponseApdu, command_name, sw_name, tries_left
from card.errors import TlvError
from card.tlv import SimpleTlv, Tlv, build_simple, parse_ber, parse_simple


@pytest.mark.parametrize(
    ("command", "raw"),
    [
        (CommandApdu(0, 0xA4), "00A40000"),
        (CommandApdu(0, 0x84, le=8), "0084000008"),
        (CommandApdu(0, 0xB0, 0x95, le=256), "00B0950000"),
        (CommandApdu(0, 0x20, data=b"\x12\x34"), "00200000021234"),
        (CommandApdu(0x80, 0x5C, 0, 2, b"\x01", 4), "805C0002010104"),
        (CommandApdu(0, 0xD6, data=bytes(256)), "00D60000" + "000100" + "00" * 256),
        (CommandApdu(0, 0xB0, le=65536), "00B00000000000"),
        (CommandApdu(0, 0xB0, le=300), "00B0000000012C"),
        (CommandApdu(0, 0xD6, data=bytes(300), le=5), "00D60000" + "00012C" + "00" * 300 + "0005"),
    ],
)
def test_forms_of_a_command(command: CommandApdu, raw: str) -> None:
    assert command.to_bytes() == bytes.fromhex(raw)
    assert CommandApdu.parse(bytes.fromhex(raw)) == command


@pytest.mark.parametrize("raw", ["00A4", "00A4000002DD", "00A4000002DDF10000", "00D6000000010000"])
def test_contradicting_lengths_are_refused(raw: str) -> None:
    with pytest.raises(ValueError, match=r"head|length"):
        CommandApdu.parse(bytes.fromhex(raw))


@given(
    st.tuples(*[st.integers(0, 255)] * 4),
    st.binary(max_size=600),
    st.none() | st.integers(1, 65536),
)
def test_commands_round_trip(head: tuple[int, int, int, int], data: bytes, le: int | None) -> None:
    command = CommandApdu(*head, data, le)
    assert CommandApdu.parse(command.to_bytes()) == command


@given(st.binary(max_size=300), st.integers(0, 0xFFFF))
def test_answers_round_trip(data: bytes, sw: int) -> None:
    answer = ResponseApdu(data, sw)
    assert ResponseApdu.parse(answer.to_bytes()) == answer


def test_out_of_range_parts_are_refused() -> None:
    for bad in ({"p1": 256}, {"le": 0}, {"data": bytes(65536)}):
        with pytest.raises(ValueError, match=r"byte|range"):
            CommandApdu(0, 0xA4, **bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="status word"):
        ResponseApdu.parse(b"\x90")


def test_representations_show_no_data() -> None:
    assert "3132" not in repr(CommandApdu(0, 0x20, data=b"12"))
    assert "3132" not in repr(ResponseApdu(b"12", 0x9000))
    assert "AA" not in repr(SimpleTlv(8, b"\xaa")) + repr(Tlv(0x84, b"\xaa"))


@pytest.mark.parametrize(
    ("sw", "name"),
    [
        (0x9000, "9000 OK"),
        (0x63C2, "63C2 TRIES LEFT 2"),
        (0x6108, "6108 MORE DATA"),
        (0x6C10, "6C10 EXACT LENGTH"),
        (0x6A82, "6A82 FILE NOT FOUND"),
        (0x1234, "1234"),
    ],
)
def test_status_words_have_names(sw: int, name: str) -> None:
    assert sw_name(sw) == name


def test_tries_left() -> None:
    assert [tries_left(sw) for sw in (0x63C0, 0x63C5, 0x6300, 0x9000)] == [0, 5, None, None]
    assert SW.METHOD_BLOCKED == 0x6983


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("00A40000", "SELECT"),
        ("805000020B", "INITIALIZE FOR LOAD"),
        ("805003020B", "INITIALIZE FOR CAPP PURCHASE"),
        ("8054010000", "DEBIT FOR PURCHASE"),
        ("80DC00F030", "UPDATE CAPP DATA CACHE"),
        ("00DC00F030", "UPDATE RECORD"),
        ("BFDE4812", "PSAM INIT SESSION KEY"),
        ("8070000024", "INIT SAM FOR PURCHASE"),
        ("84D40000", "WRITE KEY"),
        ("00990000", "00 99"),
    ],
)
def test_commands_have_the_names_of_the_standard(raw: str, name: str) -> None:
    assert command_name(bytes.fromhex(raw)) == name


def simple_items() -> st.SearchStrategy[tuple[SimpleTlv, ...]]:
    item = st.builds(SimpleTlv, st.integers(1, 254), st.binary(max_size=254))
    return st.lists(item, max_size=6).map(tuple)


@given(simple_items())
def test_simple_tlv_round_trips(items: tuple[SimpleTlv, ...]) -> None:
    assert parse_simple(build_simple(items)) == items


def ber_trees() -> st.SearchStrategy[Tlv]:
    primitive = st.builds(
        Tlv, st.sampled_from([0x84, 0x50, 0x4F, 0x9F08, 0x9F0C, 0x5F2D, 0x9F8101]), st.binary(max_size=300)
    )
    return st.recursive(
        primitive,
        lambda inner: st.builds(
            lambda tag, children: Tlv(tag, b"", tuple(children)),
            st.sampled_from([0x6F, 0xA5, 0x70, 0x61, 0xBF0C]),
            st.lists(inner, max_size=3),
        ),
        max_leaves=6,
    )


@given(st.lists(ber_trees(), max_size=3))
def test_ber_tlv_round_trips(items: list[Tlv]) -> None:
    assert parse_ber(b"".join(item.to_bytes() for item in items), max_depth=32) == tuple(items)


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_refused(raw: bytes) -> None:
    for parse in (parse_simple, parse_ber):
        try:
            parse(raw)
        except TlvError:
            continue


def test_the_purse_fci_gives_file_0015() -> None:
    """The FCI form of keys-and-purse §1.2: 6F{84 AID, A5{9F08, 9F0C 0015}}."""
    content = bytes(range(30))
    raw = bytes.fromhex("6F318408A000000632010105A5259F0801029F0C1E") + content
    (fci,) = parse_ber(raw)
    found = fci.find(0x9F0C)
    assert found is not None
    assert found.value == content
    assert fci.find(0x88) is None
    assert fci.to_bytes() == raw


@pytest.mark.parametrize(
    "raw",
    ["84", "8402AA", "6F80", "6F8400000001", "00", "9F", "9F8181", "9F81818101", "84FF"],
)
def test_broken_ber_is_refused(raw: str) -> None:
    with pytest.raises(TlvError):
        parse_ber(bytes.fromhex(raw))


def test_depth_and_count_are_bounded() -> None:
    raw = b""
    for _ in range(9):
        raw = b"\x6f" + bytes([len(raw)]) + raw
    with pytest.raises(TlvError, match="deep"):
        parse_ber(raw)
    with pytest.raises(TlvError, match="many"):
        parse_ber(b"\x84\x00" * 1025)


@pytest.mark.parametrize("raw", ["08", "0802AA", "0801AA09"])
def test_broken_records_are_refused(raw: str) -> None:
    with pytest.raises(TlvError):
        parse_simple(bytes.fromhex(raw))


def test_a_simple_tlv_has_one_byte_of_everything() -> None:
    for tag, size in ((0, 1), (255, 1), (8, 255)):
        with pytest.raises(TlvError):
            SimpleTlv(tag, bytes(size))
    with pytest.raises(TlvError):
        Tlv(0x1000000, b"").to_bytes()
