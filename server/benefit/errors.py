"""What can be refused in a payment run; every class names its code, every code has a text."""

from enum import Enum

from server.errors import ServerError


class BenefitError(ServerError):
    """Root: the answer is no, nothing was changed."""

    code = "E-BENEFIT"


class StateError(BenefitError):
    """A batch or line cannot go from its present state to the one asked for."""

    code = "E-BENEFIT-STATE"


class SeparationError(BenefitError):
    """One natural person in two roles of the same batch (SOD-1)."""

    code = "E-SOD"


class RollError(BenefitError):
    """PV01, PV12, PV13: the roll as a whole cannot be paid."""

    code = "E-BENEFIT-ROLL"

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule


class RepayError(BenefitError):
    """A repayment that must not be made: open, unknown, paid, forbidden by its cause, or too often."""

    code = "E-BENEFIT-REPAY"


class NotFoundError(BenefitError):
    """No such programme, batch or line."""

    code = "E-BENEFIT-NOT-FOUND"


class DialectError(BenefitError):
    """A dialect file of ours that does not describe a file, or a value it cannot carry."""

    code = "E-BENEFIT-DIALECT"


class BankLinkError(BenefitError):
    """The bank could not be reached; what was to be delivered stays queued, what was to be asked stays unknown."""

    code = "E-BANK-LINK"


class ReturnFault(Enum):
    """Why a return file is not imported. Value = text code."""

    ENCODING = "E-RET-ENCODING"
    LAYOUT = "E-RET-LAYOUT"
    FIELD = "E-RET-FIELD"
    TOTALS = "E-RET-TOTALS"
    DIGEST = "E-RET-DIGEST"
    UNKNOWN_BATCH = "E-RET-UNKNOWN-BATCH"
    UNKNOWN_LINE = "E-RET-UNKNOWN-LINE"
    REPEATED_LINE = "E-RET-REPEATED-LINE"
    DIFFERS = "E-RET-DIFFERS"
    RESULT_CODE = "E-RET-RESULT-CODE"
    CONTRADICTS = "E-RET-CONTRADICTS"
    NUMBER = "E-RET-NUMBER"
    DATE = "E-RET-DATE"
    BANK = "E-RET-BANK"


class ReturnRefusedError(BenefitError):
    """A bank's file is refused whole; `line` is its 1-based line (0: the file), `why` names what was expected."""

    code = "E-RET"

    def __init__(self, fault: ReturnFault, line: int, why: str) -> None:
        super().__init__(f"{fault.value}: line {line}: {why}" if line else f"{fault.value}: {why}")
        self.fault = fault
        self.line = line
        self.why = why
