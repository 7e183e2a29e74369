"""Every exported function: parameters in order, the least buffer a caller must give, and how sure its form is.

The C header, the `.def` file, docs/ldt33.md and the service are compared with this table by tests. `buffer` is in bytes
and counts the closing zero; no answer is ever longer. Confidence: A, B, C as in docs/standards.md.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["int", "text"]
SMALL, BASIC, FILES = 256, 1024, 4096


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument; text is GBK and ends with a zero byte on the C side."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Function:
    """One function; `pOutInfo`, always last in C, is not among `parameters`. `declared` ones need confirmation."""

    name: str
    parameters: tuple[Parameter, ...]
    buffer: int
    confidence: str
    zh: str
    en: str
    enters_pin: bool = False
    declared: bool = False

    @property
    def prototype(self) -> str:
        """As in the C header."""
        kinds = {"int": "int", "text": "char *"}
        parts = [f"{kinds[item.kind]} {item.name}".replace("* ", "*") for item in self.parameters]
        return f"long {self.name}({', '.join([*parts, 'char *pOutInfo'])})"


_TYPE = Parameter("iType", "int")
_AUTH = Parameter("iAuthType", "int")
_CARD = Parameter("pCardInfo", "text")
_FILE = Parameter("pFileAddr", "text")
_DATA = Parameter("pWriteData", "text")
_KEY = Parameter("pKey", "text")
_PAY = Parameter("pPayInfo", "text")
_USER_PIN = Parameter("pUserPin", "text")
_IN = Parameter("pInData", "text")
_CERT = Parameter("pCert", "text")
_CLEAR = Parameter("pClearText", "text")
_SIGNATURE = Parameter("pSignature", "text")

FUNCTIONS: tuple[Function, ...] = (
    Function("iReadCardBas", (_TYPE,), BASIC, "A", "读基本信息", "basic data, with a PSAM"),
    Function("iReadCardBas_HSM_Step1", (_TYPE,), SMALL, "A", "读基本信息 步骤一", "basic data, step 1"),
    Function("iReadCardBas_HSM_Step2", (_KEY,), BASIC, "A", "读基本信息 步骤二", "basic data, step 2"),
    Function(
        "iReadCard",
        (_TYPE, _AUTH, _CARD, _FILE),
        FILES,
        "A",
        "通用读卡",
        "any files, with PIN or PSAM",
        enters_pin=True,
    ),
    Function(
        "iReadCard_HSM_Step1",
        (_TYPE, _CARD, _FILE),
        SMALL,
        "B",
        "通用读卡 步骤一",
        "any files, step 1",
        enters_pin=True,
    ),
    Function("iReadCard_HSM_Step2", (_KEY,), FILES, "B", "通用读卡 步骤二", "any files, step 2"),
    Function(
        "iWriteCard",
        (_TYPE, _CARD, _FILE, _DATA),
        SMALL,
        "A",
        "通用写卡",
        "write files, with a PSAM",
        enters_pin=True,
    ),
    Function(
        "iWriteCard_HSM_Step1",
        (_TYPE, _CARD, _FILE),
        SMALL,
        "B",
        "通用写卡 步骤一",
        "write files, step 1",
        enters_pin=True,
    ),
    Function("iWriteCard_HSM_Step2", (_KEY, _DATA), SMALL, "B", "通用写卡 步骤二", "write files, step 2"),
    Function("iVerifyPIN", (_TYPE,), SMALL, "A", "PIN校验", "verify the PIN", enters_pin=True),
    Function("iChangePIN", (_TYPE,), SMALL, "A", "PIN修改", "change the PIN", enters_pin=True),
    Function("iReloadPIN", (_TYPE, _CARD), SMALL, "B", "PIN重置", "a new PIN, with a PSAM", enters_pin=True),
    Function("iReloadPIN_HSM_Step1", (_TYPE, _CARD), SMALL, "B", "PIN重置 步骤一", "a new PIN, step 1"),
    Function(
        "iReloadPIN_HSM_Step2",
        (_KEY,),
        SMALL,
        "B",
        "PIN重置 步骤二",
        "a new PIN, step 2",
        enters_pin=True,
    ),
    Function("iReloadPIN_HSM_Step3", (_KEY,), SMALL, "B", "PIN重置 步骤三", "a new PIN, step 3"),
    Function("iUnblockPIN", (_TYPE, _CARD), SMALL, "B", "PIN解锁", "unblock the PIN, with a PSAM"),
    Function("iUnblockPIN_HSM_Step1", (_TYPE, _CARD), SMALL, "B", "PIN解锁 步骤一", "unblock the PIN, step 1"),
    Function("iUnblockPIN_HSM_Step2", (_KEY,), SMALL, "B", "PIN解锁 步骤二", "unblock the PIN, step 2"),
    Function("iUnblockPIN_HSM_Step3", (_KEY,), SMALL, "B", "PIN解锁 步骤三", "unblock the PIN, step 3"),
    Function(
        "iDoDebit", (_TYPE, _CARD, _PAY), SMALL, "C", "消费交易", "medical debit, with a PSAM", True, declared=True
    ),
    Function(
        "iDoDebit_HSM_Step1",
        (_TYPE, _CARD, _PAY),
        SMALL,
        "C",
        "消费交易 步骤一",
        "medical debit, step 1",
        True,
        declared=True,
    ),
    Function("iDoDebit_HSM_Step2", (_KEY,), SMALL, "C", "消费交易 步骤二", "medical debit, step 2", declared=True),
    Function("iReadDebitRecord", (_TYPE,), FILES, "C", "读交易明细", "medical transactions", True, declared=True),
    Function("PKI_SignData", (_USER_PIN, _IN, _TYPE), SMALL, "C", "签名", "sign with the card", declared=True),
    Function(
        "PKI_VerifySign",
        (_USER_PIN, _CERT, _CLEAR, _SIGNATURE, _TYPE),
        SMALL,
        "C",
        "验证签名",
        "verify a signature",
        declared=True,
    ),
    Function(
        "PKI_EncryptEnvelope",
        (_USER_PIN, _CERT, _IN, _TYPE),
        FILES,
        "C",
        "数字信封加密",
        "seal a digital envelope",
        declared=True,
    ),
    Function(
        "PKI_DecryptEnvelope",
        (_USER_PIN, _IN, _TYPE),
        FILES,
        "C",
        "数字信封解密",
        "open a digital envelope",
        declared=True,
    ),
)
BY_NAME = {item.name: item for item in FUNCTIONS}
