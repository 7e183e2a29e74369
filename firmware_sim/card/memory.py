"""Names of a card's non-volatile values and their shapes, in one place."""

from dataclasses import dataclass

from card.files.kinds import AnyEf, CyclicEf, Field, RecordEf, RecordField, TransparentEf

KIND = "kind"
KIND_CARD = b"card"
KIND_PSAM = b"psam"
PROFILES = "profiles"  # comma-separated names
LIFECYCLE = "life"  # one byte, profile data
BATCH = "batch"  # 4 bytes
ATR_TAIL = "atr"  # region 3 || serial 3
PIN_VALUE = "pin/value"  # 16 bytes, BCD padded FF
PIN_INITIAL = "pin/initial"  # the value written at personalisation, 16 bytes
PIN_IS_INITIAL = "pin/is-initial"  # 01 until the holder changed it
PIN_TRIES = "pin/tries"  # one byte, what is left
CARD_BLOCK = "block"  # 01 once blocked
VARIANT = "variant"  # a deliberately bad chip, for refusal tests
PROVE_SEQUENCE = "option/prove_sequence"
PROVE_ORDER = "option/prove_order"
TRANSPORT_VERSION = 0  # key version of a transport key


def key_prefix(directory: str, kind: int, kid: int) -> str:
    """All versions of one key."""
    return f"key/{directory}/{kind:02X}/{kid:02X}/"


def key_name(directory: str, kind: int, kid: int, version: int) -> str:
    """header 8 || value 16."""
    return f"{key_prefix(directory, kind, kid)}{version:02X}"


def tries_name(directory: str, kind: int, kid: int) -> str:
    """One byte: failed authentications left."""
    return f"tries/{directory}/{kind:02X}/{kid:02X}"


def app_block(directory: str) -> str:
    """01 temporarily, 02 permanently blocked."""
    return f"block/{directory}"


def binary_name(ef: AnyEf) -> str:
    """All bytes of a transparent file."""
    return f"ef/{ef.path}"


def record_name(ef: AnyEf, number: int) -> str:
    """tag || length || value of a record, `number` from 1."""
    return f"ef/{ef.path}/{number:02d}"


def cyclic_head(ef: AnyEf) -> str:
    """used 1 || slot of the newest 1."""
    return f"cy/{ef.path}"


def cyclic_slot(ef: AnyEf, slot: int) -> str:
    """One fixed-length record."""
    return f"cy/{ef.path}/{slot:02d}"


def purse_name(directory: str) -> str:
    """balance 4 || online sequence 2 || offline sequence 2."""
    return f"purse/{directory}"


def proof_name(directory: str) -> str:
    """type 1 || sequence of the init answer 2 || MAC 4 || TAC 4 of the last transaction."""
    return f"proof/{directory}"


@dataclass(frozen=True, slots=True)
class PurseState:
    """What a purse remembers, fen and counters."""

    balance: int
    online: int
    offline: int

    @classmethod
    def unpack(cls, raw: bytes) -> "PurseState":
        """From the stored 8 bytes."""
        return cls(int.from_bytes(raw[:4], "big"), int.from_bytes(raw[4:6], "big"), int.from_bytes(raw[6:8], "big"))

    def pack(self) -> bytes:
        """To the stored 8 bytes."""
        return self.balance.to_bytes(4, "big") + self.online.to_bytes(2, "big") + self.offline.to_bytes(2, "big")


def _filler(item: Field) -> bytes:
    # card §1.3: not yet personalised, an is 00.. and cn is FF..
    return (b"\xff" if item.format in ("cn", "date", "time", "datetime") else b"\0") * item.length


def blank_file(ef: AnyEf) -> dict[str, bytes]:
    """The values of a file on a chip that carries no data yet."""
    if isinstance(ef, RecordEf):
        return {record_name(ef, item.no): _blank_record(item) for item in ef.records}
    if isinstance(ef, TransparentEf):
        return {binary_name(ef): b"".join(_filler(item) for item in ef.fields)}
    if isinstance(ef, CyclicEf):
        return {cyclic_head(ef): bytes(2)}
    raise TypeError(ef.path)


def _blank_record(item: RecordField) -> bytes:
    return bytes((item.tag, item.length)) + _filler(item)
