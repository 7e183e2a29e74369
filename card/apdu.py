"""Command and response APDUs (ISO/IEC 7816-4), instruction names, status words with names."""

from dataclasses import dataclass
from enum import IntEnum

SHORT_DATA = 255
SHORT_LE = 256


class Ins(IntEnum):
    """Instruction bytes used on this road (card §2.1, keys-and-purse §1.3, §1.7)."""

    CARD_BLOCK = 0x16
    APPLICATION_UNBLOCK = 0x18
    PSAM_INIT_CRYPT = 0x1A
    APPLICATION_BLOCK = 0x1E
    VERIFY = 0x20
    PIN_UNBLOCK = 0x24
    GET_BALANCE_SSC = 0x26
    CERTIFICATE_GENERATE = 0x4E
    INITIALIZE = 0x50
    CREDIT_FOR_LOAD = 0x52
    DEBIT = 0x54
    GET_TRANSACTION_PROVE = 0x5A
    GET_BALANCE = 0x5C
    CHANGE_PIN = 0x5E
    PSAM_INIT_PURCHASE = 0x70
    PSAM_CREDIT_PURCHASE = 0x72
    EXTERNAL_AUTHENTICATE = 0x82
    GET_CHALLENGE = 0x84
    INTERNAL_AUTHENTICATE = 0x88
    SELECT = 0xA4
    GET_PROCESSING_OPTIONS = 0xA8
    READ_BINARY = 0xB0
    READ_RECORD = 0xB2
    GET_RESPONSE = 0xC0
    CERTIFICATE_SIGN = 0xCA
    CERTIFICATE_OPEN = 0xCC
    WRITE_KEY = 0xD4
    UPDATE_BINARY = 0xD6
    UPDATE_RECORD = 0xDC
    PSAM_INIT_SESSION = 0xDE
    APPEND_RECORD = 0xE2
    PSAM_CRYPT = 0xFA
    TERMINATE = 0xFE


class SW(IntEnum):
    """Status words with a fixed meaning (card §2.4, keys-and-purse §1.3)."""

    OK = 0x9000
    INFORMATION_LOST = 0x6200
    DATA_MAY_BE_CORRUPT = 0x6281
    END_OF_FILE = 0x6282
    FILE_INVALIDATED = 0x6283
    FCI_FORMAT = 0x6284
    AUTHENTICATION_FAILED = 0x6300
    STATE_UNCHANGED = 0x6400
    MEMORY_FAILURE = 0x6581
    WRONG_LENGTH = 0x6700
    CHANNEL_NOT_SUPPORTED = 0x6881
    SM_NOT_SUPPORTED = 0x6882
    COMMAND_NOT_ALLOWED = 0x6900
    INVALID_STATE = 0x6901
    WRONG_FILE_TYPE = 0x6981
    SECURITY_NOT_SATISFIED = 0x6982
    METHOD_BLOCKED = 0x6983
    NO_CHALLENGE = 0x6984
    CONDITIONS_NOT_SATISFIED = 0x6985
    NO_CURRENT_EF = 0x6986
    SM_DATA_MISSING = 0x6987
    SM_DATA_WRONG = 0x6988
    WRONG_DATA = 0x6A80
    FUNCTION_NOT_SUPPORTED = 0x6A81
    FILE_NOT_FOUND = 0x6A82
    RECORD_NOT_FOUND = 0x6A83
    NO_SPACE = 0x6A84
    WRONG_P1P2 = 0x6A86
    KEY_NOT_FOUND = 0x6A88
    WRONG_OFFSET = 0x6B00
    UNKNOWN_INS = 0x6D00
    UNKNOWN_CLA = 0x6E00
    INTERNAL_ERROR = 0x6F00
    MAC_WRONG = 0x9302
    PERMANENTLY_BLOCKED = 0x9303
    INSUFFICIENT_FUNDS = 0x9401
    COUNTER_LIMIT = 0x9402
    KEY_INDEX_MISSING = 0x9403
    PROOF_NOT_AVAILABLE = 0x9406
    GREY_LOCKED = 0x9408


MORE_DATA = 0x61  # SW1: xx bytes wait for GET RESPONSE (T=0)
WRONG_LE = 0x6C  # SW1: exact length is xx (T=0)


# What ISO/IEC 7816-4 §5.6 says of a first byte when the second has no name of its own.
_CLASSES = {
    0x62: "WARNING, NOTHING CHANGED",
    0x63: "WARNING, SOMETHING CHANGED",
    0x64: "ERROR, NOTHING CHANGED",
    0x65: "ERROR, SOMETHING CHANGED",
    0x66: "SECURITY ERROR",
    0x68: "CLASS FUNCTION NOT SUPPORTED",
    0x69: "COMMAND NOT ALLOWED",
    0x6A: "WRONG PARAMETERS",
}


def is_status_word(sw: int) -> bool:
    """6xxx and 9xxx except 60xx (ISO/IEC 7816-3 §10.3.3): anything else is no answer of a card."""
    return 0x6100 <= sw <= 0x6FFF or 0x9000 <= sw <= 0x9FFF


def sw_name(sw: int) -> str:
    """`9000 OK`, `63C2 TRIES LEFT 2`, `6108 MORE DATA`; the class of an unknown one, the number alone without any."""
    if sw & 0xFFF0 == 0x63C0:
        return f"{sw:04X} TRIES LEFT {sw & 0xF}"
    if sw >> 8 in (MORE_DATA, WRONG_LE):
        return f"{sw:04X} {'MORE DATA' if sw >> 8 == MORE_DATA else 'EXACT LENGTH'}"
    try:
        return f"{sw:04X} {SW(sw).name.replace('_', ' ')}"
    except ValueError:
        meaning = _CLASSES.get(sw >> 8)
        return f"{sw:04X} {meaning}" if meaning else f"{sw:04X}"


def tries_left(sw: int) -> int | None:
    """x of 63Cx, else None."""
    return sw & 0xF if sw & 0xFFF0 == 0x63C0 else None


@dataclass(frozen=True, slots=True)
class CommandApdu:
    """A command. `le` None asks for nothing, 256 for as much as there is. `repr` shows the head and lengths only."""

    cla: int
    ins: int
    p1: int = 0
    p2: int = 0
    data: bytes = b""
    le: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.cla | self.ins | self.p1 | self.p2 <= 0xFF:  # one sign or one high bit shows in all
            raise ValueError("CLA INS P1 P2 are one byte each")
        if len(self.data) > 0xFFFF or (self.le is not None and not 0 < self.le <= 0x10000):
            raise ValueError("data or Le out of range")

    @property
    def extended(self) -> bool:
        return len(self.data) > SHORT_DATA or (self.le or 0) > SHORT_LE

    @property
    def head(self) -> bytes:
        return bytes((self.cla, self.ins, self.p1, self.p2))

    def to_bytes(self) -> bytes:
        """Short form where it fits, else extended (ISO/IEC 7816-4 §5.1)."""
        if not self.extended:
            tail = b"" if self.le is None else bytes((self.le % SHORT_LE,))
            if not self.data:
                return self.head + tail
            return bytes((self.cla, self.ins, self.p1, self.p2, len(self.data))) + self.data + tail
        body = b"\x00" + len(self.data).to_bytes(2, "big") + self.data if self.data else b""
        tail = b"" if self.le is None else (self.le % 0x10000).to_bytes(2, "big")
        return self.head + body + (b"\x00" + tail if tail and not self.data else tail)

    @classmethod
    def parse(cls, raw: bytes) -> "CommandApdu":
        """Inverse of `to_bytes`; ValueError when the lengths contradict each other."""
        if len(raw) < 4:
            raise ValueError("shorter than a command head")
        head, body = raw[:4], raw[4:]
        if len(body) > 1 and body[0] == 0 and len(body) >= 3:
            data, le = _extended_body(body[1:])
        else:
            data, le = _short_body(body)
        return cls(head[0], head[1], head[2], head[3], data, le)

    def __repr__(self) -> str:
        return f"CommandApdu({self.head.hex()} Lc={len(self.data)} Le={self.le})"


def _short_body(body: bytes) -> tuple[bytes, int | None]:
    if not body:
        return b"", None
    if len(body) == 1:
        return b"", body[0] or SHORT_LE
    size, rest = body[0], body[1:]
    if len(rest) == size:
        return rest, None
    if len(rest) == size + 1:
        return rest[:-1], rest[-1] or SHORT_LE
    raise ValueError("Lc contradicts the length of the command")


def _extended_body(body: bytes) -> tuple[bytes, int | None]:
    size, rest = int.from_bytes(body[:2], "big"), body[2:]
    if not rest:
        return b"", size or 0x10000
    if size and len(rest) == size:
        return rest, None
    if size and len(rest) == size + 2:
        return rest[:-2], int.from_bytes(rest[-2:], "big") or 0x10000
    raise ValueError("extended Lc contradicts the length of the command")


@dataclass(frozen=True, slots=True)
class ResponseApdu:
    """An answer: data and status word. `repr` shows lengths only."""

    data: bytes
    sw: int

    @classmethod
    def parse(cls, raw: bytes) -> "ResponseApdu":
        """ValueError when there is no status word."""
        if len(raw) < 2:
            raise ValueError("shorter than a status word")
        return cls(raw[:-2], int.from_bytes(raw[-2:], "big"))

    @property
    def ok(self) -> bool:
        return self.sw == SW.OK

    def to_bytes(self) -> bytes:
        return self.data + self.sw.to_bytes(2, "big")

    def __repr__(self) -> str:
        return f"ResponseApdu({len(self.data)} bytes, {sw_name(self.sw)})"


_INITIALIZE = {
    0x00: "INITIALIZE FOR LOAD",
    0x01: "INITIALIZE FOR PURCHASE",
    0x02: "INITIALIZE FOR CASH WITHDRAW",
    0x03: "INITIALIZE FOR CAPP PURCHASE",
    0x04: "INITIALIZE FOR UPDATE",
    0x05: "INITIALIZE FOR UNLOAD",
}
# One instruction byte, two meanings: the class tells them apart.
_BY_CLASS = {
    (0x80, Ins.UPDATE_RECORD): "UPDATE CAPP DATA CACHE",
    (0xBF, Ins.PSAM_INIT_SESSION): "PSAM INIT SESSION KEY",
    (0x80, Ins.PSAM_INIT_PURCHASE): "INIT SAM FOR PURCHASE",
    (0x80, Ins.PSAM_CREDIT_PURCHASE): "CREDIT SAM FOR PURCHASE",
    (0x80, Ins.PSAM_CRYPT): "PSAM CRYPT",
    (0x80, 0xF0): "INITIALISE CARD",
    (0x84, 0xF2): "END PERSONALISATION",
    (0x80, 0xF4): "PROVE KEY VERSION",
    (0x84, 0xFE): "TERMINATE",
    (0x80, Ins.CERTIFICATE_GENERATE): "GENERATE KEY",
    (0x80, Ins.CERTIFICATE_SIGN): "SIGN",
    (0x80, Ins.CERTIFICATE_OPEN): "OPEN SESSION KEY",
}


def command_name(raw: bytes) -> str:
    """The command's name in the standard's words, for logs and reports; `CLA INS` as hex when it has none."""
    cla, ins, p1 = raw[0], raw[1], raw[2]
    if cla == 0x80 and ins == Ins.INITIALIZE:
        return _INITIALIZE.get(p1, "INITIALIZE")
    if cla == 0x80 and ins == Ins.DEBIT:
        return "DEBIT FOR UNLOAD" if p1 == 3 else "DEBIT FOR PURCHASE"
    if (cla, ins) == (0x84, Ins.WRITE_KEY) and raw[2:4] == b"\x00\x00" and raw[4:5] in (b"\x0c", b"\x14"):
        return "RELOAD PIN"
    if (cla, ins) in _BY_CLASS:
        return _BY_CLASS[cla, ins]
    try:
        return Ins(ins).name.replace("_", " ")
    except ValueError:
        return f"{cla:02X} {ins:02X}"
