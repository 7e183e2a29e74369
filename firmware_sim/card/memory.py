"""Names of a card's non-volatile values and their shapes, in one place."""

from collections.abc import Sequence
from dataclasses import dataclass

from card.files.kinds import AnyEf, CyclicEf, Field, Item, RecordEf, RecordField, TransparentEf
from card.files.profile import overlay_texts, short_name
from firmware_sim.card.store import NonVolatile

KIND = "kind"
KIND_CARD = b"card"
KIND_PSAM = b"psam"
PROFILES = "profiles"  # comma-separated names
OVERLAY = "overlay/"  # overlay/NAME: the text of a further profile file
LIFECYCLE = "life"  # one byte, profile data
BATCH = "batch"  # 4 bytes
ATR_TAIL = "atr"  # region 3 || serial 3
PIN_VALUE = "pin/value"  # 16 bytes, BCD padded FF
PIN_INITIAL = "pin/initial"  # the value written at personalisation, 16 bytes
PIN_IS_INITIAL = "pin/is-initial"  # 01 until the holder changed it
PIN_TRIES = "pin/tries"  # one byte, what is left
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


def profiles_of(nv: NonVolatile) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """(profile names, (overlay name, its text) ...) of a chip, as `blueprint` takes them."""
    texts = [(name[len(OVERLAY) :], nv.need(name).decode("utf-8")) for name in nv.names(OVERLAY)]
    return tuple(nv.need(PROFILES).decode("ascii").split(",")), tuple(texts)


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
    # card §1.3: not yet personalised, an and amounts are 00.., cn and b are FF..
    return (b"\xff" if item.format in ("cn", "date", "time", "datetime", "b") else b"\0") * item.length


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
    if item.form == "composite":
        head = item.tag.to_bytes(2, "big") + bytes((item.length,))
    else:
        head = _tag_and_length(item.tag, item.length, item.form)
    return head + (_skeleton(item.items, item.form) if item.items else _filler(item))


def _skeleton(items: tuple[Item, ...], form: str) -> bytes:
    """A constructed value without data: its inner headers stand, what they hold does not (declared)."""
    parts = []
    for item in items:
        head = b"" if form == "composite" else _tag_and_length(item.tag, item.length, form)
        parts.append(head + (_skeleton(item.items, form) if item.items else _filler(item)))
    return b"".join(parts)


def _tag_and_length(tag: int, length: int, form: str) -> bytes:
    """Simple TLV, or BER where a tag may have two bytes and a length from 80h one byte before it."""
    head = bytes((tag >> 8, tag & 0xFF)) if tag > 0xFF else bytes((tag,))
    return head + (b"\x81" if form == "ber" and length > 0x7F else b"") + bytes((length,))


def profile_values(names: Sequence[str]) -> dict[str, bytes]:
    """The profiles of a chip and the text of every overlay among them: the chip stands alone. ProfileError."""
    texts = {short: text for name in names for short, text in overlay_texts(name).items()}
    values = {PROFILES: ",".join(map(short_name, names)).encode("ascii")}
    return values | {f"{OVERLAY}{short}": text.encode("utf-8") for short, text in texts.items()}
