"""What can go wrong at the card commands themselves, beyond what cards and keys raise. Texts: texts/*/terminal.toml."""

from terminal.errors import TerminalError


class CardToolError(TerminalError):
    """Root of the card commands; the message is for the engineer and names no person."""

    def __str__(self) -> str:
        return Exception.__str__(self)


class SeveralCardsError(CardToolError):
    """More than one reader holds a card that would do, and none was named."""

    code = "E-CARD-SEVERAL"

    def __init__(self, readers: list[str]) -> None:
        super().__init__("; ".join(f"--reader {name!r}" for name in readers))
        self.readers = readers


class NobodyTypesError(CardToolError):
    """A PIN or an answer is wanted and there is no terminal to type it at."""

    code = "E-CARD-INPUT"


class LastTryError(CardToolError):
    """One PIN try is left; a wrong one blocks the card."""

    code = "E-PIN-LAST"


class PinMismatchError(CardToolError):
    """The new PIN was typed in two ways (-34)."""

    code = "E-PIN-MISMATCH"


class DumpFileError(CardToolError):
    """A saved dump that is none."""

    code = "E-DUMP-FILE"


class OutFileError(CardToolError):
    """A file of ours that is there already or cannot be written."""

    code = "E-OUT-FILE"


class ExportError(CardToolError):
    """A file that was asked for is not on the card, not personalised, or not open to us."""

    code = "E-EXPORT"


class WriteRefError(CardToolError):
    """A field to be written that the card's profile does not declare, or a value that is none."""

    code = "E-WRITE-REF"


class WriteKeyError(CardToolError):
    """Nobody here can prove the right to write: no PSAM, or one without that key."""

    code = "E-WRITE-KEY"


class WriteHalfError(CardToolError):
    """A write of several records ended in the middle, or an earlier one did; its record is kept."""

    code = "E-WRITE-HALF"


class PsamFamilyError(CardToolError):
    """The PSAM does not compute with the card's algorithms (-2202)."""

    code = "E-PSAM-FAMILY"
