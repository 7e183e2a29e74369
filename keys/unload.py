"""The host's side of an unload: money leaves a purse for the house (keys-and-purse §1.3, §1.4; MAC3 is C)."""

from __future__ import annotations

import hmac

from keys import tac
from keys.centre import KeyCentre, LoadRequest, purse_ref
from keys.errors import LoadMac1Error, TacError
from keys.tac import TYPE_UNLOAD, Moment

UNLOAD_KEY = "DULK"


class UnloadDesk:
    """Checks the card's MAC1, makes MAC2, checks MAC3. A `LoadRequest` holds what INITIALIZE FOR UNLOAD answered."""

    def __init__(self, centre: KeyCentre) -> None:
        self._hsm = centre.hsm
        self._algorithms = centre.algorithms

    def check_mac1(self, unload: LoadRequest) -> None:
        """LoadMac1Error unless balance and amount are what the card says they are."""
        data = tac.load_mac1_input(unload.balance, unload.amount, TYPE_UNLOAD, unload.terminal)
        if not hmac.compare_digest(self._mac(unload, data), unload.mac1):
            raise LoadMac1Error

    def make_mac2(self, unload: LoadRequest, moment: Moment) -> bytes:
        """MAC2 that lets the money leave the card; call only after `check_mac1`."""
        return self._mac(unload, tac.load_mac2_input(unload.amount, TYPE_UNLOAD, unload.terminal, moment))

    def check_mac3(self, unload: LoadRequest, moment: Moment, mac3: bytes) -> None:
        """TacError unless the card attests that the money has left it."""
        left = unload.balance - unload.amount
        data = tac.unload_mac3_input(left, unload.online_seq, unload.amount, TYPE_UNLOAD, unload.terminal, moment)
        if not hmac.compare_digest(self._mac(unload, data), mac3):
            raise TacError

    def _mac(self, unload: LoadRequest, data: bytes) -> bytes:
        return self._hsm.purse_mac(purse_ref(self._algorithms, UNLOAD_KEY, unload), unload.session_input, data)
