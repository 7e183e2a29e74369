"""A PSAM in software, born with its keys: a named stand-in for the metal that a ministry issues.

Two applications on one chip (card §3.4, keys-and-purse §1.7): the social security environment with DF01
`D15600000590` (BFDE, 80FA; declared: 8070, 8072 with the medical purchase key) and the transport DF 8011 (8070, 8072).
The terminal transaction sequence is durable before a MAC1 leaves the chip; what happens between 8070 and 8072 is
forgotten with the power.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from card.domain.entropy import Entropy
from card.errors import ProfileError
from card.files.kinds import Dir, TransparentEf
from card.files.profile import Profile, PsamSpec, load_profile
from firmware_sim.card import crypto, memory
from firmware_sim.card.dispatch import MAX_LE, ChipCore, Command, want_data
from firmware_sim.card.select import BY_AID, BY_FID, EF_UNDER_CURRENT
from firmware_sim.card.status import (
    BAD_DATA,
    BAD_OFFSET,
    BAD_P1P2,
    BLOCKED,
    CONDITIONS,
    COUNTER_FULL,
    EXACT_LENGTH,
    FILE_NOT_FOUND,
    KEY_NOT_FOUND,
    MAC_WRONG,
    NO_SUCH_KEY_INDEX,
    SECURITY,
    UNKNOWN_CLA,
    UNKNOWN_INS,
    WRONG_LENGTH,
    SwError,
)
from firmware_sim.card.store import MemoryStorage, NonVolatile, Storage, create_file
from firmware_sim.errors import StandInRefusedError

# The same head as a card's ATR form with 13 historical bytes; the tail is the end of the terminal number.
ATR_HEAD = bytes.fromhex("3B6D000000814E43238690")
LEVELS_SHIFT, TYPE_BITS = 5, 0x1F  # key usage: bits 8-6 levels of diversification, bits 5-1 type (card §3.4, A)
# Types (card §3.4, A): 3 PIN unblock, 4 PIN reload, 5 application maintenance, 6 MAC, 7 encryption, 8 both.
SESSION_TYPES = frozenset({0x06, 0x07, 0x08})  # may become a session key (BFDE)
DIRECT_TYPES = frozenset({0x03, 0x04, 0x05, 0x06, 0x07, 0x08})  # may be used as they are (801A)
PURCHASE_TYPE = 0x02  # may authorise a purchase (8070); its key id is its version (card §3.4, A)
ENCRYPTING_TYPES = frozenset({0x04, 0x07, 0x08})
SIGNING_TYPES = frozenset({0x03, 0x04, 0x05, 0x06, 0x08})
P1_ENCRYPT, P1_MAC = 0x00, 0x05  # of 80FA (keys-and-purse §1.7, B)
FACTOR = 8
PURCHASE = 0x14  # bytes of 8070 before the factors
SEQUENCE_TOP = 0xFFFFFFFF
SEQUENCE_FID = b"\x00\x18"
TERMINAL_NO = "terminal"
SEQUENCE = "sequence"
MAC2_TRIES = "tries/mac2"
KEY_INDEX = "key-index"
SFI_IN_P1 = 0x80
_warned: list[str] = []


def psam_values(
    terminal_no: bytes,
    ssc_keys: Mapping[int, tuple[int, bytes]],
    purse_keys: Mapping[int, bytes],
    purse_key_index: int = 1,
    issuer: bytes = bytes.fromhex("01011000FFFFFFFF"),
) -> dict[str, bytes]:
    """The state of a new PSAM: `terminal_no` 6 bytes; `ssc_keys` kid -> (usage, key); `purse_keys` version -> key.

    `issuer` is the 8-byte id in DF 8011's file 0017.
    """
    if len(terminal_no) != 6 or len(issuer) != FACTOR:
        raise ValueError("a terminal number has 6 bytes, an issuer id 8")
    if any(len(key) != 16 for _, key in ssc_keys.values()) or any(len(key) != 16 for key in purse_keys.values()):
        raise ValueError("PSAM keys have 16 bytes")
    ssc, transit = load_profile("psam-ssc"), load_profile("psam-transit")
    values = {
        memory.KIND: memory.KIND_PSAM,
        TERMINAL_NO: terminal_no,
        SEQUENCE: bytes(4),
        KEY_INDEX: bytes((purse_key_index,)),
        MAC2_TRIES: bytes((_dialect(transit).mac2_tries,)),
    }
    for kid, (usage, key) in ssc_keys.items():
        values[f"ssc/{kid:02X}/{usage:02X}"] = key
    for version, key in purse_keys.items():
        values[f"purse/{version:02X}"] = key
    for profile in (ssc, transit):
        for ef in profile.files:
            if isinstance(ef, TransparentEf):
                values[memory.binary_name(ef)] = b"".join(
                    bytes.fromhex(item.example.hex) if item.example else bytes(item.length) for item in ef.fields
                )
    values["ef/MF/0016"] = terminal_no
    # keys-and-purse §1.7: key index 1, issuer 8, acquirer 8, from 4, to 4.
    values["ef/8011/0017"] = bytes((purse_key_index,)) + issuer + issuer + values["ef/8011/0017"][17:]
    return values


@dataclass(frozen=True, slots=True)
class Loaded:
    """A key made ready by BFDE (8 bytes, for one use) or 801A (16 bytes, until the next)."""

    key: bytes
    type: int
    once: bool


@dataclass(slots=True)
class Volatile:
    """What a PSAM knows only while it has power and stays in one directory."""

    directory: str = "MF"
    ef: TransparentEf | None = None
    loaded: Loaded | None = None
    purchase_key: bytes = b""  # between 8070 and 8072
    amount: bytes = b""


class PsamChip(ChipCore):
    """One PSAM. Refuses to serve `profile = production`; says once on stderr what it is."""

    def __init__(self, storage: Storage, entropy: Entropy, profile: str = "demo") -> None:
        refuse_production(profile)
        super().__init__(NonVolatile(storage), entropy)
        self.ssc = load_profile("psam-ssc")
        self.transit = load_profile("psam-transit")
        self.now = Volatile()
        warn_stand_in()

    @property
    def atr(self) -> bytes:
        # card §3.4: 13 historical bytes; in this stand-in they end in the terminal number.
        return ATR_HEAD + self.nv.need(TERMINAL_NO)

    def start_session(self) -> None:
        self.now = Volatile()

    def execute(self, command: Command) -> bytes:
        handler = HANDLERS.get(command.key)
        if handler is None:
            known = any(key >> 8 == command.cla for key in HANDLERS)
            raise SwError(UNKNOWN_INS if known else UNKNOWN_CLA)
        return handler(self, command)

    def find_file(self, matches: Callable[[TransparentEf], bool]) -> TransparentEf | None:
        """The file of the selected directory that `matches`."""
        for profile in (self.ssc, self.transit):
            for ef in profile.files:
                if ef.dir == self.now.directory and isinstance(ef, TransparentEf) and matches(ef):
                    return ef
        return None


def select(chip: PsamChip, command: Command) -> bytes:
    """00 A4: SSSE environment, DF01 and 8011 by AID or FID, files by FID."""
    if command.p1 == BY_AID:
        return _enter(chip, [d for d in _dirs(chip) if d.aid and d.aid == command.data])
    if command.p1 not in (BY_FID, EF_UNDER_CURRENT):
        raise SwError(BAD_P1P2)
    fid = want_data(command, 2)
    ef = chip.find_file(lambda file: file.fid == fid)
    if ef is not None:
        chip.now.ef = ef
        return b""
    return _enter(chip, [d for d in _dirs(chip) if d.fid == fid])


def _dirs(chip: PsamChip) -> tuple[Dir, ...]:
    return (*chip.ssc.dirs, *chip.transit.dirs)


def _enter(chip: PsamChip, found: list[Dir]) -> bytes:
    if not found:
        raise SwError(FILE_NOT_FOUND)
    directory = found[0]
    chip.now = Volatile(directory.name)
    name = directory.aid or directory.fid
    return bytes((0x6F, len(name) + 2, 0x84 if directory.aid else 0x83, len(name))) + name


def read_binary(chip: PsamChip, command: Command) -> bytes:
    """00 B0: under MF the public data 0015 and the terminal number 0016; 0017 and the sequence 0018 in their DF."""
    if command.p1 & SFI_IN_P1:
        sfi = command.p1 & 0x1F
        ef, offset = chip.find_file(lambda file: file.sfi == sfi), command.p2
    else:
        ef, offset = chip.now.ef, command.p1 << 8 | command.p2
    if ef is None:
        raise SwError(FILE_NOT_FOUND)
    content = chip.nv.need(SEQUENCE if ef.fid == SEQUENCE_FID else memory.binary_name(ef))
    if offset >= len(content):
        raise SwError(BAD_OFFSET)
    length = command.le or MAX_LE
    if length > len(content) - offset:
        raise SwError(EXACT_LENGTH | len(content) - offset)
    return content[offset : offset + length]


def get_challenge(chip: PsamChip, command: Command) -> bytes:
    """00 84: 4 or 8 random bytes."""
    if command.le not in (4, 8):
        raise SwError(WRONG_LENGTH)
    return chip.entropy.token(command.le)


def init_session(chip: PsamChip, command: Command) -> bytes:
    """BF DE usage kid: factors, then the 8 bytes the session key is made from; K_card = div(div(K, city), card).

    Factors arrive card first: 18h bytes = f_card, f_city, R with two levels; 10h = f_card, R with one. For one use.
    """
    key, levels = _master(chip, command, SESSION_TYPES)
    data = want_data(command, FACTOR * (levels + 1))
    card_key = _diversified(key, data[:-FACTOR])
    chip.now.loaded = Loaded(crypto.session(card_key, data[-FACTOR:]), command.p1 & TYPE_BITS, once=True)
    return b""


def init_key(chip: PsamChip, command: Command) -> bytes:
    """80 1A usage kid: factors, card first; the diversified key itself, until another is made ready."""
    key, levels = _master(chip, command, DIRECT_TYPES)
    factors = want_data(command, FACTOR * levels)
    chip.now.loaded = Loaded(_diversified(key, factors), command.p1 & TYPE_BITS, once=False)
    return b""


def _master(chip: PsamChip, command: Command, types: frozenset[int]) -> tuple[bytes, int]:
    """(key, levels of diversification). A kid that is there under another usage only is 6985, not 6A88 (card §4.4)."""
    chip.now.loaded = None
    if chip.now.directory != _dialect(chip.ssc).dir:
        raise SwError(CONDITIONS)
    key = chip.nv.get(f"ssc/{command.p2:02X}/{command.p1:02X}")
    if key is None:
        raise SwError(CONDITIONS if chip.nv.names(f"ssc/{command.p2:02X}/") else KEY_NOT_FOUND)
    if command.p1 & TYPE_BITS not in types:
        raise SwError(SECURITY)
    return key, command.p1 >> LEVELS_SHIFT


def _diversified(key: bytes, factors: bytes) -> bytes:
    """Factors card first; the farthest from the card is applied first."""
    for at in reversed(range(0, len(factors), FACTOR)):
        key = crypto.diversify(key, factors[at : at + FACTOR])
    return key


def crypt(chip: PsamChip, command: Command) -> bytes:
    """80 FA 00 00 whole blocks: ECB under the loaded key. 80 FA 05 00 IV 8 || padded blocks: MAC, 8 bytes."""
    if command.p2 or command.p1 not in (P1_ENCRYPT, P1_MAC):
        raise SwError(BAD_P1P2)
    loaded = chip.now.loaded
    if loaded is None:
        raise SwError(CONDITIONS)
    if loaded.type not in (SIGNING_TYPES if command.p1 == P1_MAC else ENCRYPTING_TYPES):
        raise SwError(SECURITY)
    data = command.data
    if not data or len(data) % FACTOR or (command.p1 == P1_MAC and len(data) < 2 * FACTOR):
        raise SwError(WRONG_LENGTH)
    if loaded.once:
        chip.now.loaded = None
    if command.p1 == P1_MAC:
        return crypto.mac_blocks(loaded.key, data[:FACTOR], data[FACTOR:])
    return crypto.encrypt(loaded.key, data)


def init_purchase(chip: PsamChip, command: Command) -> bytes:
    """80 70: random 4, offline sequence 2, amount 4, type 1, date 4, time 3, version 1, algorithm 1, ASN 8, issuer 8.

    -> terminal sequence 4 || MAC1 4. The sequence is raised and durable first, so none is ever used twice. In the
    social security application (declared, C) card factor and city factor stand in the places of ASN and issuer; a
    module with the city's key takes the card factor only.
    """
    chip.now.purchase_key = b""
    applications = {_dialect(profile).dir: profile for profile in (chip.ssc, chip.transit)}
    profile = applications.get(chip.now.directory)
    if profile is None:
        raise SwError(CONDITIONS)
    if command.p1 or command.p2:
        raise SwError(BAD_P1P2)
    most = _dialect(profile).purchase_levels
    least = 1 if profile is chip.ssc else most
    levels = next((count for count in range(least, most + 1) if len(command.data) == PURCHASE + FACTOR * count), most)
    data = want_data(command, PURCHASE + FACTOR * levels)
    if chip.nv.need(MAC2_TRIES)[0] == 0:
        raise SwError(BLOCKED)
    random, offline, amount, kind, at = data[:4], data[4:6], data[6:10], data[10:11], data[11:18]
    usage = levels << LEVELS_SHIFT | PURCHASE_TYPE
    key = chip.nv.get(f"ssc/{data[18]:02X}/{usage:02X}" if profile is chip.ssc else f"purse/{data[18]:02X}")
    if key is None:
        raise SwError(NO_SUCH_KEY_INDEX)
    if data[19] != profile.crypto.algorithm_id:
        raise SwError(BAD_DATA)
    # The host sends the ASN first; diversification runs issuer, then ASN (keys-and-purse §1.7).
    key = _diversified(key, data[PURCHASE:])
    sequence = _next_sequence(chip)
    chip.now.purchase_key = crypto.session(key, random + offline + sequence[2:])
    chip.now.amount = amount
    mac1 = crypto.des_mac(chip.now.purchase_key, amount + kind + chip.nv.need(TERMINAL_NO) + at)
    return sequence + mac1


def _next_sequence(chip: PsamChip) -> bytes:
    number = int.from_bytes(chip.nv.need(SEQUENCE), "big")
    if number >= SEQUENCE_TOP:
        raise SwError(COUNTER_FULL)
    sequence = (number + 1).to_bytes(4, "big")
    chip.nv.commit({SEQUENCE: sequence})
    return sequence


def credit_purchase(chip: PsamChip, command: Command) -> bytes:
    """80 72 00 00 04 MAC2: 9000, or 9302 and one try less; wrong MAC2s in a row lock 8070."""
    if command.p1 or command.p2:
        raise SwError(BAD_P1P2)
    mac2 = want_data(command, 4)
    key, chip.now.purchase_key = chip.now.purchase_key, b""
    if not key:
        raise SwError(CONDITIONS)
    full, left = _dialect(chip.transit).mac2_tries, chip.nv.need(MAC2_TRIES)[0]
    if crypto.des_mac(key, chip.now.amount) != mac2:
        chip.nv.commit({MAC2_TRIES: bytes((max(left - 1, 0),))})
        raise SwError(MAC_WRONG)
    if left != full:
        chip.nv.commit({MAC2_TRIES: bytes((full,))})
    return b""


HANDLERS: dict[int, Callable[[PsamChip, Command], bytes]] = {
    0x00A4: select,
    0x00B0: read_binary,
    0x0084: get_challenge,
    0xBFDE: init_session,
    0x801A: init_key,
    0x80FA: crypt,
    0x8070: init_purchase,
    0x8072: credit_purchase,
}


def make_psam(path: Path, values: Mapping[str, bytes], profile: str = "demo") -> Path:
    """A PSAM in a new file; `values` from `psam_values`. Raises ChipFileError, StandInRefusedError."""
    refuse_production(profile)
    create_file(path, values)
    return path


def memory_psam(values: Mapping[str, bytes], entropy: Entropy) -> PsamChip:
    """A PSAM without a file, for simulated worlds."""
    return PsamChip(MemoryStorage(values), entropy)


def _dialect(profile: Profile) -> PsamSpec:
    if profile.psam is None:
        raise ProfileError(f"{profile.name} has no [psam]")
    return profile.psam


def refuse_production(profile: str) -> None:
    """Raises StandInRefusedError for `profile = production`."""
    if profile == "production":
        raise StandInRefusedError("a PSAM in software holds master keys")


def warn_stand_in() -> None:
    """Say once per process that this PSAM is not metal."""
    if not _warned:
        _warned.append("psam")
        print("stand-in: PSAM in software, born with its master keys; not for production", file=sys.stderr)
