"""Return codes: 0, a library code, or minus the card's status word (card §4.4, A), and how our errors become one."""

from enum import IntEnum

from card.apdu import MORE_DATA, SW, sw_name
from card.errors import (
    AccessDeniedError,
    CardBlockedError,
    CardDataError,
    CardError,
    CardGarbageError,
    CardLateError,
    CardLostError,
    CardMemoryError,
    CardMuteError,
    CardTerminatedError,
    ChannelLimitError,
    ContactlessRefusedError,
    DaemonMissingError,
    FieldError,
    ForeignCardError,
    KeyBlockedError,
    KeyMissingError,
    LineMacError,
    NoCardError,
    NotGenuineError,
    PinBlockedError,
    PinError,
    PinFormatError,
    PinInitialAgainError,
    PinInitialError,
    ProfileError,
    ProofMissingError,
    PurseFundsError,
    PurseLimitError,
    PurseMacError,
    ReaderBusyError,
    ReaderLostError,
    ReaderNotFoundError,
    ReadOnlyProfileError,
    TlvError,
    UnexpectedSwError,
)
from terminal.errors import TerminalError


class Code(IntEnum):
    """The library's own codes (card §4.4, A)."""

    OK = 0
    WRONG_CARD = -1
    NO_CARD = -2
    NOT_POWERED = -3
    NO_ANSWER = -4
    LIBRARY = -5
    READER = -11
    NOT_CONNECTED = -12
    NOT_SUPPORTED = -13
    BAD_PARAMETER = -14
    BAD_INFORMATION = -15
    CARD_ID_FORMAT = -20
    NOT_GENUINE = -21
    OTHER_CARD = -22
    BAD_INPUT = -23
    PSAM_LEVEL = -24
    CANCELLED = -31
    TIMED_OUT = -32
    PIN_LENGTH = -33
    PIN_UNLIKE = -34
    PIN_INITIAL = -35
    PIN_TO_INITIAL = -36
    BAD_CHARACTER = -41
    TOO_LONG = -42
    PIN_WRONG = -51
    PIN_BLOCKED = -52
    NO_PSAM = -2201
    PSAM_ALGORITHM = -2202
    PSAM_NO_RK = -2203
    NO_HSM_NEEDED = -2204


MEANINGS: dict[Code, tuple[str, str]] = {
    Code.OK: ("成功", "done"),
    Code.WRONG_CARD: ("卡类型不正确", "not a social security card"),
    Code.NO_CARD: ("无卡", "no card"),
    Code.NOT_POWERED: ("有卡未上电", "a card is there and did not power up"),
    Code.NO_ANSWER: ("卡无应答", "the card does not answer"),
    Code.LIBRARY: ("加载动态库错误", "the service behind the library cannot be reached"),
    Code.READER: ("读卡器连接错误", "the reader cannot be used"),
    Code.NOT_CONNECTED: ("未建立连接", "no step before this one, or it is over"),
    Code.NOT_SUPPORTED: ("不支持该命令", "not supported here"),
    Code.BAD_PARAMETER: ("命令参数错误", "wrong parameter"),
    Code.BAD_INFORMATION: ("信息校验出错", "data did not check"),
    Code.CARD_ID_FORMAT: ("卡识别码格式错误", "the card identification code has a wrong form"),
    Code.NOT_GENUINE: ("内部认证失败", "the card did not prove itself"),
    Code.OTHER_CARD: ("传入数据与卡内不符", "what was passed in is of another card"),
    Code.BAD_INPUT: ("传入数据不合法", "what was passed in cannot be"),
    Code.PSAM_LEVEL: ("PSAM密钥级别不够", "the PSAM's key is of the wrong level"),
    Code.CANCELLED: ("取消输入", "entry cancelled"),
    Code.TIMED_OUT: ("输入超时", "entry timed out"),
    Code.PIN_LENGTH: ("密码长度错误", "wrong PIN length"),
    Code.PIN_UNLIKE: ("两次输入不一致", "the two entries differ"),
    Code.PIN_INITIAL: ("初始密码不能交易", "the initial PIN opens nothing"),
    Code.PIN_TO_INITIAL: ("不能改为初始密码", "the new PIN is the initial one"),
    Code.BAD_CHARACTER: ("非法字符", "illegal character"),
    Code.TOO_LONG: ("长度错误", "wrong length"),
    Code.PIN_WRONG: ("PIN校验失败", "wrong PIN"),
    Code.PIN_BLOCKED: ("PIN锁定", "PIN blocked"),
    Code.NO_PSAM: ("无PSAM", "no PSAM"),
    Code.PSAM_ALGORITHM: ("PSAM不支持算法", "the PSAM lacks the card's algorithm"),
    Code.PSAM_NO_RK: ("PSAM无RKssse", "the PSAM lacks RK_SSSE"),
    Code.NO_HSM_NEEDED: ("不需要加密机认证", "no authentication by the security module is needed"),
}
STYLES = ("library", "status-word")

# Our error -> library code.
_PLAIN: dict[type[CardError], Code] = {
    ForeignCardError: Code.WRONG_CARD,
    NoCardError: Code.NO_CARD,
    CardMuteError: Code.NOT_POWERED,
    CardLostError: Code.NO_ANSWER,
    CardLateError: Code.NO_ANSWER,
    ChannelLimitError: Code.NO_ANSWER,
    ReaderLostError: Code.READER,
    ReaderNotFoundError: Code.READER,
    ReaderBusyError: Code.READER,
    DaemonMissingError: Code.READER,
    NotGenuineError: Code.NOT_GENUINE,
    CardDataError: Code.BAD_INFORMATION,
    CardGarbageError: Code.BAD_INFORMATION,
    TlvError: Code.BAD_INFORMATION,
    FieldError: Code.BAD_INPUT,
    ProfileError: Code.NOT_SUPPORTED,
    ContactlessRefusedError: Code.NOT_SUPPORTED,
    ReadOnlyProfileError: Code.NOT_SUPPORTED,
    PinFormatError: Code.PIN_LENGTH,
    PinInitialAgainError: Code.PIN_TO_INITIAL,
}
# Errors made of a status word, with the word to name when the wire heard none (asked of the profile, not of the card).
_WORDS: dict[type[CardError], int] = {
    AccessDeniedError: SW.SECURITY_NOT_SATISFIED,
    CardBlockedError: SW.FUNCTION_NOT_SUPPORTED,
    CardTerminatedError: SW.FUNCTION_NOT_SUPPORTED,
    CardMemoryError: SW.MEMORY_FAILURE,
    KeyBlockedError: SW.METHOD_BLOCKED,
    KeyMissingError: SW.KEY_NOT_FOUND,
    LineMacError: SW.SM_DATA_WRONG,
    PurseFundsError: SW.INSUFFICIENT_FUNDS,
    PurseLimitError: SW.COUNTER_LIMIT,
    PurseMacError: SW.MAC_WRONG,
    ProofMissingError: SW.PROOF_NOT_AVAILABLE,
}


class Ldt33Error(TerminalError):
    """A terminal function ends with `value`, a return code below zero. The detail is for the engineer."""

    code = "E-LDT33"

    def __init__(self, value: int, detail: str = "") -> None:
        super().__init__(f"{value} {detail}".strip())
        self.value = int(value)


def value_of(error: CardError | TerminalError, style: str, heard: int = SW.OK) -> int:
    """The return code of an error. `style` says how a refused PIN is told: as -51, -52, -35 or as minus its SW.

    `heard` is the last status word of the card: one error class stands for several of them.
    """
    if isinstance(error, Ldt33Error):
        return error.value
    if isinstance(error, PinError):
        return Code.PIN_WRONG if style == "library" else -(0x63C0 | error.tries_left)
    if isinstance(error, PinBlockedError):
        return Code.PIN_BLOCKED if style == "library" else -SW.METHOD_BLOCKED
    if isinstance(error, PinInitialError):
        return Code.PIN_INITIAL if style == "library" else -SW.CONDITIONS_NOT_SATISFIED
    if isinstance(error, UnexpectedSwError):
        return -error.sw
    for kind, word in _WORDS.items():
        if isinstance(error, kind):
            return -(word if heard == SW.OK or heard >> 8 == MORE_DATA else heard)
    return next((code for kind, code in _PLAIN.items() if isinstance(error, kind)), Code.NO_ANSWER)


def meaning(value: int) -> tuple[str, str]:
    """(Chinese, English) of a return code; a status word by its name."""
    try:
        return MEANINGS[Code(value)]
    except ValueError:
        pass
    if -0xFFFF <= value < -0x6000:
        name = sw_name(-value)
        return f"卡片返回 {name}", f"the card answered {name}"
    return "未知返回码", "unknown return code"
