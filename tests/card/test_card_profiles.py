"""Every declared record and field is walked by one test; the checker refuses every contradiction it knows."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import pytest

from card.errors import ProfileError
from card.files import codecs
from card.files.kinds import Access, AnyEf, CyclicEf, RecordEf, TransparentEf
from card.files.profile import (
    AtrSpec,
    Profile,
    builtin_names,
    load_profile,
    load_profile_file,
    overlay_names,
    parse_profile,
)
from card.files.tree import FileTree, fields_of, record_of
from card.text_codec import Edition
from firmware_sim.card.blueprint import blueprint
from firmware_sim.card.memory import profile_values
from tests.card import field_oracle

OVERLAYS = tuple(f"{base}+{name}" for base, name in overlay_names())
NAMES = (*builtin_names(), *OVERLAYS)
PROFILES = tuple(map(load_profile, NAMES))
FILES = [pytest.param(profile, ef, id=f"{profile.name}:{ef.path}") for profile in PROFILES for ef in profile.files]


@pytest.mark.parametrize(("profile", "ef"), FILES)
def test_every_declared_file_has_an_encoded_example_and_its_decoding(profile: Profile, ef: AnyEf) -> None:
    assert fields_of(ef)
    for item in fields_of(ef):
        value, raw = codecs.example(item)
        assert raw == field_oracle.whole(item, profile.text_codec.value), item.name
        assert codecs.encode_whole(item, value, profile.text_codec) == raw
        decoded = codecs.decode_whole(item, raw, profile.text_codec)
        assert codecs.encode_whole(item, decoded, profile.text_codec) == raw
        assert _same(decoded, value, item.length), item.name


def _same(decoded: codecs.Value, value: codecs.Value, length: int) -> bool:
    if isinstance(decoded, Mapping):
        return isinstance(value, Mapping) and decoded.keys() == value.keys()
    return decoded in (value, value.ljust(length, b"\xff") if isinstance(value, bytes) else value)


def test_this_house_declares_every_profile_it_speaks_of() -> None:
    wanted = {"ssc-1.00", "ssc-2.00", "ssc-3.00", "tunion", "tunion-sm4", "cityunion", "pboc-debit"}
    assert wanted | {"psam-ssc", "psam-transit"} <= set(NAMES)
    assert OVERLAYS == ("ssc-2.00+hainan",)


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


def tags(profile: Profile, path: str) -> list[tuple[str, str, int]]:
    ef = profile.file(*path.split("/"))
    assert isinstance(ef, RecordEf)
    return [(ef.reference(item), item.format, item.length) for item in ef.records]


def test_the_other_applications_of_a_2_00_card_are_as_their_tables_say() -> None:
    """card §1.5 to §1.9: tag, format, length; constructed records by the sums the tables give in hexadecimal."""
    profile = load_profile("ssc-2.00")
    assert tags(profile, "DF01/EF15") == [("2A", "cn", 1), *((f"40:0{n}", "b-tlv", 0x34) for n in (1, 2, 3))]
    skills = [("43:01", "b-tlv", 0x6C), ("43:02", "b-tlv", 0x6C), ("44:01", "b-tlv", 0x65), ("44:02", "b-tlv", 0x65)]
    assert tags(profile, "DF02/EF05") == [("42", "an", 3), ("41", "an", 3), *skills]
    assert [item[2] for item in tags(profile, "DF02/EF15")] == [0x10] * 4 + [4, 3]
    assert [item[2] for item in tags(profile, "DF03/EF06")] == [0x14, 2, 2, 1, 1, 4, 0x3C, 0x61, 0x61, 0x61]
    assert [item[2] for item in tags(profile, "DF03/EF19")] == [0x27] * 4 + [3, 1, 4, 4]
    assert tags(profile, "DF04/EF06") == [("90", "an", 1), ("92", "dec", 4), ("93", "an", 2)]
    assert [item[0] for item in tags(profile, "DF07/EF05")] == ["F0", "F1", "F2", "F3", "F4"]
    medical = profile.file("DF04", "EF08")
    assert isinstance(medical, CyclicEf) and (medical.size, medical.capacity) == (28, 30)
    photo = profile.file("SSSE", "EF08")
    assert isinstance(photo, TransparentEf) and photo.size == 0x1000
    assert {item.name for item in profile.dirs} == {"MF", "SSSE", *(f"DF0{n}" for n in range(1, 8))}


def test_version_1_00_is_read_only_and_unlike_2_00_where_its_table_says() -> None:
    """card §1.9."""
    old = load_profile("ssc-1.00")
    assert old.read_only and old.protocols == ("T=0",)
    assert [item[0] for item in tags(old, "SSSE/EF06")] == ["08", "09", "0A", "0B", "0C", "0D"]
    assert tags(old, "DF01/EF05") == [("20", "an", 1), ("21", "an", 0x3E), ("22", "an", 0x12)]
    assert tags(old, "DF02/EF05")[-2:] == [("43", "b-tlv", 0x1D), ("44", "b-tlv", 0x1D)]
    assert [item[1:] for item in tags(old, "DF03/EF05")][-2:] == [("dec", 3), ("dec", 3)]
    medical = old.file("DF04", "EF08")
    assert isinstance(medical, CyclicEf) and medical.capacity == 10


def test_version_3_00_hides_the_holder_and_speaks_sm4() -> None:
    """card §1.14, §3.3, §6.1; the rest is 2.00."""
    new, old = load_profile("ssc-3.00"), load_profile("ssc-2.00")
    issuer, holder = new.file("SSSE", "EF05"), new.file("SSSE", "EF06")
    assert isinstance(issuer, RecordEf) and isinstance(holder, RecordEf)
    behind = [item.name for item in issuer.records if not issuer.read_of(item).free]
    assert behind == ["card_no"]
    assert not any(holder.read_of(item).free for item in holder.records)
    assert (new.crypto.algorithm, new.crypto.algorithm_id, new.crypto.block) == ("sm4", 3, 16)
    assert not new.verified and not new.crypto.verified and old.verified
    assert new.certificate is not None and new.file("CERT", "0012").fid == b"\x00\x12"
    assert set(new.protocols) == {"T=0", "T=1", "T=CL"}
    shared = {ef.path for ef in old.files}
    assert {ef.path for ef in new.files} - shared == {"CERT/0012", "CERT/0018", "CERT/0019"}


def test_a_province_adds_files_by_a_further_file(tmp_path: Path) -> None:
    added = load_profile("ssc-2.00+hainan")
    assert added.name == "ssc-2.00+hainan"
    assert {ef.path for ef in added.files} - {ef.path for ef in load_profile("ssc-2.00").files} == {
        "SSSE/EF0C",
        "SSSE/EF0D",
    }
    assert (added.key("UK_EF0D").card_kid, added.key("UK_EF0D").psam_kid) == (0x0D, 0x13)
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'remove = ["DF05", "SSSE/EF06/nation", "key:UK_DF01EF08"]\n[profile]\nextends = "ssc-2.00"\nname = "mine"\n'
        '[[file]]\ndir = "DF01"\nfid = "EF08"\nwrite = "forbidden"\n',
        "utf-8",
    )
    own = load_profile(f"ssc-2.00+{mine}")
    assert own.name == "ssc-2.00+mine" and load_profile_file(mine).name == "mine"
    assert "DF05" not in {item.name for item in own.dirs} and not own.files_of("DF05")
    assert tags(own, "SSSE/EF06")[4][0] == "0C" and own.file("DF01", "EF08").write.text == "forbidden"
    with pytest.raises(ProfileError, match="no overlay"):
        load_profile("ssc-2.00+nowhere")
    with pytest.raises(ProfileError, match=r"gone\.toml"):
        load_profile("ssc-2.00+/no/such/gone.toml")


def test_a_chip_carries_the_text_of_its_overlays() -> None:
    values = profile_values(("ssc-2.00+hainan", "tunion"))
    assert values["profiles"] == b"ssc-2.00+hainan,tunion"
    assert values["overlay/hainan"].decode().startswith("#")
    changed = (("hainan", values["overlay/hainan"].decode().replace('fid = "EF0D"', 'fid = "EF0E"')),)
    assert blueprint(("ssc-2.00+hainan",), changed).ef_by_fid("SSSE", b"\xef\x0e") is not None
    assert blueprint(("ssc-2.00+hainan",)).ef_by_fid("SSSE", b"\xef\x0e") is None


def test_repeated_tags_are_found_by_their_place() -> None:
    ef = load_profile("ssc-2.00").file("DF02", "EF05")
    assert isinstance(ef, RecordEf)
    assert (ef.by_tag("43").name, ef.by_tag("43:02").name, ef.by_tag("42").name) == ("skill_1", "skill_2", "occupation")
    assert ef.by_number(ef.by_tag("43")) and not ef.by_number(ef.by_tag("42"))
    for wrong in ("43:03", "43:00", "99", "", "43:x", "zz"):
        with pytest.raises(LookupError):
            ef.by_tag(wrong)


def test_the_purse_files_have_their_standard_sizes() -> None:
    """keys-and-purse §1.2."""
    profile = load_profile("tunion")
    sizes = {ef.fid.hex(): ef.size for ef in profile.files if isinstance(ef, TransparentEf | CyclicEf)}
    assert sizes == {"0015": 30, "0016": 55, "0017": 60, "0018": 23, "0019": 32, "001e": 48}
    capacities = {ef.fid.hex(): ef.capacity for ef in profile.files if isinstance(ef, CyclicEf)}
    assert capacities["0018"] >= 10
    assert capacities["001e"] == 30
    composite = profile.file("EP", "001A")
    assert isinstance(composite, RecordEf) and {item.size for item in composite.records} == {128}
    assert [item.tag for item in composite.records] == [0x2701, 0x2703, 0x2712]


def test_the_rail_record_stands_at_its_published_offsets() -> None:
    """keys-and-purse §1.2: record 2701, offsets from the start of the 128 bytes."""
    composite = load_profile("tunion").file("EP", "001A")
    assert isinstance(composite, RecordEf)
    offset, found = 3, {}
    for item in composite.records[0].items:
        found[item.name.removeprefix("rail_")] = offset
        offset += item.length
    wanted = {"serial": 6, "status": 14, "entry_city": 15, "entry_operator": 19, "exit_device": 59, "entry_at": 67}
    wanted |= {"exit_at": 74, "max_fare": 81, "amount": 95, "last_terminal": 106, "transfer": 115, "state": 122}
    assert offset == 128 and wanted.items() <= found.items() and found["crc"] == 124


def test_the_bank_application_is_found_and_read_the_usual_way() -> None:
    """card §6: AIDs, template 70, tag 5A; Luhn over the number."""
    bank = load_profile("pboc-debit")
    assert bank.bank is not None and bank.dir("DEBIT").aid.hex() == "a000000333010101"
    record = bank.file("DEBIT", "0002")
    assert isinstance(record, RecordEf) and record.form == "ber" and record.by_number(record.records[0])
    value, raw = codecs.example(record.records[0])
    assert raw[0] == 0x70 and isinstance(value, Mapping)
    digits = [int(digit) for digit in str(value["pan"])]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    assert (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


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


def test_two_rules_together() -> None:
    either, both = Access.parse("pin|key:A"), Access.parse("pin+key:B")
    assert either.joined(Access.parse("free")) == either == Access.parse("free").joined(either) == either.joined(either)
    assert either.joined(both).any_of == (("pin", "key:B"), ("key:A", "pin", "key:B"))
    assert not either.joined(Access.parse("forbidden")).satisfied_by(frozenset({"pin", "key:A"}))


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
    assert [directory.name for directory in tree.dirs] == ["MF", "SSSE", *(f"DF0{n}" for n in range(1, 8)), "EP"]
    assert {key.name for key in tree.keys} >= {"MK.MF", "MK.EP", "IRK", "DLK", "DPK", "DTK"}
    assert tree.find("citizen_no").file.path == "SSSE/EF06"
    assert tree.find("DF01/EF05/household_region").field.length == 3
    assert [ef.fid.hex() for ef in tree.files_of("EP")] == ["0015", "0016", "0017", "0018", "0019", "001a", "001e"]
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


def test_factory_content_is_unwritten_in_every_file() -> None:
    for profile in PROFILES:
        for ef in profile.files:
            if isinstance(ef, CyclicEf):
                continue
            if isinstance(ef, RecordEf):
                raws = list(codecs.blank_file(ef))
                for item, raw in zip(ef.records, raws, strict=True):
                    decoded = codecs.decode_record(item, raw, profile.text_codec)
                    values = decoded.values() if isinstance(decoded, Mapping) else [decoded]
                    assert all(value in ("", b"", 0) for value in values)
            else:
                raws = [codecs.blank(item) for item in ef.fields]
            found = codecs.standings(fields_of(ef), raws)
            assert set(found.values()) == {codecs.Standing.UNWRITTEN}, ef.path
