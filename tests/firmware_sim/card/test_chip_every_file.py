"""Every file of every card profile on a chip in software: read with typed values, written and read back.

The chip is personalised through its own commands with each file's declared example; the host reads it with what the
file's access rule asks for, PIN or key, and nothing more.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from card.application import Session
from card.channel import standard
from card.domain.entropy import SeededEntropy
from card.errors import AccessNeedError, ReadOnlyProfileError
from card.files import codecs
from card.files.codecs import Value
from card.files.kinds import AnyEf, CyclicEf, Field
from card.files.profile import Profile, load_profile
from card.files.tree import fields_of
from card.session import SscSession
from firmware_sim.card.chip import memory_chip
from firmware_sim.card.factory import TWIN_PIN, Order, Twin, TwinFactory
from firmware_sim.card.slot import Slot
from firmware_sim.rack import DirectReader
from keys.card_crypto import CentreCardCrypto, authorise_with
from keys.centre import KeyCentre
from keys.hsm_software import SoftwareHsm

NAMES = ("ssc-1.00", "ssc-2.00", "ssc-2.00-basic", "ssc-2.00+hainan", "ssc-3.00")
# What the factory gives each card of its own instead of the example.
OWN = {"card_id", "card_no", "citizen_no", "sex", "birth_place"}


@cache
def centre() -> KeyCentre:
    return KeyCentre(SoftwareHsm.from_seed(b"every file" + bytes(22), "test"))


@cache
def whole(name: str) -> tuple[dict[str, bytes], Twin]:
    return TwinFactory(centre(), SeededEntropy(7, name)).card_values(Order(7, profiles=(name,), whole=True))


class Bench:
    """One whole card in a reader, and the issuer's keys."""

    def __init__(self, name: str) -> None:
        values, twin = whole(name)
        self.profile = load_profile(name)
        slot = Slot("bench")
        slot.insert(memory_chip(values, SeededEntropy(8, name)))
        self.session = SscSession(standard(DirectReader(slot).connect()), self.profile)
        crypto = CentreCardCrypto(centre(), self.profile.crypto, twin.f_city, twin.f_card)
        self.authorise = authorise_with(crypto, SeededEntropy(9, name))

    def read(self, place: str) -> object:
        pin_only = "pin" in self.session.need(place).possible[0] if self.session.need(place).possible else False
        return self.session.read_ref(place, self.authorise, TWIN_PIN if pin_only else None)


@cache
def bench(name: str) -> Bench:
    return Bench(name)


def files(wanted: str) -> list[object]:
    """(profile name, file) of every file of the environment and its applications whose rule `wanted` lets us in."""
    return [
        pytest.param(name, ef, id=f"{name}:{ef.path}")
        for name in NAMES
        for profile in [load_profile(name)]
        for ef in profile.files
        if ef.dir != "CERT" and getattr(ef, wanted).any_of and getattr(ef, wanted).text != "cos"
    ]


def expected(profile: Profile, item: Field) -> Value:
    _, raw = codecs.example(item)
    return codecs.decode_whole(item, raw, profile.text_codec)


@pytest.mark.parametrize(("name", "ef"), files("read"))
def test_a_file_is_read_with_what_it_asks_for(name: str, ef: AnyEf) -> None:
    found = bench(name).read(ef.path)
    if isinstance(ef, CyclicEf):
        assert found == []  # nobody has written an entry yet
        return
    assert isinstance(found, Mapping)
    for item in fields_of(ef):
        if item.name not in OWN:
            assert found[item.name] == expected(load_profile(name), item), item.name


@pytest.mark.parametrize(("name", "ef"), files("write"))
def test_a_file_is_written_and_read_back(name: str, ef: AnyEf) -> None:
    if load_profile(name).read_only:
        with pytest.raises(ReadOnlyProfileError):
            bench(name).session.write(ef.path, {}, bench(name).authorise)
        return
    one = Bench(name)  # of its own: what is written must not stay for the others
    values = {item.name: other(load_profile(name), item) for item in fields_of(ef)}
    one.session.write(ef.path, values, one.authorise, pin=TWIN_PIN)
    if not ef.read.any_of:  # written by an office, read by nobody
        return
    found = one.read(ef.path)
    entry = found[0] if isinstance(ef, CyclicEf) and isinstance(found, list) else found
    assert isinstance(entry, Mapping)
    assert {name: entry[name] for name in values} == values


def other(profile: Profile, item: Field) -> Value:
    """A value unlike the example that fits the field, as decoding gives it."""
    value = expected(profile, item)
    if isinstance(value, Mapping):
        name = next(iter(value))
        return {**value, name: "7" if isinstance(value[name], str) else value[name]}
    if item.format in ("date", "datetime"):
        return "20270228" + str(value)[8:]
    if item.format in ("dec", "hex"):
        return (int(str(value)) + 1) % 256
    if item.format == "b":
        return b"\x5a" * item.length
    return "7" * min(item.length, 3)


@pytest.mark.parametrize("name", NAMES)
def test_a_closed_file_stays_closed_without_its_proof(name: str) -> None:
    session = Bench(name).session
    closed = [ef for ef in load_profile(name).files if ef.dir != "CERT" and not ef.read.free]
    assert closed
    for ef in closed:
        with pytest.raises(AccessNeedError):
            session.read_ref(ef.path)
    if name == "ssc-3.00":  # one hidden record closes a file that is free else
        with pytest.raises(AccessNeedError):
            session.read_ref("SSSE/EF05")
        assert session.read_ref("SSSE/EF05/03") == "3.00"


def test_repeated_tags_are_addressed_by_their_place() -> None:
    one = Bench("ssc-2.00")
    changed = {"skill_level": "5"}
    one.session.write("DF02/EF05/43:02", changed, one.authorise, pin=TWIN_PIN)
    first, second = one.read("DF02/EF05/43:01"), one.read("DF02/EF05/43:02")
    assert isinstance(first, Mapping) and isinstance(second, Mapping)
    assert (first["skill_level"], second["skill_level"]) == ("3", "5")


NEIGHBOURS = ("tunion", "cityunion", "pboc-debit")


@pytest.mark.parametrize("chip", [("ssc-2.00-basic", *NEIGHBOURS), ("ssc-3.00", "tunion-sm4")], ids="+".join)
def test_purses_and_bank_beside_the_card_are_read_as_declared(chip: tuple[str, ...]) -> None:
    values, _ = TwinFactory(centre(), SeededEntropy(5, chip[0])).card_values(Order(5, profiles=chip, whole=True))
    slot = Slot("bench")
    slot.insert(memory_chip(values, SeededEntropy(6, chip[0])))
    channel = standard(DirectReader(slot).connect())
    for profile in map(load_profile, chip[1:]):
        session = Session(channel, profile)
        for ef in profile.files:
            session.select_dir(ef.dir)
            if isinstance(ef, CyclicEf):
                assert session.read_log(ef.dir, ef.fid.hex()) == []
                continue
            found = session.read_file(ef.dir, ef.fid.hex())
            for item in fields_of(ef):
                if item.name not in ("issuer", "serial"):
                    assert found[item.name] == expected(profile, item), f"{ef.path} {item.name}"


def test_versions_of_a_key_stand_side_by_side(tmp_path: Path) -> None:
    """KEY_VER1..3: declared in a further file, loaded, and each opens the file by the 17th byte."""
    further = tmp_path / "versions.toml"
    further.write_text(
        '[profile]\nextends = "ssc-2.00-basic"\nname = "versions"\n[[key]]\nname = "RK_DF01"\nversions = [1, 2, 3]\n',
        "utf-8",
    )
    store = SoftwareHsm.from_seed(b"versions" + bytes(24), "test")
    for version in (2, 3):
        store.import_key("ssc/RK_DF01", SeededEntropy(version, "key").token(16), version=version)
    issuer, name = KeyCentre(store), f"ssc-2.00-basic+{further}"
    values, twin = TwinFactory(issuer, SeededEntropy(3, "chip")).card_values(Order(3, profiles=(name,)))
    slot = Slot("bench")
    slot.insert(memory_chip(values, SeededEntropy(4, "chip")))
    channel = standard(DirectReader(slot).connect())
    profile = load_profile(name)
    crypto = CentreCardCrypto(issuer, profile.crypto, twin.f_city, twin.f_card)
    for version in (1, 2, 3):
        session = SscSession(channel, profile)
        session.select_dir("DF01")
        challenge, original = session.challenge(8), bytes(range(8))
        proof = crypto.authenticate(profile.key("RK_DF01"), challenge, original, version)
        session.external_authenticate("RK_DF01", proof, original, version)
        assert session.read_file("DF01", "EF05")["household_region"] == "460106"
