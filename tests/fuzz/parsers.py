"""Targets that take bytes and give values: command and answer forms, TLV, fields, texts, recordings, profiles."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files

from card.apdu import CommandApdu, ResponseApdu, command_name
from card.channel import speaks_t0
from card.errors import CardDataError, ForeignCardError, TlvError
from card.files import codecs
from card.files.kinds import AnyEf, CyclicEf, Field, RecordEf, TransparentEf
from card.files.profile import Profile, builtin_names, load_profile, parse_profile
from card.recording import Recording, Step
from card.session import atr_facts
from card.text_codec import Edition, decode
from card.tlv import build_simple, parse_ber, parse_simple
from tests.fuzz.inputs import Inputs

COMMANDS = tuple(
    bytes.fromhex(line)
    for line in [
        "00A404000F7378312E73682EC9E7BBE1B1A3D5CF",
        "00A404000E315041592E5359532E4444463031",
        "00A4040008A000000333010101",
        "00A40400085041592E",
        "00A4000002DDF1",
        "00B201340B",
        "00B0",
        "00B0000000FFFF",
        "00C0000000",
        "00DC05280605042046",
        "04DC052C0A",
        "00E200C017",
        "00D68000000102AABB",
        "0084000008",
        "00200000",
        "0020000003123456",
        "8424000004",
        "84D400002400",
        "841E000004",
        "84FE000004",
        "00820004100011223344556677889900112233445566",
        "8050030200000000000000000000",
        "805C000204",
        "80DC00F030",
        "80F400000A",
        "80A80000028300",
        "80CA9F3600",
        "80CA000020",
        "804E000040",
        "80CC000070",
        "B026000104",
    ]
)
BER = tuple(
    bytes.fromhex(text)
    for text in (
        *("6F31840809A000000632010105A5259F0801029F0C1E", "7011610F4F09A000000003869807015002" + "3F01"),
        *("7081805A0A6230000000000000001F5F24033012315F280201565F3401019F0702FF00", "7F4981820102030405", "BF0C00"),
        *("770A82027C0094040801030080067C0008010300", "6F1A840E315041592E5359532E4444463031A508880101"),
    )
)


@dataclass(frozen=True)
class Parser:
    """`work` takes one input; `good` are inputs to damage; `allowed` are refusals its docstring names.

    `share` is how many of a thousand inputs it gets.
    """

    name: str
    work: Callable[[bytes], object]
    good: Sequence[bytes]
    share: int
    allowed: tuple[type[Exception], ...] = ()


def command(raw: bytes) -> None:
    """What can be parsed comes back the same, and has a name."""
    parsed = CommandApdu.parse(raw)
    assert CommandApdu.parse(parsed.to_bytes()) == parsed, "another command after a round trip"
    assert command_name(raw) and repr(parsed)


def answer(raw: bytes) -> None:
    """The same for answers."""
    parsed = ResponseApdu.parse(raw)
    assert parsed.to_bytes() == raw, "another answer after a round trip"
    assert repr(parsed)


def simple_tlv(raw: bytes) -> None:
    """Every byte is accounted for."""
    assert build_simple(parse_simple(raw)) == raw, "other bytes after a round trip"


def ber_tlv(raw: bytes) -> None:
    """What can be parsed can be built, and parses to the same."""
    items = parse_ber(raw)
    again = b"".join(item.to_bytes() for item in items)
    assert parse_ber(again) == items, "other items after a round trip"
    assert all(repr(item) and item.find(0x9F0C) is not False for item in items)


def texts(raw: bytes) -> None:
    """Every edition decodes or refuses."""
    for edition in Edition:
        with suppress(CardDataError):
            decode(raw, edition)


def recording(raw: bytes) -> None:
    """A file somebody sends us."""
    Recording.from_json(raw.decode("utf-8", "replace"))


def profile(raw: bytes) -> None:
    """A profile somebody edits."""
    parse_profile(raw.decode("utf-8", "replace"))


class Fields:
    """All fields of all profiles in turn: each decodes the input, whatever its length."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._files: list[tuple[Profile, AnyEf]] = []
        for name in builtin_names():
            loaded = load_profile(name)
            self._files += [(loaded, ef) for ef in loaded.files]

    def examples(self) -> list[bytes]:
        """Contents to damage: the profiles' own examples."""
        fields: list[Field] = []
        for _, ef in self._files:
            fields += ef.records if isinstance(ef, RecordEf) else ef.fields
        return [bytes.fromhex(item.example.hex) for item in fields if item.example]

    def decode(self, raw: bytes) -> None:
        """One file of the whole list tries to understand `raw`."""
        loaded, ef = self._files[self._inputs.below(len(self._files))]
        if isinstance(ef, RecordEf):
            record = ef.records[self._inputs.below(len(ef.records))]
            codecs.decode_record(record, raw, loaded.text_codec)
            return
        assert isinstance(ef, TransparentEf | CyclicEf)
        if self._inputs.odds(50):
            codecs.decode_fields(ef.fields, raw, loaded.text_codec)
        else:
            codecs.decode(ef.fields[self._inputs.below(len(ef.fields))], raw, loaded.text_codec)


class Atrs:
    """Answers to reset."""

    def __init__(self) -> None:
        self._profiles = [load_profile(name) for name in builtin_names()]
        self.good = tuple(p.atr.build(b"\x46\x01\x00", b"\0\0\x01") for p in self._profiles if p.atr)

    def read(self, raw: bytes) -> None:
        """Facts of it, by every profile that knows one."""
        speaks_t0(raw)
        for loaded in self._profiles:
            if loaded.atr:
                with suppress(ForeignCardError):
                    atr_facts(raw, loaded)


def parsers(inputs: Inputs) -> tuple[Parser, ...]:
    """All of them; `share` adds up to 1000."""
    fields, atrs = Fields(inputs), Atrs()
    steps = (Step(b"\x00\xa4\x00\x00\x02\x3f\x00", b"\x90\x00"),)
    good_recording = Recording("fuzz", atrs.good[0], steps).to_json().encode("utf-8")
    folder = files("card.profiles")
    good_profile = [folder.joinpath(f"{name}.toml").read_bytes() for name in ("psam-ssc", "psam-transit")]
    return (
        Parser("command APDU", command, COMMANDS, 150, (ValueError,)),
        Parser("answer APDU", answer, COMMANDS, 50, (ValueError,)),
        Parser("simple TLV", simple_tlv, fields.examples(), 150, (TlvError,)),
        Parser("BER TLV", ber_tlv, BER, 250, (TlvError,)),
        Parser("fields and records", fields.decode, fields.examples(), 250),
        Parser("texts", texts, fields.examples(), 100),
        Parser("answer to reset", atrs.read, atrs.good, 39),
        Parser("recording", recording, (good_recording,), 10),
        Parser("profile", profile, good_profile, 1),
    )
