"""Errors of the keys floor. Each class carries a stable `code`; its texts are in card/texts/*/keys.toml.

Messages never hold a key, a PIN or a cryptogram that a key made: at most a label and a key check value.
"""

from __future__ import annotations

from typing import ClassVar


class KeysError(Exception):
    """Root of every error this floor raises."""

    code: ClassVar[str] = "E-KEYS"

    def __str__(self) -> str:
        detail = super().__str__()
        return f"{self.code}: {detail}" if detail else self.code


class SignatureError(KeysError):
    """An SM2 signature does not verify (wrong bytes, wrong key, wrong range, wrong length)."""

    code = "E-SIGNATURE"


class PublicKeyError(KeysError):
    """Bytes offered as an SM2 key are not a point on the curve, or not a scalar in range."""

    code = "E-PUBLIC-KEY"


class EnvelopeError(KeysError):
    """A digital envelope, or the SM2 cipher in it, is malformed or was not made for this key."""

    code = "E-ENVELOPE"


class Sm2MissingError(KeysError):
    """No library on this machine offers SM2."""

    code = "E-SM2-MISSING"


class Sm2SelfTestError(KeysError):
    """An SM2 library answered the standard's example wrongly; it must not be used."""

    code = "E-SM2-SELFTEST"


class KeyLengthError(KeysError):
    """A key, factor or block has a length the algorithm does not take."""

    code = "E-KEY-LENGTH"


class PaddingError(KeysError):
    """Decrypted data does not end in a valid padding."""

    code = "E-PADDING"


class UnknownKeyError(KeysError):
    """A store has no key of that label, or not in that version."""

    code = "E-KEY-UNKNOWN"


class WellKnownKeyError(KeysError):
    """A key everybody knows (all zeros, counting bytes, a manual's example) was offered as a secret."""

    code = "E-KEY-WELL-KNOWN"


class ProductionRefusedError(KeysError):
    """A stand-in was asked to serve `profile = production`."""

    code = "E-PRODUCTION-REFUSED"


class TacError(KeysError):
    """The transaction authentication code of a purse event does not match."""

    code = "E-TAC"


class LoadMac1Error(KeysError):
    """The card's MAC1 of a load does not match: not our card, or the amounts were changed."""

    code = "E-LOAD-MAC1"


class PurseAlgorithmError(KeysError):
    """The card names a purse algorithm that the chosen profile does not know."""

    code = "E-PURSE-ALGORITHM"


class CardAlgorithmError(KeysError):
    """A card profile names an algorithm whose formulas are not known here (SSF33 and SM1 are not public)."""

    code = "E-CARD-ALGORITHM"


class UnverifiedProfileError(ProductionRefusedError):
    """A card profile whose algorithms nobody has confirmed was asked to serve production."""

    code = "E-PROFILE-UNVERIFIED"


class CertificateError(KeysError):
    """A certificate of the card does not have the form it should have, or names another key than the card holds."""

    code = "E-CERTIFICATE"


class PsamRefusedError(KeysError):
    """The PSAM answered a command with an unexpected status word."""

    code = "E-PSAM-REFUSED"

    def __init__(self, sw: int, doing: str) -> None:
        super().__init__(f"status {sw:04X} while {doing}")
        self.sw = sw
        self.doing = doing


class Mac2Error(KeysError):
    """The PSAM says that the card's MAC2 is wrong: the debit was not made by this card."""

    code = "E-PSAM-MAC2"


class FactsFormatError(KeysError):
    """A facts bundle is not of the agreed shape."""

    code = "E-FACTS-FORMAT"


class FactsSignatureError(KeysError):
    """A facts bundle is not signed by the facts key."""

    code = "E-FACTS-SIGNATURE"


class FactsRollbackError(KeysError):
    """A facts bundle is older than the one already held."""

    code = "E-FACTS-ROLLBACK"


class FactsBaseError(FactsRollbackError):
    """A difference bundle does not build on the version already held: the whole list is needed."""

    code = "E-FACTS-BASE"


class FactsExpiredError(KeysError):
    """A facts bundle is older than the age its own header allows."""

    code = "E-FACTS-OLD"


class FactsKindError(KeysError):
    """A facts bundle is of another kind than asked for."""

    code = "E-FACTS-KIND"


class KeyStateError(KeysError):
    """A key's or PSAM's state forbids the wished step."""

    code = "E-KEY-STATE"


class DuplicateKeyError(KeysError):
    """A key label and version, or a PSAM, is already registered with other facts."""

    code = "E-KEY-DUPLICATE"
