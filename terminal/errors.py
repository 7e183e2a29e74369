"""Errors of the terminal floor: the world is wrong. Each class has a `code`; texts: card/texts/*/terminal.toml."""

from typing import ClassVar

from card.domain.decision import DenyReason


class TerminalError(Exception):
    """Root of what this floor raises."""

    code: ClassVar[str] = "E-TERMINAL"

    def __str__(self) -> str:
        detail = super().__str__()
        return f"{self.code}: {detail}" if detail else self.code


class LinkDownError(TerminalError):
    """The server cannot be reached now; what waits is kept and sent later."""

    code = "E-LINK-DOWN"


class ServerRefusedError(TerminalError):
    """The server answered with a problem; `problem` is its own code, `status` the HTTP status."""

    code = "E-SERVER-REFUSED"

    def __init__(self, status: int, problem: str, doing: str) -> None:
        super().__init__(f"{problem or status} while {doing}")
        self.status = status
        self.problem = problem


class WireFormatError(TerminalError):
    """The server's answer has not the agreed shape."""

    code = "E-WIRE-FORMAT"


class JournalError(TerminalError):
    """The journal cannot be opened, or was asked for something that would break its promises."""

    code = "E-JOURNAL"


class JournalFullError(TerminalError):
    """The disk refused a durable write: no act may follow."""

    code = "E-JOURNAL-FULL"


class ClaimTakenError(TerminalError):
    """Another entry of this journal already holds the key that this one wants to use once."""

    code = "E-CLAIM-TAKEN"


class NotEnrolledError(TerminalError):
    """The device has no enrolment yet."""

    code = "E-NOT-ENROLLED"


class ScannerLostError(TerminalError):
    """The scanner's line is gone."""

    code = "E-SCANNER-LOST"


class PictureUnreadableError(TerminalError):
    """The camera's picture holds no readable code."""

    code = "E-NO-CODE"


class BarrierError(TerminalError):
    """The barrier does not answer or did not obey."""

    code = "E-BARRIER"


class LoadRefusedError(TerminalError):
    """The purse could not be loaded; nothing was taken from the account."""

    code = "E-LOAD-REFUSED"


class VerificationError(TerminalError):
    """What was presented is not what it claims. `reason` is the denial recorded, `code` the text shown."""

    def __init__(self, reason: DenyReason, code: str = "", detail: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.code = code or reason.value  # type: ignore[misc]  # one class, many text codes


class PsamLostError(TerminalError):
    """The terminal's own security module does not answer or refuses; no card can be served."""

    code = "E-PSAM-LOST"


class TransferRefusedError(TerminalError):
    """Rights and balance move only between two cards of one holder."""

    code = "E-TRANSFER-REFUSED"


class TransferStateError(TerminalError):
    """The transfer is not at a point from which this can be done."""

    code = "E-TRANSFER-STATE"


class TransferSwappedError(TerminalError):
    """The card in the old card's reader is the newer one."""

    code = "E-TRANSFER-SWAPPED"


class TransferStuckError(TerminalError):
    """Neither card nor server can say what became of a step; the money stands in a suspense account until one can."""

    code = "E-TRANSFER-STUCK"
