"""What can go wrong between us and a chip. Every class carries a `code`; sentences for people are in `card.texts`."""


class CardError(Exception):
    """Root of the card floor. `code` names the sentence; the message is for the engineer and holds no personal data."""

    code = "E-CARD"


class DaemonMissingError(CardError):
    """No PC/SC daemon answers, or the PC/SC library is not installed."""

    code = "E-PCSC-DAEMON"


class ReaderNotFoundError(CardError):
    """No reader at all, or none of that name. `found` lists the names that are there."""

    code = "E-READER-NONE"

    def __init__(self, wanted: str, found: list[str]) -> None:
        super().__init__(f"reader {wanted!r} not found among {found}" if wanted else "no reader connected")
        self.wanted = wanted
        self.found = found


class ReaderLostError(CardError):
    """The reader, or the daemon behind it, went away during use."""

    code = "E-READER-LOST"


class ReaderBusyError(CardError):
    """Another program holds the card."""

    code = "E-READER-BUSY"


class NoCardError(CardError):
    """The reader is there and empty."""

    code = "E-CARD-NONE"


class CardMuteError(CardError):
    """A card is in the reader and does not answer the reset (upside down, dirty, broken)."""

    code = "E-CARD-MUTE"


class CardLostError(CardError):
    """The card left the field or the slot in the middle of the work."""

    code = "E-CARD-LOST"


class CardLateError(CardError):
    """A card is there and lets us wait beyond all patience."""

    code = "E-CARD-LATE"


class ForeignCardError(CardError):
    """The card answers, and it is not one of ours."""

    code = "E-CARD-FOREIGN"


class CardBlockedError(CardError):
    """The application or the card is blocked (6283, 6A81, 9303)."""

    code = "E-CARD-BLOCKED"


class CardDataError(CardError):
    """A record that does not have the form its profile declares. Names the field, never its content."""

    code = "E-CARD-DATA"

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field


class FieldError(CardError):
    """A value that cannot be written to the card: too long, or with a character the card's text cannot hold."""

    code = "E-FIELD"

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field


class AccessDeniedError(CardError):
    """6982: the file asks for a PIN or a key first; `tries_left` of the key where the card named it."""

    code = "E-CARD-ACCESS"

    def __init__(self, doing: str, tries_left: int | None = None) -> None:
        left = "" if tries_left is None else f", {tries_left} tries left"
        super().__init__(f"{doing}: security status not satisfied{left}")
        self.doing = doing
        self.tries_left = tries_left


class AccessNeedError(AccessDeniedError):
    """Nothing was sent: the profile asks for proofs that the card session has not given. `missing` names them."""

    code = "E-CARD-ACCESS-NEED"

    def __init__(self, doing: str, missing: tuple[str, ...]) -> None:
        super().__init__(doing)
        self.missing = missing

    def __str__(self) -> str:
        return f"{self.doing}: needs {' + '.join(self.missing) or 'what nobody can give'}"


class KeyBlockedError(CardError):
    """6983 to an authentication or a protected command: the key's own try counter is used up."""

    code = "E-KEY-BLOCKED"


class KeyMissingError(CardError):
    """6A88 or 9403: the card has no such key, or not in that version."""

    code = "E-KEY-MISSING"


class LineMacError(CardError):
    """6987 or 6988: the card refused the MAC of a protected command."""

    code = "E-CARD-MAC"


class CardTerminatedError(CardError):
    """The card was terminated; nothing will ever be possible with it again."""

    code = "E-CARD-TERMINATED"


class CardMemoryError(CardError):
    """6581: the chip could not write to its memory; what stands there now must be read."""

    code = "E-CARD-MEMORY"


class CardGarbageError(CardError):
    """An answer that no card gives: no status word, or one outside 61xx-6Fxx and 9xxx."""

    code = "E-CARD-GARBAGE"


class ContactlessRefusedError(CardError):
    """PIN and debit functions are not for the contactless interface (card §6)."""

    code = "E-CARD-CONTACTLESS"

    def __init__(self, doing: str) -> None:
        super().__init__(f"{doing}: not over the contactless interface")
        self.doing = doing


class ReadOnlyProfileError(CardError):
    """A card of a version that is only read."""

    code = "E-PROFILE-READ-ONLY"


class HalfWrittenError(CardError):
    """A write of several records stopped in the middle; the record of it says which were written."""

    code = "E-CARD-HALF-WRITTEN"

    def __init__(self, written: tuple[str, ...], open_: tuple[str, ...], why: CardError) -> None:
        super().__init__(f"written {', '.join(written) or 'none'}; open {', '.join(open_)}; {why}")
        self.written = written
        self.open = open_
        self.why = why


class NotGenuineError(CardError):
    """The chip could not prove that it was issued by us."""

    code = "E-CARD-COUNTERFEIT"


class PinError(CardError):
    """Wrong PIN; `tries_left` is what the card said."""

    code = "E-PIN-WRONG"

    def __init__(self, tries_left: int) -> None:
        super().__init__(f"wrong PIN, {tries_left} tries left")
        self.tries_left = tries_left


class PinBlockedError(CardError):
    """6983 or no try left."""

    code = "E-PIN-BLOCKED"


class PinInitialError(CardError):
    """The card still has its initial PIN, which opens nothing (-35)."""

    code = "E-PIN-INITIAL"


class PinInitialAgainError(CardError):
    """The new PIN is the initial one (-36)."""

    code = "E-PIN-INITIAL-AGAIN"


class PinFormatError(CardError):
    """A PIN of the wrong length or with other than digits (-33); the PIN itself is never in the message."""

    code = "E-PIN-FORMAT"


class PurseFundsError(CardError):
    """9401: the purse does not hold enough."""

    code = "E-PURSE-FUNDS"


class PurseLimitError(CardError):
    """9402: a counter of the purse or its upper limit is reached."""

    code = "E-PURSE-LIMIT"


class PurseMacError(CardError):
    """9302: the card refused the code that came from the PSAM or the host."""

    code = "E-PURSE-MAC"


class ProofMissingError(CardError):
    """9406: the card has no proof for that sequence. Alone it says nothing about the money (contract §5)."""

    code = "E-PURSE-PROOF"


class UnexpectedSwError(CardError):
    """Any other status word. `sw` is the number, `doing` what we were at."""

    code = "E-CARD-SW"

    def __init__(self, sw: int, doing: str, name: str = "") -> None:
        super().__init__(f"{doing}: card answered {name or f'{sw:04X}'}")
        self.sw = sw
        self.doing = doing


class ChannelLimitError(CardError):
    """The card asked for more rounds or more bytes than a sane answer has."""

    code = "E-CARD-ENDLESS"


class ReplayError(CardError):
    """A recording met a command it does not hold."""

    code = "E-CARD-REPLAY"


class TlvError(CardError):
    """Bytes that are not the tag-length-value structure they should be."""

    code = "E-CARD-TLV"


class ProfileError(CardError):
    """A card profile that contradicts itself; the message names the table and the key."""

    code = "E-PROFILE"
