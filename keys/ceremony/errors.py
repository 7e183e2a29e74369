"""Errors of a key ceremony. Messages name persons, cards, envelopes, check values; no secret, no PIN."""

from __future__ import annotations

from collections.abc import Sequence

from keys.errors import KeysError


class CeremonyError(KeysError):
    """Root of what goes wrong at a ceremony."""

    code = "E-CEREMONY"


class PlanError(CeremonyError):
    """The plan file is not of the agreed form, or asks for something that cannot be done."""

    code = "E-CEREMONY-PLAN"


class ReviewError(CeremonyError):
    """The plan was not reviewed by two others than its author, or was changed after the review."""

    code = "E-CEREMONY-REVIEW"


class RolesError(CeremonyError):
    """One person has two roles that must be apart."""

    code = "E-KEY-SOD"


class QuorumError(CeremonyError):
    """Fewer custodians, witnesses or officers than the policy asks for."""

    code = "E-KEY-QUORUM"


class LineError(CeremonyError):
    """A printed line was typed wrongly, or in the wrong place."""

    code = "E-CEREMONY-LINE"

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line


class PartError(CeremonyError):
    """A component or share is not the one that the ceremony gave out."""

    code = "E-CEREMONY-PART"


class CheckValueError(CeremonyError):
    """A key came out with another check value than it must have."""

    code = "E-CEREMONY-KCV"


class TranscriptError(CeremonyError):
    """A line of the transcript was changed, moved, added or taken out."""

    code = "E-CEREMONY-TRANSCRIPT"


class UsedError(CeremonyError):
    """A ceremony of this number was begun before: a number is used once."""

    code = "E-CEREMONY-USED"


class RehearsalError(CeremonyError):
    """Rehearsal and production met: a rehearsal makes nothing for production, production takes nothing of it."""

    code = "E-CEREMONY-REHEARSAL"


class NotConfirmedError(CeremonyError):
    """Somebody at the table did not confirm a step."""

    code = "E-CEREMONY-STOPPED"


class PrinterError(CeremonyError):
    """A secret sheet could not be printed where the plan says."""

    code = "E-CEREMONY-PRINTER"


class CustodyCardError(CeremonyError):
    """A mother or transport card refused, or is not the card or not in the state that the plan says."""

    code = "E-CUSTODY-CARD"


class CustodyPinError(CeremonyError):
    """A custodian's PIN is wrong; `tries_left` says how often one may still try."""

    code = "E-CUSTODY-PIN"

    def __init__(self, tries_left: int) -> None:
        super().__init__(f"{tries_left} left")
        self.tries_left = tries_left


class CustodyBlockedError(CeremonyError):
    """A custody card is blocked after wrong PINs; what it held is gone."""

    code = "E-CUSTODY-BLOCKED"


class VoidError(CeremonyError):
    """The ceremony is void: it made no key. `destroy` names what it leaves behind."""

    code = "E-CEREMONY-VOID"

    def __init__(self, reason: str, destroy: Sequence[str]) -> None:
        left = "; ".join(destroy) or "nothing to destroy"
        super().__init__(f"{reason}; {left}")
        self.reason = reason
        self.destroy = tuple(destroy)
