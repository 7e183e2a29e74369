"""Why a code is refused: the number of the check and a code whose texts are in card/texts/*/keys.toml."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from keys.errors import KeysError


class CodeFault(Enum):
    """Every way a code can fail, in the order of the checks. Values are text codes."""

    KIND = "E-CODE-KIND"
    LENGTH = "E-CODE-LENGTH"
    STRUCTURE = "E-CODE-STRUCTURE"
    CERTIFICATE = "E-CODE-CERTIFICATE"
    CERTIFICATE_EXPIRED = "E-CODE-CERTIFICATE-EXPIRED"
    ROOT_UNKNOWN = "E-CODE-ROOT-UNKNOWN"
    ROOT_EXPIRED = "E-CODE-ROOT-EXPIRED"
    ISSUER_DISTRUSTED = "E-CODE-ISSUER-DISTRUSTED"
    CERTIFICATE_SIGNATURE = "E-CODE-CERTIFICATE-SIGNATURE"
    ACCOUNT = "E-CODE-ACCOUNT"
    ACCOUNT_TYPE = "E-CODE-ACCOUNT-TYPE"
    AUTHORISATION_EXPIRED = "E-CODE-AUTHORISATION-EXPIRED"
    VALIDITY_TOO_LONG = "E-CODE-VALIDITY-TOO-LONG"
    FROM_FUTURE = "E-CODE-FROM-FUTURE"
    EXPIRED = "E-CODE-EXPIRED"
    ISSUER_SIGNATURE = "E-CODE-ISSUER-SIGNATURE"
    USER_SIGNATURE = "E-CODE-USER-SIGNATURE"
    TOKEN_FORM = "E-TOKEN-FORM"


class CodeError(KeysError):
    """A code is refused. `fault` says why, `code` is its text code, `n` the number of the check that failed."""

    code: ClassVar[str] = "E-CODE"

    def __init__(self, fault: CodeFault, n: int) -> None:
        super().__init__(f"check {n}")
        self.fault = fault
        self.n = n
        self.code = fault.value  # type: ignore[misc]  # one class, many text codes
