"""Blank chips: what came in is blank, good, spoiled or returned, and the four always sum (business-rules §4.8)."""

from dataclasses import dataclass

from issuance.database import Session
from issuance.errors import SeparationError, StockShortError
from issuance.repository import Stocks, put
from issuance.rows import StockMoveRow, StockRow


@dataclass(frozen=True, slots=True)
class StockCount:
    """One line, or the sum of several."""

    received: int = 0
    blank: int = 0
    good: int = 0
    spoiled: int = 0
    returned: int = 0

    @property
    def sums(self) -> bool:
        return self.blank + self.good + self.spoiled + self.returned == self.received


def receive(session: Session, place: str, batch: str, count: int, keepers: tuple[str, str], at_ms: int) -> None:
    """`count` blanks of delivery `batch` (8 hex digits) come in; two different vault keepers sign."""
    _two(keepers)
    if count < 1:
        raise ValueError("a delivery holds at least one chip")
    line = Stocks(session).line(place, batch)
    if line is None:
        line = StockRow(place=place, batch=batch, received=0, blank=0, good=0, spoiled=0, returned=0)
        put(session, line)
    line.received += count
    line.blank += count
    _note(session, line, "receive", count, at_ms, officers="+".join(keepers))


def give_back(session: Session, place: str, batch: str, count: int, keepers: tuple[str, str], at_ms: int) -> None:
    """Unused blanks go back to the vendor or the upper vault."""
    _two(keepers)
    line = _take(session, place, batch, count)
    line.returned += count
    _note(session, line, "return", count, at_ms, officers="+".join(keepers))


def hold(session: Session, place: str, batch: str) -> None:
    """Nobody else moves this line until the transaction ends: what is counted after this call belongs together."""
    Stocks(session).line(place, batch)


def require(session: Session, place: str, batch: str, count: int) -> None:
    """StockShortError unless `count` blanks of the batch are there."""
    line = Stocks(session).line(place, batch)
    if line is None or line.blank < count:
        raise StockShortError(f"{count} blanks of batch {batch} asked at {place}")


def make_good(session: Session, place: str, batch: str, card_id: str, at_ms: int) -> None:
    """One blank became a card."""
    line = _take(session, place, batch, 1)
    line.good += 1
    _note(session, line, "good", 1, at_ms, subject=card_id)


def make_spoiled(session: Session, place: str, batch: str, card_id: str, reason: str, at_ms: int) -> None:
    """One blank went to the waste slot."""
    line = _take(session, place, batch, 1)
    line.spoiled += 1
    _note(session, line, "spoil", 1, at_ms, subject=card_id, reason=reason)


def count(session: Session, place: str) -> StockCount:
    """The place's lines added up."""
    lines = Stocks(session).lines(place)
    return StockCount(
        received=sum(line.received for line in lines),
        blank=sum(line.blank for line in lines),
        good=sum(line.good for line in lines),
        spoiled=sum(line.spoiled for line in lines),
        returned=sum(line.returned for line in lines),
    )


def _two(keepers: tuple[str, str]) -> None:
    if len(set(keepers)) != 2 or not all(keepers):
        raise SeparationError("two vault keepers sign together")


def _take(session: Session, place: str, batch: str, count: int) -> StockRow:
    line = Stocks(session).line(place, batch)
    if line is None or count < 1 or line.blank < count:
        raise StockShortError(f"{count} blanks of batch {batch} asked at {place}")
    line.blank -= count
    return line


def _note(
    session: Session,
    line: StockRow,
    kind: str,
    count: int,
    at_ms: int,
    *,
    subject: str = "",
    reason: str = "",
    officers: str = "",
) -> None:
    move = StockMoveRow(
        place=line.place,
        batch=line.batch,
        kind=kind,
        count=count,
        subject=subject,
        reason=reason,
        officers=officers,
        at=at_ms,
    )
    put(session, move)
