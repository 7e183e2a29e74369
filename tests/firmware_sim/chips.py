"""Chips with known keys for tests, in memory, spoken to in hex."""

import hashlib

from card.files.profile import load_profile
from firmware_sim.card import memory
from firmware_sim.card.chip import blank_values, memory_chip
from firmware_sim.card.cos import EXTERNAL, INTERNAL, LOAD, MASTER, PUK, PURCHASE, STK, TAC, Card
from firmware_sim.card.memory import PurseState
from tests.firmware_sim import oracle

TRANSPORT = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
BATCH = bytes.fromhex("00000001")
KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
PIN_BLOCK = bytes.fromhex("123456").ljust(16, b"\xff")
PERSONALISED = b"\x03"
SSSE, EP = "7378312E73682EC9E7BBE1B1A3D5CF", "A000000632010105"


class Scripted:
    """Entropy that gives the same bytes again and again."""

    def __init__(self, pattern: bytes = bytes.fromhex("A1B2C3D4E5F60718")) -> None:
        self._pattern = pattern

    def token(self, length: int) -> bytes:
        return (self._pattern * length)[:length]


def finished_values(**purse: bytes) -> dict[str, bytes]:
    """A personalised card whose every key is KEY, except the `dlk`, `dpk`, `dtk` given; PIN 123456, changed once."""
    values = blank_values(("ssc-2.00", "tunion"), TRANSPORT, BATCH)
    values[memory.LIFECYCLE] = PERSONALISED
    values[memory.ATR_TAIL] = bytes.fromhex("460100000001")
    values[memory.PIN_VALUE] = PIN_BLOCK
    values[memory.PIN_INITIAL] = bytes(16)
    values[memory.PIN_IS_INITIAL] = b"\0"
    for directory in ("MF", "SSSE", "DF01", "EP"):
        del values[memory.key_name(directory, MASTER, 0, 0)]
        put_key(values, directory, MASTER, 0, KEY)
    for directory in ("SSSE", "DF01"):
        put_key(values, directory, STK, 0, KEY)
    put_key(values, "SSSE", INTERNAL, 0, KEY)
    put_key(values, "SSSE", PUK, 0, KEY)
    for kid in (0x04, 0x0A):
        put_key(values, "SSSE", EXTERNAL, kid, KEY)
    for kid in (0x2E, 0x42, 0x25):
        put_key(values, "DF01", EXTERNAL, kid, KEY)
    for kind, name in ((LOAD, "dlk"), (PURCHASE, "dpk"), (TAC, "dtk")):
        put_key(values, "EP", kind, 1, purse.get(name, KEY))
    return values


def key_of(name: str, version: int = 1) -> bytes:
    """Another 16 bytes for every key name and version."""
    return hashlib.sha256(f"{name}/{version}".encode()).digest()[:16]


def whole_values(*profiles: str) -> dict[str, bytes]:
    """A personalised card of `profiles` with all their keys (`key_of`), blank files, PIN 123456, changed once."""
    values = blank_values(profiles, TRANSPORT, BATCH)
    values[memory.LIFECYCLE] = PERSONALISED
    values[memory.ATR_TAIL] = bytes.fromhex("460100000001")
    values[memory.PIN_VALUE] = PIN_BLOCK
    values[memory.PIN_INITIAL] = bytes(16)
    values[memory.PIN_IS_INITIAL] = b"\0"
    for name in profiles:
        for spec in load_profile(name).keys:
            if spec.type is None or spec.card_kid is None:
                continue
            values.pop(memory.key_name(spec.dir, spec.type, spec.card_kid, 0), None)
            for version in spec.all_versions:
                put_key(values, spec.dir, spec.type, spec.card_kid, key_of(spec.name, version), version)
    return values


def put_key(values: dict[str, bytes], directory: str, kind: int, kid: int, key: bytes, version: int = 1) -> None:
    header = bytes((kind, kid, version, 0, 3, 0, 0, 16))
    values[memory.key_name(directory, kind, kid, version)] = header + key


def put_purse(values: dict[str, bytes], balance: int, online: int = 0, offline: int = 0) -> None:
    values[memory.purse_name("EP")] = PurseState(balance, online, offline).pack()


def powered(values: dict[str, bytes], entropy: Scripted | None = None) -> Card:
    card = memory_chip(values, entropy or Scripted())
    card.power_on()
    return card


def say(card: Card, command: str) -> str:
    """One command, spaces allowed; answer in upper-case hex, 61xx fetched."""
    answer = card.process(bytes.fromhex(command))
    if answer[0] == 0x61 and len(answer) == 2:
        answer = card.process(bytes((0x00, 0xC0, 0x00, 0x00, answer[1])))
    return answer.hex().upper()


def select(card: Card, aid: str) -> str:
    return say(card, f"00A40400{len(aid) // 2:02X}{aid}")


def challenge(card: Card, length: int = 4) -> bytes:
    return bytes.fromhex(say(card, f"00840000{length:02X}")[: 2 * length])


def prove(card: Card, kid: int, key: bytes, version: str = "") -> str:
    """EXTERNAL AUTHENTICATION with a 3DES key."""
    session = oracle.tdes(key, challenge(card, 8))
    data = oracle.des(session, b"original").hex() + b"original".hex() + version
    return say(card, f"008200{kid:02X}{len(data) // 2:02X}{data}")


def prove_master(card: Card, key: bytes) -> str:
    return say(card, f"0082000008{oracle.tdes(key, challenge(card, 8)).hex()}")


def signed(card: Card, head: str, key: bytes, data: bytes = b"") -> str:
    """A command with `data` and its MAC, 3DES."""
    raw = bytes.fromhex(head) + bytes((len(data) + 4,)) + data
    return say(card, (raw + oracle.retail(key, raw, challenge(card) + bytes(4))).hex())


def fid(card: Card, name: str) -> str:
    """SELECT by file identifier."""
    return say(card, f"00A4000002{name}")
