"""The terminal's own security module: what the functions ask of it, and which return code its refusals are."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from card.apdu import SW
from card.channel import CardChannel, standard
from card.errors import CardError
from card.files.profile import Profile, load_profile
from keys.errors import KeysError, Mac2Error, PsamRefusedError
from keys.psam import PsamSession, PurchaseAnswer, PurchaseInit
from terminal.ldt33.codes import Code, Ldt33Error
from terminal.ldt33.visit import Desk, Visit

PSAM_PROFILE = "psam-ssc"
RK_SSSE = "RK_SSSE"
DPK = "DPK_DF04"  # the medical purchase key
T = TypeVar("T")
# How a module says that it has no such key, and that it may not be used at this level (card §3.4; B, C).
_NO_KEY = (SW.KEY_NOT_FOUND, SW.KEY_INDEX_MISSING, SW.FILE_NOT_FOUND)
_LEVEL = (SW.CONDITIONS_NOT_SATISFIED, SW.SECURITY_NOT_SATISFIED, SW.WRONG_P1P2, SW.WRONG_LENGTH)


class Module:
    """One PSAM, powered. Every method raises Ldt33Error."""

    def __init__(self, channel: CardChannel) -> None:
        self._channel = channel
        self._session = PsamSession(standard(channel))
        self._profile = load_profile(PSAM_PROFILE)
        self.terminal_no = self._asked("", self._session.terminal_number).hex().upper()

    def internal(self, visit: Visit, factor: bytes, original: bytes) -> bytes:
        """What a genuine card answers, 8 bytes."""
        kid = self._kid(visit, "IRK")
        return self._asked(
            "IRK",
            lambda: self._session.authenticate_internal(kid, visit.f_card, visit.f_city, factor, original),
        )

    def external(self, visit: Visit, key: str, challenge: bytes, original: bytes) -> bytes:
        """The cryptogram that shows the card the key `key`, 8 bytes."""
        kid = self._kid(visit, key)
        return self._asked(
            key,
            lambda: self._session.authenticate_external(kid, visit.f_card, visit.f_city, challenge, original),
        )

    def reload_data(self, visit: Visit, head: bytes, plain: bytes, challenge: bytes) -> bytes:
        """Data of RELOAD PIN: cryptogram 8 ‖ MAC 4 under the PUK."""
        kid = self._kid(visit, "PUK")
        return self._asked(
            "PUK",
            lambda: self._session.reload_pin_data(kid, visit.f_card, visit.f_city, head, plain, challenge),
        )

    def unblock_mac(self, visit: Visit, head: bytes, challenge: bytes) -> bytes:
        """MAC of PIN UNBLOCK under the PUK, 4 bytes."""
        kid = self._kid(visit, "PUK")
        return self._asked("PUK", lambda: self._session.unblock_mac(kid, visit.f_card, visit.f_city, head, challenge))

    def authorise(self, visit: Visit, purchase: PurchaseInit) -> PurchaseAnswer:
        """Terminal sequence and MAC1 under the medical purchase key (declared); the sequence is used up by it."""
        ours = self._profile.crypto.algorithm_id
        # 3DES has one number on cards and another in modules (card §3.3, §3.4, A): a purse may answer either.
        if not speaks(self._profile, visit) or purchase.algorithm not in (ours, visit.profile.crypto.algorithm_id):
            raise Ldt33Error(Code.PSAM_ALGORITHM, f"algorithm {visit.algorithm}")
        return self._asked(DPK, lambda: self._session.init_medical(replace(purchase, algorithm=ours)))

    def finish(self, mac2: bytes) -> None:
        """-15 when the card's MAC2 is wrong."""
        try:
            self._asked(DPK, lambda: self._session.credit_purchase(mac2))
        except Ldt33Error as refused:
            if isinstance(refused.__cause__, Mac2Error):
                raise Ldt33Error(Code.BAD_INFORMATION, "MAC2 of the debit") from refused
            raise

    def close(self) -> None:
        """Let the module go."""
        with contextlib.suppress(CardError):
            self._channel.close()

    def _kid(self, visit: Visit, key: str) -> int:
        if not speaks(self._profile, visit):
            raise Ldt33Error(Code.PSAM_ALGORITHM, f"algorithm {visit.algorithm}")
        kid = next((item.psam_kid for item in visit.profile.keys if item.name == key), None)
        if kid is None:
            raise missing(key)
        return kid

    def _asked(self, key: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except PsamRefusedError as refused:
            if refused.sw in _NO_KEY:
                raise missing(key) from refused
            if refused.sw in _LEVEL:
                raise Ldt33Error(Code.PSAM_LEVEL, f"{key} {refused.sw:04X}") from refused
            raise Ldt33Error(-refused.sw, f"module: {key}") from refused
        except (CardError, KeysError) as lost:
            raise Ldt33Error(Code.NO_PSAM, type(lost).__name__) from lost


def speaks(psam: Profile, visit: Visit) -> bool:
    """Whether the module has the card's algorithm."""
    ssf33 = int(visit.algorithm, 16) != visit.profile.crypto.algorithm_id
    return not ssf33 and psam.crypto.algorithm == visit.profile.crypto.algorithm


def missing(key: str) -> Ldt33Error:
    """-2203 for RK_SSSE, -2201 for what is no module at all, else 6A88 as a number (card §4.4, A)."""
    if key == RK_SSSE:
        return Ldt33Error(Code.PSAM_NO_RK)
    return Ldt33Error(-SW.KEY_NOT_FOUND, key) if key else Ldt33Error(Code.NO_PSAM, "not a PSAM")


def open_module(desk: Desk) -> Module:
    """Power the PSAM; -2201 when there is none."""
    reader = desk.slots.psam()
    if reader is None:
        raise Ldt33Error(Code.NO_PSAM, "no reader for it")
    try:
        channel = reader.connect()
    except CardError as absent:
        raise Ldt33Error(Code.NO_PSAM, type(absent).__name__) from absent
    module: Module | None = None
    try:
        module = Module(channel)
        return module
    finally:
        if module is None:
            with contextlib.suppress(CardError):
                channel.close()
