"""At the counter: the chip is proven, its holder chooses a PIN, possession is recorded."""

from itertools import pairwise

from card.channel import standard
from card.domain.entropy import Entropy
from card.errors import NotGenuineError, PinError
from card.files.profile import PinSpec
from card.pin import Pin
from card.readers.reader import Reader
from card.session import SscSession
from issuance.errors import HolderMismatchError, PinTrivialError
from issuance.personalization.content import CardModel
from keys.centre import KeyCentre

TRIES_OF_A_HAND_OUT = 2  # the initial PIN, then the new one


def check_new_pin(pin: Pin, spec: PinSpec) -> None:
    """PinTrivialError for the initial PIN, another length, one digit throughout, or a run up or down."""
    digits = [int(digit) for digit in pin.digits]
    steps = {after - before for before, after in pairwise(digits)}
    if len(digits) != spec.length or pin.digits == spec.initial or steps in ({0}, {1}, {-1}):
        raise PinTrivialError("a PIN that everybody would guess, or of another length")


class HandOutCounter:
    """Works on the chip only; the record is `Lifecycle.hand_out`."""

    def __init__(self, model: CardModel, centre: KeyCentre, entropy: Entropy) -> None:
        self._model = model
        self._centre = centre
        self._entropy = entropy

    def change_initial_pin(self, reader: Reader, card_id: str, new: Pin) -> None:
        """The chip in the reader is that very card, genuine, and has the holder's PIN afterwards. Safe to repeat.

        PinTrivialError before the card is touched; HolderMismatchError for another card; NotGenuineError; PinError
        when the PIN is neither the initial nor the new one, or when so few tries are left that finding out might lock
        the card: the last one is the holder's.
        """
        check_new_pin(new, self._model.pin)
        channel = standard(reader.connect())
        try:
            session = SscSession(channel, self._model.card_profile)
            session.select()
            on_chip = session.read_file("SSSE", "EF05")["card_id"]
            if not isinstance(on_chip, bytes) or on_chip.hex() != card_id:
                raise HolderMismatchError("another card lies in the reader")
            self._prove(session, on_chip)
            left = session.pin_tries_left()
            if left <= TRIES_OF_A_HAND_OUT:
                raise PinError(left)
            try:
                session.change_pin(Pin(self._model.pin.initial), new)
            except PinError:
                session.verify_pin(new)  # the PIN was changed before: the holder knows it
        finally:
            channel.close()

    def _prove(self, session: SscSession, card_id: bytes) -> None:
        factor, original = self._entropy.token(8), self._entropy.token(8)
        answer = session.internal_authenticate(factor, original)
        city = card_id[:3].hex().encode() + b"\x73\x78"  # f_city: six digits and "sx" (card §3.2, A)
        if answer != self._centre.authenticate("IRK", city, session.atr.card_factor, factor, original):
            raise NotGenuineError("internal authentication failed")
