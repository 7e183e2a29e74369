"""Mother and transport cards as the table uses them: serial number, PIN, eight slots that are written once.

No public text gives the commands of such cards (keys-and-purse §2.5), so these are declared by this project (C). A card
is one session: every right is gone when it leaves the reader.

    00 A4 04 00 AID         select                       80 CA 00 01 -> serial 8
    80 5E 00 00 PIN         first PIN, once              80 CA 00 02 -> kind 1, PIN 1, tries 1, state of each slot 8
    00 20 00 00 PIN         verify: 63Cx, 6983           80 D4 00 n part -> slot n, empty before: 6985 else
    80 B4 00 n -> part      read slot n                  80 0E 00 n      -> empty slot n for ever, transport cards only
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from card.apdu import SW, CommandApdu, Ins, sw_name, tries_left
from card.channel import CardChannel, standard
from keys.ceremony.errors import CustodyBlockedError, CustodyCardError, CustodyPinError
from keys.ceremony.parts import Part

AID: Final = b"\xf0ONECARD.KEY"  # F: proprietary, unregistered (ISO/IEC 7816-5 §8)
SLOTS: Final = 8
PIN_MIN, PIN_MAX = 6, 12
# The last bytes of the ATR of a card that is none: whoever sees them refuses production.
STAND_IN_MARK: Final = b"SIM-KEY"
GET_DATA, READ_PART, ERASE_PART = 0xCA, 0xB4, 0x0E
SERIAL, STATE = 1, 2
MOTHER, TRANSPORT = 0x4D, 0x54
EMPTY, WRITTEN, ERASED = 0, 1, 2
NO_PIN, PIN_SET, PIN_BLOCKED = 0, 1, 2
KINDS: Final = {MOTHER: "mother", TRANSPORT: "transport"}


@dataclass(frozen=True, slots=True)
class CardState:
    """What a custody card says without a PIN. `slots` hold EMPTY, WRITTEN or ERASED."""

    serial: str
    kind: str
    pin: int
    tries: int
    slots: bytes


class CustodyCard:
    """One power-on session."""

    def __init__(self, channel: CardChannel) -> None:
        """Selects the application. CustodyCardError when the card has none; CardError of the channel."""
        self._channel = standard(channel)
        self._send(CommandApdu(0x00, Ins.SELECT, 0x04, 0x00, AID, 256), "selecting")

    @property
    def stand_in(self) -> bool:
        """The card is software that says so."""
        return self._channel.atr.endswith(STAND_IN_MARK)

    def state(self) -> CardState:
        serial = self._send(CommandApdu(0x80, GET_DATA, 0, SERIAL, le=8), "reading the serial number")
        state = self._send(CommandApdu(0x80, GET_DATA, 0, STATE, le=3 + SLOTS), "reading the state")
        if len(serial) != 8 or len(state) != 3 + SLOTS or state[0] not in KINDS:
            raise CustodyCardError("the card does not say what it is")
        return CardState(serial.hex().upper(), KINDS[state[0]], state[1], state[2], state[3:])

    def set_pin(self, pin: str) -> None:
        """The first PIN of a new card, 6 to 12 digits; it counts as verified. CustodyCardError when there is one."""
        self._send(CommandApdu(0x80, Ins.CHANGE_PIN, data=_digits(pin)), "setting the first PIN")

    def verify(self, pin: str) -> None:
        """CustodyPinError with the tries left, CustodyBlockedError."""
        self._send(CommandApdu(0x00, Ins.VERIFY, data=_digits(pin)), "verifying the PIN")

    def write(self, slot: int, part: Part) -> None:
        """Into an empty slot, 1 to 8, for ever."""
        self._send(CommandApdu(0x80, Ins.WRITE_KEY, 0, slot, part.to_bytes()), f"writing slot {slot}")

    def read(self, slot: int) -> Part:
        """What slot `slot` holds; the PIN comes first."""
        return Part.from_bytes(self._send(CommandApdu(0x80, READ_PART, 0, slot, le=256), f"reading slot {slot}"))

    def erase(self, slot: int) -> None:
        """Empty a slot of a transport card for ever."""
        self._send(CommandApdu(0x80, ERASE_PART, 0, slot), f"erasing slot {slot}")

    def close(self) -> None:
        self._channel.close()

    def _send(self, command: CommandApdu, doing: str) -> bytes:
        answer = self._channel.transmit(command.to_bytes())
        data, sw = answer[:-2], int.from_bytes(answer[-2:])
        if sw == SW.METHOD_BLOCKED:
            raise CustodyBlockedError(doing)
        if (left := tries_left(sw)) is not None:
            raise CustodyPinError(left)
        if sw != SW.OK:
            raise CustodyCardError(f"{sw_name(sw)} while {doing}")
        return data


def _digits(pin: str) -> bytes:
    if not PIN_MIN <= len(pin) <= PIN_MAX or not (pin.isascii() and pin.isdecimal()):
        raise CustodyCardError(f"a PIN has {PIN_MIN} to {PIN_MAX} digits")
    return pin.encode("ascii")
