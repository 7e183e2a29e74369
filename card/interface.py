"""With or without contacts: told by the answer to reset, which a contactless reader makes up itself."""

from enum import Enum

# PC/SC part 3, clause 3.1.3.2.3: 3B 8n 80 01, n historical bytes of the answer to select, one check byte.
_PSEUDO = b"\x80\x01"
_HEAD = 4


class Interface(Enum):
    """How a chip is powered."""

    CONTACT = "contact"
    CONTACTLESS = "contactless"


def interface_of(atr: bytes) -> Interface:
    """A reader's pseudo answer to reset `3B 8n 80 01 ..` means a contactless chip."""
    if len(atr) >= _HEAD and atr[0] == 0x3B and atr[1] & 0xF0 == 0x80 and atr[2:4] == _PSEUDO:
        return Interface.CONTACTLESS
    return Interface.CONTACT


def contactless_historical(atr: bytes) -> bytes:
    """The historical bytes of the answer to select, as the pseudo answer to reset carries them."""
    return atr[_HEAD : _HEAD + (atr[1] & 0x0F)]
