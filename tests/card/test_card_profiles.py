"""Every declared record and field is walked by one test; the checker refuses every contradiction it knows."""

from importlib.resources import files

import pytest

from card.errors import ProfileError
from card.files import codecs
from card.files.kinds import Access, CyclicEf, Field, RecordEf, RecordField, TransparentEf
from card.files.profile import AtrSpec, load_profile, parse_profile
from card.files.tree import FileTree, fields_of, record_of
from card.text_codec import Edition

NAMES = ("ssc-2.00", "tunion", "psam-ssc", "psam-transit")
DECLARED = [
    pytest.param(profile.text_codec, item, id=f"{profile.name}:{ef.path}.{item.name}")
    for profile in map(load_profile, NAMES)
    for ef in profile.files
    for item in fields_of(ef)
]


@pytest.mark.parametrize(("edition", "item"), DECLARED)
def test_the_example_of_a_declared_field_goes_to_bytes_and_back(edition: Edition, item: Field) -> None:
    assert item.example is not None
    value, raw = codecs.parse(item, item.example.value), bytes.fromhex(item.example.hex)
    if isinstance(item, RecordField):
        assert raw[0] == item.tag
        assert raw[1] == item.length == len(raw) - 2
        assert codecs.encode_record(item, value, edition) == raw
        assert codecs.decode_record(item, raw, edition) == value
    else:
        assert codecs.encode(item, value, edition) == raw
        assert codecs.decode(item, raw, edition) == value


def test_the_basic_data_of_a_2_00_card_are_complete() -> None:
    """card §1.4 and §1.5: (record, tag, length) of every declared file."""
    profile = load_profile("ssc-2.00")
    expected = {
        ("SSSE", "EF05"): [(1, 1, 16), (2, 2, 1), (3, 3, 4), (4, 4, 12), (5, 5, 4), (6, 6, 4), (7, 7, 9)],
        ("SSSE", "EF06"): [(1, 8, 18), (2, 9, 30), (3, 0x4E, 20), (4, 0xA, 1), (5, 0xB, 1), (6, 0xC, 3), (7, 0xD, 4)],
        ("DF01", "EF05"): [(1, 0x20, 2), (2, 0x21, 80), (3, 0x0E, 3)],
        ("DF01", "EF06"): [(1, 0x23, 80), (2, 0x24, 3), (3, 0x28, 15), (4, 0x2C, 50), (5, 0x2D, 15)],
    }
    for (directory, fid), records in expected.items():
        ef = profile.file(directory, fid)
        assert isinstance(ef, RecordEf)
        assert [(item.no, item.tag, item.length) for item in ef.records] == records


def test_the_purse_files_have_their_standard_sizes() -> None:
    """keys-and-purse §1.2."""
    profile = load_profile("tunion")
    sizes = {ef.fid.hex(): ef.size for ef in profile.files if isinstance(ef, TransparentEf | CyclicEf)}
    assert sizes == {"0015": 30, "0016": 55, "0017": 60, "0018": 23, "001e": 48}
    capacities = {ef.fid.hex(): ef.capacity for ef in profile.files if isinstance(ef, CyclicEf)}
    assert capacities["0018"] >= 10
    assert capacities["001e"] == 30


@pytest.mark.parametrize(
    ("text", "held", "open_"),
    [
        ("free", (), True),
        ("forbidden", ("pin", "key:RK"), False),
        ("pin|key:RK", (), False),
        ("pin|key:RK", ("key:RK",), True),
        ("pin+key:RK", ("pin",), False),
        ("pin+key:RK", ("pin", "key:RK"), True),
    ],
)
def test_access_conditions(text: str, held: tuple[str, ...], open_: bool) -> None:
    assert Access.parse(text).satisfied_by(frozenset(held)) is open_


@pytest.mark.parametrize("text", ["", "anyone", "key:", "pin:x", "free|pin"])
def test_unknown_access_conditions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unknown access proof"):
        Access.parse(text)


def source(name: str) -> str:
    return files("card.profiles").joinpath(f"{name}.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("length = 18", "length = 17", "example"),
        ('name = "citizen_no"', 'name = "name"', "twice"),
        ("no = 7\ntag = 0x0D", "no = 8\ntag = 0x0D", "count from one"),
        ("tag = 0x0D", "tag = 0x0C", "twice"),
        ("sfi = 6", "sfi = 7", "low five bits"),
        ('write = "key:UK_SSSE"', 'write = "key:UK_NOBODY"', "UK_NOBODY"),
        ('write = "key:UK_SSSE"', 'write = "whoever"', "access"),
        ('parent = "SSSE"', 'parent = "DF99"', "DF99"),
        ('text_codec = "gb18030-2022"', 'text_codec = "utf-8"', "text_codec"),
        ("max_tries = 6", "max_tries = true", "not of type"),
        ("max_tries = 6", "max_trials = 6", "max_trials"),
        ("max_tries = 6 ", "#", "max_tries"),
        ("[card_id]", "[card_identity]", "card_identity"),
        ("[crypto]", "[[crypto]]", "table"),
        ('kind = "record"', 'kind = "heap"', "heap"),
        ('format = "cn"', 'format = "ebcdic"', "format"),
        ('name = "MF"', "name = ", "TOML"),
    ],
)
def test_the_checker_names_what_is_wrong(old: str, new: str, says: str) -> None:
    text = source("ssc-2.00")
    assert old in text
    with pytest.raises(ProfileError, match=says):
        parse_profile(text.replace(old, new, 1))


def test_a_purse_file_must_add_up_and_its_dialect_be_known() -> None:
    with pytest.raises(ProfileError, match="add up"):
        parse_profile(source("tunion").replace("size = 48", "size = 47"))
    with pytest.raises(ProfileError, match="prove_order is not known"):
        parse_profile(source("tunion").replace('prove_order = "mac_tac"', 'prove_order = "sorted"'))
    with pytest.raises(ProfileError, match="no card profile"):
        load_profile("ssc-9.99")


def test_a_chip_is_a_list_of_profiles() -> None:
    tree = FileTree.of("ssc-2.00", "tunion")
    assert [directory.name for directory in tree.dirs] == ["MF", "SSSE", "DF01", "EP"]
    assert {key.name for key in tree.keys} >= {"MK.MF", "MK.EP", "IRK", "DLK", "DPK", "DTK"}
    assert tree.find("citizen_no").file.path == "SSSE/EF06"
    assert tree.find("DF01/EF05/household_region").field.length == 3
    assert [ef.fid.hex() for ef in tree.files_of("EP")] == ["0015", "0016", "0017", "0018", "001e"]
    assert tree.edition_of(tree.files_of("SSSE")[0]) is Edition.GB18030_2022
    with pytest.raises(ProfileError, match="2 fields"):
        tree.find("valid_to")
    with pytest.raises(ProfileError, match="no record"):
        record_of(tree.files_of("SSSE")[0], "name")


def test_two_profiles_may_not_contradict_each_other() -> None:
    other = parse_profile(source("tunion").replace('fid = "3F00"', 'fid = "3FFF"'))
    with pytest.raises(ProfileError, match="two ways"):
        FileTree((load_profile("ssc-2.00"), other))


def test_keys_have_three_separate_columns() -> None:
    key = load_profile("ssc-2.00").key("UK_SSSE")
    assert (key.card_kid, key.psam_kid, key.hsm) == (0x04, 0x12, "0094:12")
    assert load_profile("ssc-2.00").keys_of("DF01")[0].name == "MK.DF01"


def test_an_atr_is_built_from_region_and_serial() -> None:
    atr = load_profile("ssc-2.00").atr
    assert isinstance(atr, AtrSpec)
    built = atr.build(bytes.fromhex("460100"), bytes.fromhex("000001"))
    assert built.hex() == "3b6d000000814e43238697460100000001"
    assert atr.historical(built) == built[4:]
    with pytest.raises(ValueError, match="three bytes"):
        atr.build(b"\x46", b"\x00\x00\x01")


def test_factory_content_is_empty_in_every_format() -> None:
    for name in NAMES:
        profile = load_profile(name)
        for ef in profile.files:
            for field, raw in zip(fields_of(ef), codecs.blank_file(ef), strict=False):
                if isinstance(field, RecordField):
                    assert codecs.decode_record(field, raw, profile.text_codec) in ("", b"", 0)
