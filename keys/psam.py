"""A purchase secure access module (PSAM) reached through a reader: it is itself a smart card.

`PsamSession` speaks to the two applications the project's PSAM carries: the social security one (`D15600000590`, it
computes authentication cryptograms) and the transit one (DF 8011, it authorises purchases). Facts: card §3.4,
keys-and-purse §1.7 and §1.11. The channel given must already fetch `61xx` answers (`card.channel.standard`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from card.channel import CardChannel
from card.files.profile import Profile, load_profile
from keys.algorithms.padding import pad80
from keys.errors import KeyLengthError, Mac2Error, PsamRefusedError
from keys.hierarchy import FACTOR_SIZE
from keys.tac import Moment

SW_OK: Final = 0x9000
SW_MAC_WRONG: Final = 0x9302
_NO_SUCH_VERSION: Final = 0x9403
_INS_SELECT: Final = 0xA4
_INS_READ_BINARY: Final = 0xB0
_MF: Final = "3F00"
_SFI_TERMINAL: Final = 0x96  # file 0016 under MF, short id 16h
_SFI_SERIAL: Final = 0x95  # file 0015 under MF
_TERMINAL_SIZE: Final = 6
_SERIAL_SIZE: Final = 10
_ENCRYPT: Final = 0x00  # P1 of 80 FA (keys-and-purse §1.7, B)
_MAC_WITH_IV: Final = 0x05
_MAC_SIZE: Final = 4
_OTHER_LEVEL: Final = (0x6985, 0x6A88)
_LEVELS_SHIFT: Final = 5  # high three bits of a PSAM key's usage byte = diversification levels


@dataclass(frozen=True, slots=True)
class PurchaseInit:
    """What 8070 needs from the card's 8050 answer and from the terminal. Amount in fen, `asn` and `issuer` 8 bytes.

    A medical purchase has the card's factor in the place of `asn` and the city's of `issuer` (declared, C).
    """

    card_random: bytes
    offline_seq: int
    amount: int
    kind: int
    moment: Moment
    key_version: int
    algorithm: int
    asn: bytes
    issuer: bytes

    def data(self, levels: int = 2) -> bytes:
        """24h bytes: random 4, sequence 2, amount 4, type, date 4, time 3, key version, algorithm, ASN 8, issuer 8.

        `levels` 1 leaves the last factor out (1Ch bytes). The purse number goes first (keys-and-purse §1.7, B),
        although the key is diversified issuer first.
        """
        if (len(self.card_random), len(self.asn), len(self.issuer)) != (4, FACTOR_SIZE, FACTOR_SIZE):
            raise KeyLengthError("card random is 4 bytes, purse number and issuer 8 each")
        head = self.card_random + self.offline_seq.to_bytes(2) + self.amount.to_bytes(4) + bytes([self.kind])
        factors = (self.asn + self.issuer)[: levels * FACTOR_SIZE]
        return head + self.moment.packed + bytes([self.key_version, self.algorithm]) + factors


class PurchaseAnswer(NamedTuple):
    """The PSAM's answer to 8070: its sequence (already persisted inside) and MAC1 of 4 bytes."""

    terminal_seq: int
    mac1: bytes


@dataclass(frozen=True, slots=True)
class IssuedPsam:
    """What the registry says about one PSAM: numbers as the module itself answers them, where it is, in what state."""

    terminal_no: bytes
    serial: bytes
    assigned_terminal: str = ""
    state: str = "ordered"


class PsamSession:
    """One module in one power-on session. It remembers which application is selected and switches when needed.

    Raises PsamRefusedError on unexpected status words, and the channel's CardLostError and ReaderLostError.
    """

    def __init__(self, channel: CardChannel, ssc: Profile | None = None, transit: Profile | None = None) -> None:
        self._channel = channel
        self._ssc = ssc or load_profile("psam-ssc")
        self._transit = transit or load_profile("psam-transit")
        self._selected = ""

    def terminal_number(self) -> bytes:
        """The 6-byte number that goes into every purse MAC and TAC."""
        self._select_master()
        return self._read(_SFI_TERMINAL, _TERMINAL_SIZE, "reading the terminal number")

    def serial(self) -> bytes:
        """The 10-byte serial number of file 0015."""
        self._select_master()
        return self._read(_SFI_SERIAL, _SERIAL_SIZE, "reading the module's serial number")

    # ---- social security application --------------------------------------------------------------------------

    def authenticate_internal(self, kid: int, f_card: bytes, f_city: bytes, factor: bytes, original: bytes) -> bytes:
        """The 8 bytes a genuine card must answer to INS 88 with `factor` and `original` (8 bytes each)."""
        return self._cryptogram(kid, f_card, f_city, factor, original)

    def authenticate_external(self, kid: int, f_card: bytes, f_city: bytes, challenge: bytes, original: bytes) -> bytes:
        """The 8 bytes that prove us to a card: INS 82 takes them followed by `original`."""
        return self._cryptogram(kid, f_card, f_city, challenge, original)

    def _cryptogram(self, kid: int, f_card: bytes, f_city: bytes, process: bytes, original: bytes) -> bytes:
        self._select_ssc()
        self._keyed(bytes([0xBF, 0xDE]), kid, f_card, f_city, process)
        return self._crypt(_ENCRYPT, original, "computing a cryptogram")

    def reload_pin_data(
        self, kid: int, f_card: bytes, f_city: bytes, head: bytes, plain: bytes, challenge: bytes
    ) -> bytes:
        """RELOAD PIN's data under the key `kid`: cryptogram of `plain` (padded 80.. unless whole blocks) || MAC 4.

        `head` is the command's CLA INS P1 P2 Lc, `challenge` the card's last 4 bytes (card §2.3).
        """
        self._load(kid, f_card, f_city)
        hidden = self._crypt(_ENCRYPT, pad80(plain, always=False), "encrypting a PIN")
        return hidden + self._mac(head + hidden, challenge)

    def unblock_mac(self, kid: int, f_card: bytes, f_city: bytes, head: bytes, challenge: bytes) -> bytes:
        """PIN UNBLOCK's MAC under the key `kid`, 4 bytes; arguments as for `reload_pin_data`."""
        self._load(kid, f_card, f_city)
        return self._mac(head, challenge)

    def _load(self, kid: int, f_card: bytes, f_city: bytes) -> None:
        """INIT FOR DESCRYPT: the card's own key, no session key made from it (card §3.4, C; keys-and-purse §1.7, A)."""
        self._select_ssc()
        self._keyed(bytes([0x80, 0x1A]), kid, f_card, f_city, b"")

    def _mac(self, message: bytes, challenge: bytes) -> bytes:
        initial = challenge + bytes(FACTOR_SIZE - len(challenge))
        return self._crypt(_MAC_WITH_IV, initial + pad80(message), "making a MAC")[:_MAC_SIZE]

    def _crypt(self, p1: int, data: bytes, doing: str) -> bytes:
        return self._send(bytes([0x80, 0xFA, p1, 0x00, len(data)]) + data, doing)

    def _keyed(self, head: bytes, kid: int, f_card: bytes, f_city: bytes, process: bytes) -> None:
        """Load the key: usage 48h when the module holds the root and takes card, then city; 28h when it holds the
        city's key and takes the card only (card §3.4, A). The second is tried when the first is not in the module.
        """
        spec = next((key for key in self._ssc.keys if key.psam_kid == kid), None)
        usage = spec.usage if spec is not None and spec.usage is not None else _psam_usage(self._ssc)
        city = self._ssc.psam.city_usage if self._ssc.psam is not None else 0
        try:
            self._factored(head, usage, kid, f_card, f_city, process)
        except PsamRefusedError as refused:
            if refused.sw not in _OTHER_LEVEL or not city or city == usage:
                raise
            self._factored(head, city, kid, f_card, f_city, process)

    def _factored(self, head: bytes, usage: int, kid: int, f_card: bytes, f_city: bytes, process: bytes) -> None:
        data = (f_card + f_city if usage >> _LEVELS_SHIFT == 2 else f_card) + process
        doing = "loading a session key" if process else "loading a card's key"
        self._send(head + bytes([usage, kid, len(data)]) + data, doing)

    # ---- transit application ----------------------------------------------------------------------------------

    def init_purchase(self, purchase: PurchaseInit) -> PurchaseAnswer:
        """INIT SAM FOR PURCHASE (8070): the module counts its sequence up and authorises the debit with MAC1."""
        self._select_transit()
        return self._authorise(purchase.data())

    def init_medical(self, purchase: PurchaseInit) -> PurchaseAnswer:
        """8070 in the social security application (declared, C), with f_card alone where it holds the city's key."""
        self._select_ssc()
        try:
            return self._authorise(purchase.data())
        except PsamRefusedError as refused:
            if refused.sw != _NO_SUCH_VERSION:
                raise
        return self._authorise(purchase.data(levels=1))

    def _authorise(self, data: bytes) -> PurchaseAnswer:
        apdu = bytes([0x80, 0x70, 0x00, 0x00, len(data)]) + data + b"\x08"
        return _purchase_answer(self._send(apdu, "starting a purchase"))

    def credit_purchase(self, mac2: bytes) -> None:
        """CREDIT SAM FOR PURCHASE (8072), of either application: Mac2Error when MAC2 is not the card's."""
        try:
            self._send(bytes([0x80, 0x72, 0x00, 0x00, len(mac2)]) + mac2, "finishing a purchase")
        except PsamRefusedError as refused:
            if refused.sw == SW_MAC_WRONG:
                raise Mac2Error from refused
            raise

    # ---- inside -----------------------------------------------------------------------------------------------

    def _select_master(self) -> None:
        if self._selected != "MF":
            self._select(bytes.fromhex(_MF), by_name=False)
            self._selected = "MF"

    def _select_ssc(self) -> None:
        if self._selected == "ssc":
            return
        self._selected = ""
        self._select(_aid(self._ssc, "SSSE"), by_name=True)
        self._select(_aid(self._ssc, _psam_dir(self._ssc)), by_name=True)
        self._selected = "ssc"

    def _select_transit(self) -> None:
        if self._selected == "transit":
            return
        self._select_master()
        self._selected = ""
        self._select(self._transit.dir(_psam_dir(self._transit)).fid, by_name=False)
        self._selected = "transit"

    def _select(self, name: bytes, *, by_name: bool) -> None:
        p1 = 0x04 if by_name else 0x00
        self._send(bytes([0x00, _INS_SELECT, p1, 0x00, len(name)]) + name, "selecting an application of the module")

    def _read(self, sfi: int, length: int, doing: str) -> bytes:
        return self._send(bytes([0x00, _INS_READ_BINARY, sfi, 0x00, length]), doing)

    def _send(self, apdu: bytes, doing: str) -> bytes:
        answer: bytes = self._channel.transmit(apdu)
        sw = int.from_bytes(answer[-2:])
        if sw != SW_OK:
            raise PsamRefusedError(sw, doing)
        return answer[:-2]


def _purchase_answer(answer: bytes) -> PurchaseAnswer:
    if len(answer) != 8:
        raise PsamRefusedError(SW_OK, "starting a purchase: short answer")
    return PurchaseAnswer(int.from_bytes(answer[:4]), answer[4:])


def _psam_usage(profile: Profile) -> int:
    return profile.psam.usage if profile.psam is not None else 0


def _psam_dir(profile: Profile) -> str:
    if profile.psam is None:
        raise PsamRefusedError(0, f"profile {profile.name} describes no module")
    return profile.psam.dir


def _aid(profile: Profile, name: str) -> bytes:
    return profile.dir(name).aid
