"""Personalised, enabled twins for those who need a card and no counter: `sim up`, tests, worlds.

Every byte goes through the chip's own commands, in the order of contract §5: transport key proven, ATR set, reset,
master keys first, other keys, files, end of personalisation, initial PIN changed. Real issuance has its own road.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from card import commands
from card.apdu import SW, CommandApdu
from card.channel import CardChannel, standard
from card.domain.entropy import Entropy
from card.domain.identity import CITIZEN_CHECKS, CITIZEN_WEIGHTS, RegionCode, card_number_check
from card.files import codecs
from card.files.codecs import Value
from card.files.kinds import AnyEf, CyclicEf, Field, KeySpec, RecordEf
from card.files.profile import CosSpec, load_profile
from card.files.tree import FileTree
from card.pin import Pin
from card.secure_messaging import LineKey, LineRule, line_rule
from firmware_sim.card.chip import blank_values, make_blank, memory_chip
from firmware_sim.card.cos import MASTER, PIN_KEY, Card
from firmware_sim.card.slot import Slot
from firmware_sim.card.store import create_file
from firmware_sim.errors import SimError
from firmware_sim.psam import make_psam, psam_values
from keys.centre import KeyCentre, card_ref
from keys.families import FamilyLine, family_of
from keys.hsm import KeyRef, SecretKey

CARD_PROFILES = ("ssc-2.00-basic", "tunion")  # what the demonstration issues
WHOLE_PROFILES = ("ssc-2.00", "tunion")
BATCH = bytes.fromhex("54570001")
REGION = RegionCode("460100")
ISSUER = bytes.fromhex("01011000FFFFFFFF")
TWIN_PIN = Pin("654321")
BIRTH = "19900101"
CHALLENGE_MAC, CHALLENGE_AUTH = 4, 8
MF = "MF"
SHORT = 224  # bytes of one UPDATE BINARY
OWN_SERIAL = b"\x30"  # first byte of a card serial that does not repeat the ATR (card §1.10)
# Profile kind -> family in the key tree of keys that are neither the card's nor T-Union's.
NEIGHBOURS = {"purse": "city", "bank": "bank"}
HEAD_LENGTH = 12  # card id without its MAC


class TwinRefusedError(SimError):
    """A chip did not take its personalisation."""

    code = "E-SIM-TWIN"


@dataclass(frozen=True, slots=True)
class Twin:
    """What was written: enough to test against. `asn` 8 bytes, `card_id` 16, factors 8 each."""

    card_id: bytes
    card_no: str
    citizen_no: str
    asn: bytes
    issuer: bytes
    f_card: bytes
    f_city: bytes


@dataclass(frozen=True, slots=True)
class Order:
    """What a twin is to be: `number` makes it unlike the others; `fields` overrides file contents by field name."""

    number: int
    region: RegionCode = REGION
    profiles: tuple[str, ...] = CARD_PROFILES
    fields: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False  # also what other offices fill: every file gets its example
    pin: Pin | None = TWIN_PIN  # None leaves the initial PIN


class TwinFactory:
    """Makes cards and PSAMs of one key tree."""

    def __init__(self, centre: KeyCentre, entropy: Entropy) -> None:
        self._centre = centre
        self._entropy = entropy

    def card(self, path: Path, order: Order) -> Twin:
        """A personalised card in a new file. Raises ChipFileError, TwinRefusedError."""
        values, twin = self.card_values(order)
        create_file(path, values)
        return twin

    def card_values(self, order: Order) -> tuple[dict[str, bytes], Twin]:
        """The memory of a personalised card, for `memory_chip`. Raises TwinRefusedError."""
        tree = FileTree.of(*order.profiles)
        transport = self._centre.transport_key(BATCH, tree.profiles[0].crypto.algorithm).reveal()
        card = memory_chip(blank_values(order.profiles, transport, BATCH, order.options), self._entropy)
        twin, keys = self._plan(order, card, tree)
        run = _Run(card, tree, keys, transport)
        run.initialise(order.region.bcd, order.number.to_bytes(3, "big"))
        run.load_keys()
        run.write_files({**_fields_of(order, twin), **order.fields}, order.whole)
        run.finish(order.pin)
        return {name: card.nv.need(name) for name in card.nv.names("")}, twin

    def psam(self, path: Path, number: int, issuer: bytes = ISSUER) -> bytes:
        """A PSAM in a new file; returns its 6-byte terminal number. Raises ChipFileError."""
        make_psam(path, self.psam_state(number, issuer))
        return terminal_number(number)

    def psam_state(self, number: int, issuer: bytes = ISSUER) -> dict[str, bytes]:
        """The memory of a PSAM, for `memory_psam`."""
        return psam_values(terminal_number(number), *self._centre.psam_birth_keys(), issuer=issuer)

    def blank(self, path: Path, profiles: tuple[str, ...] = CARD_PROFILES, batch: bytes = BATCH) -> Path:
        """A blank chip of a delivery, with its transport key. Raises ChipFileError."""
        algorithm = load_profile(profiles[0]).crypto.algorithm
        return make_blank(path, profiles, self._centre.transport_key(batch, algorithm).reveal(), batch)

    def _plan(self, order: Order, card: Card, tree: FileTree) -> tuple[Twin, dict[str, bytes]]:
        serial = order.number.to_bytes(3, "big")
        atr = card.plan.atr.build(order.region.bcd, serial) if card.plan.atr else b""
        f_card, f_city = atr[-8:], order.region.city_factor
        main = tree.profiles[0]
        in_atr = main.card_id is None or main.card_id.serial_in_atr
        head = order.region.bcd + bytes.fromhex("D156000005") + (atr[-4:] if in_atr else OWN_SERIAL + serial)
        asn = bytes.fromhex(f"{5_170_010_000_000_000 + order.number:016d}")
        body = f"T{order.number:07d}"
        twin = Twin(
            card_id=head + self._centre.card_id_mac(f_city, f_card, head, main.crypto.algorithm),
            card_no=body + card_number_check(body),
            citizen_no=citizen_number(order.region.text, order.fields.get("birth_date", BIRTH), order.number % 1000),
            asn=asn,
            issuer=ISSUER,
            f_card=f_card,
            f_city=f_city,
        )
        keys = {name: secret.reveal() for name, secret in self._keys(tree, twin).items()}
        return twin, keys | self._further_versions(tree, twin)

    def _further_versions(self, tree: FileTree, twin: Twin) -> dict[str, bytes]:
        """Keys a profile declares in several versions (KEY_VER1..3): `RK_SSSE.v2` and so on, from the store's own."""
        return {
            _named(key.name, version): self._centre.hsm.derive(
                card_ref(key.name, twin.f_city, twin.f_card, profile.crypto.algorithm, version)
            ).reveal()
            for profile in tree.profiles
            if profile.kind == "ssc"
            for key in profile.keys
            for version in key.all_versions[1:]
        }

    def _keys(self, tree: FileTree, twin: Twin) -> dict[str, SecretKey]:
        """Keys by name; where two profiles have one of the same name (MK.MF) the first profile's counts."""
        found: dict[str, SecretKey] = {}
        for profile in reversed(tree.profiles):
            algorithm = profile.crypto.algorithm
            found.update(self._centre.card_keys(twin.f_city, twin.f_card, algorithm))
            if profile.kind == "purse":
                found.update(self._centre.purse_keys(twin.issuer, twin.asn, algorithm))
            for name, levels in ((key.name, NEIGHBOURS.get(profile.kind, "")) for key in profile.keys):
                if levels and name not in found:  # another owner's key: its own root, the same way down
                    found[name] = self._centre.hsm.derive(KeyRef(f"{levels}/{name}", (twin.issuer, twin.asn)))
        return found


class _Run:
    """One personalisation."""

    def __init__(self, card: Card, tree: FileTree, keys: Mapping[str, bytes], transport: bytes) -> None:
        self._tree = tree
        self._keys = keys
        self._transport = transport
        self._slot = Slot("factory")
        self._slot.insert(card)
        self._channel: CardChannel = standard(_SlotChannel(self._slot))
        self._cos = _cos_of(tree)
        self._crypto = {d.name: tree.profile_of(d.name).crypto for d in tree.dirs}

    def initialise(self, region: bytes, serial: bytes) -> None:
        """Prove the transport key, set the tail of the ATR, reset."""
        self._authenticate()
        self._send(commands.initialise_card(self._cos, region, serial))
        self._channel.reset()

    def load_keys(self) -> None:
        """Master key first in every directory, then the rest under it."""
        self._authenticate()
        for directory in self._tree.dirs:
            self._select(directory.fid)
            current = self._line(directory.name, self._transport)
            for spec in sorted((k for k in self._tree.keys if k.dir == directory.name), key=_master_first):
                for version in spec.all_versions:
                    self._write(spec, version, current)
                if spec.type == MASTER:
                    current = self._line(directory.name, self._keys[spec.name])
            self._write_pin(directory.name, current)

    def write_files(self, values: Mapping[str, str], whole: bool) -> None:
        """Every field of every file the issuer fills (`whole`: of every file); the example where `values` has none."""
        for directory in self._tree.dirs:
            files = [ef for ef in self._tree.files_of(directory.name) if ef.personalised or whole]
            if any(not isinstance(ef, CyclicEf) for ef in files):
                self._select(directory.fid)
            for ef in files:
                self._write_file(ef, values)

    def finish(self, pin: Pin | None) -> None:
        """End personalisation; then, as a holder would, change the PIN."""
        self._select(self._tree.dirs[0].fid)
        line = self._line(MF, self._keys["MK.MF"])
        self._send(commands.end_personalisation(self._cos, line, self._challenge(CHALLENGE_MAC), self._rule(MF)))
        rules = next((p.pin for p in self._tree.profiles if p.pin), None)
        if pin is not None and rules is not None:
            self._select(next(d.fid for d in self._tree.dirs if d.name == rules.dir))
            self._send(commands.change_pin(Pin(rules.initial), pin))

    def _write_file(self, ef: AnyEf, values: Mapping[str, str]) -> None:
        edition = self._tree.edition_of(ef)
        if isinstance(ef, RecordEf):
            for item in ef.records:
                raw = codecs.encode_record(item, _value(item, values), edition)
                self._send(commands.update_record(item.no, ef.sfi, raw))
        elif not isinstance(ef, CyclicEf):
            content = codecs.encode_fields(ef.fields, {f.name: _value(f, values) for f in ef.fields}, edition)
            self._write_binary(ef, content)

    def _write_binary(self, ef: AnyEf, content: bytes) -> None:
        """By short identifier when it is short; else selected and written in pieces."""
        if len(content) <= SHORT:
            self._send(commands.update_binary(ef.sfi, 0, content))
            return
        self._send(commands.select_ef(ef.fid))
        for at in range(0, len(content), SHORT):
            self._send(commands.update_binary_current(at, content[at : at + SHORT]))

    def _write(self, spec: KeySpec, version: int, line: LineKey) -> None:
        header = commands.KeyHeader(spec.type or 0, spec.card_kid or 0, version, tries=spec.tries)
        name = spec.name if version == spec.version else _named(spec.name, version)
        self._put(spec.dir, header, self._keys[name], line)

    def _put(self, directory: str, header: commands.KeyHeader, value: bytes, line: LineKey) -> None:
        challenge = self._challenge(CHALLENGE_MAC)
        self._send(commands.write_key(self._cos, header, value, line, challenge, self._rule(directory)))

    def _line(self, directory: str, key: bytes) -> LineKey:
        return FamilyLine(family_of(self._crypto[directory].algorithm), key)

    def _rule(self, directory: str) -> LineRule:
        return line_rule(self._crypto[directory])

    def _write_pin(self, directory: str, line: LineKey) -> None:
        for rules in [p.pin for p in self._tree.profiles if p.pin and p.pin.dir == directory]:
            header = commands.KeyHeader(PIN_KEY, 0, 1, tries=rules.max_tries)
            self._put(directory, header, Pin(rules.initial).block(), line)

    def _authenticate(self) -> None:
        self._select(self._tree.dirs[0].fid)
        family = family_of(self._crypto[MF].algorithm)
        cryptogram = family.transport_cryptogram(self._transport, self._challenge(CHALLENGE_AUTH))
        self._send(commands.external_authenticate_short(0, cryptogram))

    def _challenge(self, length: int) -> bytes:
        return self._send(commands.get_challenge(length))

    def _select(self, fid: bytes) -> None:
        self._send(commands.select_fid(fid))

    def _send(self, command: CommandApdu) -> bytes:
        answer = self._channel.transmit(command.to_bytes())
        sw = int.from_bytes(answer[-2:], "big")
        if sw != SW.OK:
            raise TwinRefusedError(f"INS {command.ins:02X} answered {sw:04X}")
        return answer[:-2]


class _SlotChannel:
    """A channel to a chip on the factory's bench."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._atr = slot.reset()

    @property
    def atr(self) -> bytes:
        return self._atr

    def transmit(self, apdu: bytes) -> bytes:
        return self._slot.exchange(apdu)

    def reset(self) -> bytes:
        self._atr = self._slot.reset()
        return self._atr

    def close(self) -> None:
        self._slot.eject()


def terminal_number(number: int) -> bytes:
    """The 6-byte terminal number of twin PSAM `number`: region 460100, then six digits."""
    return bytes.fromhex(f"460100{number:06d}")


def citizen_number(region: str, birth: str, sequence: int) -> str:
    """A synthetic citizen number with its check character (card §5). `birth` is YYYYMMDD."""
    body = f"{region}{birth}{sequence:03d}"
    total = sum(weight * int(digit) for weight, digit in zip(CITIZEN_WEIGHTS, body, strict=True))
    return body + CITIZEN_CHECKS[total % 11]


def _fields_of(order: Order, twin: Twin) -> dict[str, str]:
    return {
        "card_id": twin.card_id.hex(),
        "card_no": twin.card_no,
        "citizen_no": twin.citizen_no,
        "birth_date": BIRTH,
        "birth_place": order.region.text,
        "sex": "1" if order.number % 2 else "2",
        "issuer": ISSUER.hex(),
        "serial": f"0310{twin.asn.hex()}",
    }


def _value(item: Field, values: Mapping[str, str]) -> Value:
    text = values.get(item.name)
    return codecs.example(item)[0] if text is None else codecs.parse(item, text)


def _named(key: str, version: int) -> str:
    return f"{key}.v{version}"


def _master_first(spec: KeySpec) -> bool:
    return spec.type != MASTER


def _cos_of(tree: FileTree) -> CosSpec:
    for profile in tree.profiles:
        if profile.cos is not None:
            return profile.cos
    raise TwinRefusedError("no profile declares management commands")
