"""The purse's session keys, MACs and transaction authentication codes: pure formulas.

The 3DES profile is the standard's and pinned by published numbers. The SM4 profile is this project's declaration
(keys-and-purse §1.9, C): nothing public pins it, so it serves only behind a profile marked unverified.

Every input is the concatenation given in keys-and-purse §1.4 (A, recomputed from published vectors): amounts are fen in
4 bytes big-endian, dates and times BCD (date 4 bytes, time 3), terminal number 6 bytes. Results are 4 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keys.algorithms import sm4, tdes
from keys.algorithms.mac import des_cbc_mac, sm4_cbc_mac
from keys.errors import KeyLengthError
from keys.hierarchy import complement, fold

TYPE_LOAD: Final = 0x02
TYPE_UNLOAD: Final = 0x03
TYPE_PURCHASE: Final = 0x06
TYPE_COMPOUND: Final = 0x09
MAC_SIZE: Final = 4
_LOAD_FILLER: Final = b"\x80\x00"


@dataclass(frozen=True, slots=True)
class Moment:
    """Terminal date and time as the purse carries them: BCD YYYYMMDD and hhmmss."""

    date: bytes
    time: bytes

    def __post_init__(self) -> None:
        if len(self.date) != 4 or len(self.time) != 3:
            raise KeyLengthError("purse date is 4 bytes and time 3")

    @classmethod
    def from_digits(cls, date: str, time: str) -> Moment:
        """From "YYYYMMDD" and "hhmmss"."""
        return cls(bytes.fromhex(date), bytes.fromhex(time))

    @property
    def packed(self) -> bytes:
        return self.date + self.time


# ---- session keys -------------------------------------------------------------------------------------------------


def load_session_input(card_random: bytes, online_seq: int) -> bytes:
    """random 4 || online sequence 2 || 8000."""
    return _exact(card_random, 4, "card random") + online_seq.to_bytes(2) + _LOAD_FILLER


def purchase_session_input(card_random: bytes, offline_seq: int, terminal_seq: int) -> bytes:
    """random 4 || offline sequence 2 || the low two bytes of the terminal sequence."""
    return _exact(card_random, 4, "card random") + offline_seq.to_bytes(2) + terminal_seq.to_bytes(4)[2:]


def session_key(card_key: bytes, session_input: bytes, algorithm: str = "3des") -> bytes:
    """3DES: 8 bytes, used as single DES: 3DES(card key, input). SM4: 16 bytes, SM4(card key, input || NOT input)."""
    key = _exact(card_key, 16, "purse key")
    if algorithm == "3des":
        return tdes.encrypt_ecb(key, session_input)
    if algorithm == "sm4":
        return sm4.encrypt_ecb(key, session_input + complement(session_input))
    raise KeyLengthError(f"no purse rule for {algorithm}")


def load_session_key(dlk: bytes, card_random: bytes, online_seq: int) -> bytes:
    """SESLK from the card's load key."""
    return session_key(dlk, load_session_input(card_random, online_seq))


def purchase_session_key(dpk: bytes, card_random: bytes, offline_seq: int, terminal_seq: int) -> bytes:
    """SESPK from the card's purchase key; also for compound purchases."""
    return session_key(dpk, purchase_session_input(card_random, offline_seq, terminal_seq))


# ---- inputs -------------------------------------------------------------------------------------------------------


def load_mac1_input(balance_before: int, amount: int, kind: int, terminal: bytes) -> bytes:
    """balance 4 || amount 4 || type 1 || terminal 6 (15 bytes)."""
    return _fen(balance_before) + _fen(amount) + bytes([kind]) + _exact(terminal, 6, "terminal number")


def load_mac2_input(amount: int, kind: int, terminal: bytes, moment: Moment) -> bytes:
    """amount 4 || type 1 || terminal 6 || date 4 || time 3 (18 bytes)."""
    return _fen(amount) + bytes([kind]) + _exact(terminal, 6, "terminal number") + moment.packed


def load_tac_input(
    balance_after: int, online_seq: int, amount: int, kind: int, terminal: bytes, moment: Moment
) -> bytes:
    """balance 4 || online sequence before the step 2 || amount 4 || type 1 || terminal 6 || date 4 || time 3: 24 bytes.

    The only input of whole blocks: it is what exposes a wrong padding rule.
    """
    return _fen(balance_after) + online_seq.to_bytes(2) + load_mac2_input(amount, kind, terminal, moment)


def unload_mac3_input(
    balance_after: int, online_seq: int, amount: int, kind: int, terminal: bytes, moment: Moment
) -> bytes:
    """What a card signs when money has left it to the host: the order of the load's TAC (declared), 24 bytes."""
    return load_tac_input(balance_after, online_seq, amount, kind, terminal, moment)


def purchase_mac1_input(amount: int, kind: int, terminal: bytes, moment: Moment) -> bytes:
    """amount 4 || type 1 || terminal 6 || date 4 || time 3 (18 bytes)."""
    return load_mac2_input(amount, kind, terminal, moment)


def purchase_mac2_input(amount: int) -> bytes:
    """amount 4."""
    return _fen(amount)


def purchase_tac_input(amount: int, kind: int, terminal: bytes, terminal_seq: int, moment: Moment) -> bytes:
    """amount 4 || type 1 || terminal 6 || terminal sequence, all four bytes || date 4 || time 3 (22 bytes)."""
    head = _fen(amount) + bytes([kind]) + _exact(terminal, 6, "terminal number")
    return head + terminal_seq.to_bytes(4) + moment.packed


# ---- codes --------------------------------------------------------------------------------------------------------


def purse_mac(session: bytes, data: bytes, *, always_pad: bool = True, algorithm: str = "3des") -> bytes:
    """Leftmost 4 bytes of the CBC-MAC, IV zero: single DES under 8 bytes, or SM4 under 16.

    `always_pad=False` is the dialect of some older DES purses.
    """
    if algorithm == "sm4":
        return sm4_cbc_mac(_exact(session, 16, "SM4 session key"), data)[:MAC_SIZE]
    return des_cbc_mac(session, data, always_pad=always_pad)[:MAC_SIZE]


def tac_key(dtk: bytes) -> bytes:
    """Left half XOR right half of the card's TAC key, 8 bytes (3DES profile)."""
    return fold(_exact(dtk, 16, "TAC key"))


def tac(dtk: bytes, data: bytes, *, always_pad: bool = True, algorithm: str = "3des") -> bytes:
    """TAC of `load_tac_input` or `purchase_tac_input` under the card's 16-byte TAC key; SM4 uses it unfolded."""
    if algorithm == "sm4":
        return purse_mac(dtk, data, algorithm=algorithm)
    return purse_mac(tac_key(dtk), data, always_pad=always_pad)


def _fen(amount: int) -> bytes:
    if not 0 <= amount <= 0xFFFFFFFF:
        raise KeyLengthError("amount does not fit four bytes")
    return amount.to_bytes(4)


def _exact(value: bytes, size: int, what: str) -> bytes:
    if len(value) != size:
        raise KeyLengthError(f"{what} of {len(value)} bytes instead of {size}")
    return value
