"""States of a card, as the national data items number them (business-rules §3.2)."""

from enum import Enum


class CardState(Enum):
    """AAZ502 卡应用状态."""

    SEALED = "0"
    NORMAL = "1"
    FORMAL_LOSS = "2"
    LOCKED = "3"
    TEMPORARY_LOSS = "4"
    CANCELLED = "9"


class AccountState(Enum):
    """Bank account behind the card (business-rules §3.2 d)."""

    PRE_OPENED = "0"
    ACTIVE = "1"
    ORAL_LOSS = "2"
    WRITTEN_LOSS = "3"
    FROZEN = "4"
    DORMANT = "5"
    CLOSED = "9"


class ListReason(Enum):
    """Why a medium stands in the hotlist: one byte of its entry."""

    TEMPORARY_LOSS = 0x04
    FORMAL_LOSS = 0x02
    CANCELLED = 0x09
    DECEASED = 0x0D
    LOCKED = 0x03


class Medium(Enum):
    """Kinds of hotlist entries (contract §4)."""

    CARD = 1
    PURSE = 2
    ECARD = 3
