"""Errors of the issuance floor. Each class carries a `code`; its texts are in card/texts/*/issuance.toml.

Messages name orders, rows and fields; never a citizen number, a name or a PIN.
"""

from typing import ClassVar


class IssuanceError(Exception):
    """Root of every error this floor raises."""

    code: ClassVar[str] = "E-ISSUANCE"


class FormTextError(IssuanceError):
    """The applicants' file is neither UTF-8 nor GB 18030, or too large."""

    code = "E-FORM-TEXT"


class FormHeaderError(IssuanceError):
    """The first line does not hold exactly the agreed columns; `missing` and `extra` name the difference."""

    code = "E-FORM-HEADER"

    def __init__(self, missing: tuple[str, ...], extra: tuple[str, ...]) -> None:
        parts = []
        if missing:
            parts.append("missing " + ", ".join(missing))
        if extra:
            parts.append("not known " + ", ".join(extra))
        super().__init__("; ".join(parts) or "columns in another order, or one of them twice")
        self.missing = missing
        self.extra = extra


class SeparationError(IssuanceError):
    """One natural person in two roles that exclude each other (business-rules §1, SOD-1 and SOD-2)."""

    code = "E-SOD"


class StockShortError(IssuanceError):
    """More chips asked for than the count of blanks holds."""

    code = "E-STOCK-SHORT"


class NumbersExhaustedError(IssuanceError):
    """The card number range or a chip serial range of a region is used up."""

    code = "E-NUMBERS-EXHAUSTED"


class TransitionRefusedError(IssuanceError):
    """The state table has no such step. `table`, `state` and `operation` name the empty cell."""

    code = "E-STATE"

    def __init__(self, table: str, state: str, operation: str) -> None:
        super().__init__(f"{table}: no {operation} from {state}")
        self.table = table
        self.state = state
        self.operation = operation


class UnknownSubjectError(IssuanceError):
    """No such card, order or person here."""

    code = "E-ISSUANCE-UNKNOWN"


class HolderMismatchError(IssuanceError):
    """Number, document and name do not belong together (business-rules §3.3: all three must match)."""

    code = "E-HOLDER-MISMATCH"


class DuplicateHolderError(IssuanceError):
    """The person already holds a live card (business-rules §3.4)."""

    code = "E-DUP-PROV"


class OrderOpenError(IssuanceError):
    """An order of the same person is under way."""

    code = "E-OPEN-ORDER"


class NotHandedOutError(IssuanceError):
    """A card cannot be enabled before it is in its holder's hands."""

    code = "E-NOT-HANDED"


class BankRefusedError(IssuanceError):
    """The bank will not open the account."""

    code = "E-BANK-OPEN"


class BankLinkError(IssuanceError):
    """The bank did not answer."""

    code = "E-BANK-LINK"


class PhotoRefusedError(IssuanceError):
    """A portrait fails a quality rule; `result` is the QC code (business-rules §4.6)."""

    code = "E-PHOTO"

    def __init__(self, result: str) -> None:
        super().__init__(result)
        self.result = result


class ChipRefusedError(IssuanceError):
    """The chip in the machine may not be burned: foreign, wrong key version, or somebody else's card."""

    code = "E-CHIP-REFUSED"


class ChipDoubtError(ChipRefusedError):
    """A chip whose key is in doubt: nothing more is said to it and the line stops.

    `batch` is the delivery it claims (4 bytes), empty when it could not even be asked.
    """

    code = "E-CHIP-DOUBT"

    def __init__(self, message: str, batch: bytes = b"") -> None:
        super().__init__(message)
        self.batch = batch


class KeyWrongError(ChipDoubtError):
    """The chip's cryptogram is not of the key its delivery and version should have."""

    code = "E-KEY-WRONG"


class KeyReplayError(ChipDoubtError):
    """The chip repeated an answer that was given before."""

    code = "E-KEY-REPLAY"


class KeyDowngradeError(ChipDoubtError):
    """The chip claims an older key than it was given already."""

    code = "E-KEY-DOWNGRADE"


class ProofGarbledError(ChipDoubtError):
    """The chip answers the question for its key with something that is no answer."""

    code = "E-KEY-GARBLED"


class ProofLateError(ChipDoubtError):
    """The proof came later than a chip needs for it."""

    code = "E-KEY-LATE"


class LineStoppedError(IssuanceError):
    """A stop is in force for this delivery, or for the whole place; a second person must lift it."""

    code = "E-LINE-STOPPED"


class KeyBudgetError(IssuanceError):
    """This chip or card was tried as often as it may be without success."""

    code = "E-KEY-BUDGET"


class ReadBackError(IssuanceError):
    """A chip gave back something else than was written; `field` names it, the values stay unsaid."""

    code = "E-READ-BACK"

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} differs")
        self.field = field


class PinTrivialError(IssuanceError):
    """A PIN everybody would guess (business-rules §3.7)."""

    code = "E-PIN-TRIVIAL"


class FontMissingError(IssuanceError):
    """No font with Chinese glyphs: a face cannot be printed here."""

    code = "E-FONT-MISSING"
