"""What stands beside the ledger and is in no chain of its own: loads, clearing, payment lines. Each must say what the
ledger says, so that a column changed by hand is found."""

from collections.abc import Mapping

from server.benefit import repository as benefit
from server.benefit.states import LineState
from server.database import Session
from server.errors import ChainBrokenError
from server.ledger import repository as ledger
from server.purse import repository as purse
from server.purse.load import POSTED, VOIDED
from server.settlement import repository as settlement

Amounts = Mapping[str, int]


def loads(session: Session) -> int:
    """A load is posted exactly when its posting stands, of its amount, and voided when the money went back."""
    amounts = ledger.amounts(session, "load:")
    rows = purse.every(session)
    for load in rows:
        name = f"load:{load.load_id}"
        _same(f"{name}: held", amounts.get(f"{name}:hold"), load.amount)
        done, back = f"{name}:done" in amounts, f"{name}:back" in amounts
        if done != (load.state == POSTED):
            raise ChainBrokenError(f"{name}: is {load.state}, the ledger says otherwise")
        if not done and back != (load.state == VOIDED):
            raise ChainBrokenError(f"{name}: is {load.state}, the ledger says otherwise")
    known = {f"load:{load.load_id}" for load in rows}
    _all_known(amounts, known, "load")
    return len(rows)


def unloads(session: Session) -> int:
    """An unload is posted exactly when its posting stands, of its amount; one of nothing has none."""
    amounts = ledger.amounts(session, "unload:")
    rows = purse.every_unload(session)
    for unload in rows:
        name = f"unload:{unload.unload_id}"
        wanted = unload.amount if unload.state == POSTED and unload.amount else None
        if amounts.get(f"{name}:done") != wanted:
            raise ChainBrokenError(f"{name}: is {unload.state}, the ledger says otherwise")
    _all_known(amounts, {f"unload:{unload.unload_id}" for unload in rows}, "unload")
    return len(rows)


def clearing(session: Session) -> int:
    """Every cleared item is what its posting owes the operator; every run is the sum of its items and what was paid."""
    runs = settlement.runs(session)
    paid = ledger.amounts(session, settlement.PAYOUT)
    sums: dict[tuple[str, str, int], list[int]] = {(run.operator, run.day, run.run): [] for run in runs}
    items = settlement.every_item(session)
    for item, owed in items:
        _same(f"clearing of {item.posting_key}", owed, item.fen)
        where = (item.operator, item.day, item.run)
        if where not in sums:
            raise ChainBrokenError(f"clearing of {item.posting_key}: belongs to no run")
        sums[where].append(item.fen)
    for run in runs:
        found = sums[run.operator, run.day, run.run]
        name = f"clearing run {run.operator} {run.day} {run.run}"
        if len(found) != run.count:
            raise ChainBrokenError(f"{name}: says {run.count} items, {len(found)} are there")
        _same(f"{name}: sum", sum(found), run.fen)
        if run.fen:
            _same(f"{name}: paid", paid.get(run.posting_key), abs(run.fen))
    _all_known(paid, {run.posting_key for run in runs}, "clearing")
    return len(items)


def lines(session: Session) -> int:
    """A payment line is where its last step left it, and what was paid for it is its amount."""
    last = benefit.last_moves(session)
    rows = benefit.lines_in(session, LineState)
    amounts = ledger.amounts(session, "")
    for line in rows:
        if last.get(line.e2e_id) != line.state:
            raise ChainBrokenError(f"payment line {line.e2e_id}: is {line.state}, its life ended elsewhere")
        for step in ("sent", "paid"):
            posted = amounts.get(f"{line.e2e_id}:{step}")
            if posted is not None:
                _same(f"payment line {line.e2e_id}: {step}", posted, line.fen)
        if line.state == LineState.PAID.value and f"{line.e2e_id}:paid" not in amounts:
            raise ChainBrokenError(f"payment line {line.e2e_id}: is paid, the ledger knows of no payment")
    return len(rows)


def _same(what: str, booked: int | None, said: int) -> None:
    if booked != said:
        raise ChainBrokenError(f"{what}: says {said}, the ledger {'nothing' if booked is None else booked}")


def _all_known(amounts: Amounts, known: set[str], what: str) -> None:
    for key in amounts:
        if key not in known and key.rpartition(":")[0] not in known:
            raise ChainBrokenError(f"posting {key}: its {what} is gone")
