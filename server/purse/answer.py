"""What loads and unloads have in common: the card's answer to INITIALIZE as the keys want it, and the card's clock."""

from typing import Protocol

from card.domain.clock import business_time
from keys.centre import LoadRequest
from keys.tac import Moment
from server.context import Context


class InitAnswer(Protocol):
    """The answer to 8050 00 or 8050 05 with the terminal's number. Hex text; amounts fen (keys-and-purse §1.3)."""

    @property
    def issuer(self) -> str: ...

    @property
    def asn(self) -> str: ...

    @property
    def card_random(self) -> str: ...

    @property
    def online_seq(self) -> int: ...

    @property
    def balance(self) -> int: ...

    @property
    def amount(self) -> int: ...

    @property
    def terminal_no(self) -> str: ...

    @property
    def mac1(self) -> str: ...

    @property
    def key_version(self) -> int: ...

    @property
    def algorithm(self) -> int: ...


def mac_request(answer: InitAnswer) -> LoadRequest:
    """The bytes MAC1 and MAC2 are made over. ValueError for text that is no hex."""
    return LoadRequest(
        issuer=bytes.fromhex(answer.issuer),
        asn=bytes.fromhex(answer.asn),
        card_random=bytes.fromhex(answer.card_random),
        online_seq=answer.online_seq,
        balance=answer.balance,
        amount=answer.amount,
        terminal=bytes.fromhex(answer.terminal_no),
        mac1=bytes.fromhex(answer.mac1),
        key_version=answer.key_version,
        algorithm=answer.algorithm,
    )


def card_moment(context: Context) -> Moment:
    """Now, as the card will be told it: date and time in Asia/Shanghai."""
    at = business_time(context.clock.now())
    return Moment.from_digits(at.strftime("%Y%m%d"), at.strftime("%H%M%S"))
