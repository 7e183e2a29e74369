"""The holder's PIN at a session: how many tries are left is known before anybody types."""

from dataclasses import dataclass

from card import commands
from card.apdu import SW, tries_left
from card.application import Session
from card.errors import ContactlessRefusedError, PinFormatError, PinInitialAgainError, UnexpectedSwError
from card.files.profile import Profile
from card.interface import Interface
from card.pin import Pin
from card.status import check_pin, send

VERIFY, CHANGE_PIN = "verify", "change_pin"


@dataclass(frozen=True, slots=True)
class PinState:
    """What to show before the PIN is typed. `verified`: the card needs none now, and `tries_left` is the maximum."""

    tries_left: int
    max_tries: int
    verified: bool = False

    @property
    def blocked(self) -> bool:
        return self.tries_left == 0


class PinSession(Session):
    """A session with an application that has a holder's PIN."""

    def verify_pin(self, pin: Pin) -> None:
        """PinError(tries_left), PinBlockedError, ContactlessRefusedError, or nothing."""
        self._with_contacts(VERIFY)
        check_pin(send(self.channel, commands.verify(pin, self._pin_p2)).sw, "verify PIN")
        self._grant("pin")

    def change_pin(self, old: Pin, new: Pin) -> None:
        """Replace the PIN. PinError(tries_left) when the old one is wrong, PinBlockedError when none is left.

        PinFormatError for a length the profile does not have and PinInitialAgainError for the initial PIN (card §4.4,
        -36), both before anything is sent.
        """
        self._with_contacts(CHANGE_PIN)
        check_new_pin(self.profile, new)
        check_pin(send(self.channel, commands.change_pin(old, new)).sw, "change PIN")

    def pin_tries_left(self) -> int:
        """Tries left without using one; the declared maximum when the PIN is verified already."""
        return self.pin_state().tries_left

    def pin_state(self) -> PinState:
        """VERIFY without data. ContactlessRefusedError, UnexpectedSwError."""
        self._with_contacts(VERIFY)
        limit = self.profile.pin.max_tries if self.profile.pin else 0
        sw = send(self.channel, commands.verify_status(self._pin_p2)).sw
        left = tries_left(sw)
        if left is not None:
            return PinState(left, limit)
        if sw == SW.METHOD_BLOCKED:
            return PinState(0, limit)
        if sw == SW.OK:
            return PinState(limit, limit, verified=True)
        raise UnexpectedSwError(sw, "ask for PIN tries")

    def reset(self) -> bytes:
        """Warm reset; every right is gone. The new answer to reset."""
        self.current, self._proofs = "", {}
        return self.channel.reset()

    def _with_contacts(self, doing: str) -> None:
        rules = self.profile.contactless
        if self.interface is Interface.CONTACTLESS and (rules is None or doing in rules.refused):
            raise ContactlessRefusedError(doing)

    @property
    def _pin_p2(self) -> int:
        return self.profile.pin.verify_p2 if self.profile.pin else 0


def check_new_pin(profile: Profile, new: Pin) -> None:
    """What a new PIN may not be, known before anything is sent."""
    if profile.pin is None:
        return
    if new.digits == profile.pin.initial:
        raise PinInitialAgainError("the new PIN is the initial one")
    if len(new.digits) != profile.pin.length:
        raise PinFormatError(f"a PIN of this card is {profile.pin.length} digits")
