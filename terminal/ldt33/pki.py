"""The certificate functions over the 3.00 card's certificate application (card §4.1; declared form, C)."""

from terminal.ldt33.call import Call
from terminal.ldt33.codes import Code, Ldt33Error


def sign(call: Call, pin: str, data: str, kind: int) -> str:
    """Not before the card's certificate session is there."""
    raise Ldt33Error(Code.NOT_SUPPORTED, "signing")


def verify(call: Call, pin: str, cert: str, clear: str, signature: str, kind: int) -> str:
    raise Ldt33Error(Code.NOT_SUPPORTED, "verifying")


def seal(call: Call, pin: str, cert: str, data: str, kind: int) -> str:
    raise Ldt33Error(Code.NOT_SUPPORTED, "envelopes")


def unseal(call: Call, pin: str, data: str, kind: int) -> str:
    raise Ldt33Error(Code.NOT_SUPPORTED, "envelopes")
