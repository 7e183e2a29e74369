"""Released lines leave once: files and SENT in one transaction, handed over afterwards, again when unsure."""

from collections.abc import Mapping, Sequence

from card.domain.clock import Clock, to_ms
from keys.algorithms.sm3 import sm3
from server.benefit import repository
from server.benefit.bank_link import BankLink
from server.benefit.dialects.cells import Value
from server.benefit.dialects.grammar import Dialect, dialect_of
from server.benefit.dialects.writer import write_file
from server.benefit.errors import BankLinkError
from server.benefit.moves import Word, move_line
from server.benefit.prepare import load_programme
from server.benefit.roll import Programme
from server.benefit.rows import BatchRow, LineRow, PaymentFileRow
from server.benefit.states import BatchState, LineState
from server.benefit.steps import load_batch, move_batch
from server.database import Session, Store

PAY_ORG = "HNHRSS"


def make_files(session: Session, batch_no: str, *, at_ms: int) -> list[str]:
    """Split READY lines by bank into files, move them to SENT, post treasury -> on the way. Returns file names.

    The bytes are kept: what is handed over twice is the same file, so the bank's own duplicate check holds.
    """
    batch = load_batch(session, batch_no)
    move_batch(batch, BatchState.SENT, at_ms)
    item = load_programme(session, batch.programme)
    names: list[str] = []
    ready = repository.lines(session, batch_no, states=[LineState.READY])
    for bank in sorted({line.bank for line in ready}):
        names += _bank_files(session, batch, item, [line for line in ready if line.bank == bank], at_ms)
    if not names:
        move_batch(batch, BatchState.RETURNED, at_ms)
    return names


def deliver_pending(store: Store, links: Mapping[str, BankLink], clock: Clock) -> dict[str, bool]:
    """Hand over every file no bank has confirmed; name -> done. A broken link leaves the file for the next call."""
    with store.reading() as session:
        waiting = [(row.name, row.bank, row.raw) for row in repository.undelivered(session)]
    done: dict[str, bool] = {}
    for name, bank, raw in waiting:
        done[name] = False
        if bank not in links:
            continue
        try:
            links[bank].deliver(name, raw)
        except BankLinkError:
            continue
        with store.transaction() as session:
            mark_delivered(session, name, to_ms(clock.now()))
        done[name] = True
    return done


def mark_delivered(session: Session, name: str, at_ms: int) -> None:
    """The bank confirmed a file; the batch is accepted when it confirmed the last one."""
    row = repository.file(session, name)
    assert row is not None
    row.delivered_at = row.delivered_at or at_ms
    session.flush()
    batch = load_batch(session, row.batch_no)
    everything = all(file.delivered_at is not None for file in repository.files(session, row.batch_no))
    if everything and batch.state == BatchState.SENT.value:
        move_batch(batch, BatchState.BANK_ACCEPTED, at_ms)


def _bank_files(session: Session, batch: BatchRow, item: Programme, lines: Sequence[LineRow], at_ms: int) -> list[str]:
    dialect = dialect_of(lines[0].bank)
    parts = [lines[at : at + dialect.max_lines] for at in range(0, len(lines), dialect.max_lines)]
    names = []
    for number, part in enumerate(parts, 1):
        name = f"PAY_{dialect.bank}_{batch.batch_no}_{number}of{len(parts)}.txt"
        raw = payment_bytes(dialect, batch, item, part, number, len(parts))
        row = PaymentFileRow(
            name=name,
            bank=dialect.bank,
            batch_no=batch.batch_no,
            file_no=number,
            file_cnt=len(parts),
            count=len(part),
            total_fen=sum(line.fen for line in part),
            digest=sm3(raw).hex(),
            raw=raw,
            made_at=at_ms,
            delivered_at=None,
        )
        repository.add(session, [row])
        for line in part:
            line.file_name = name
            move_line(session, line, LineState.SENT, Word(at_ms, name))
        names.append(name)
    return names


def payment_bytes(
    dialect: Dialect, batch: BatchRow, item: Programme, lines: Sequence[LineRow], number: int, count: int
) -> bytes:
    """One payment file in the bank's dialect."""
    totals: dict[str, Value] = {"count": len(lines), "total": sum(line.fen for line in lines)}
    header: dict[str, Value] = totals | {
        "batch_no": batch.batch_no,
        "pay_org": PAY_ORG,
        "item_code": item.code,
        "period": batch.period,
        "debit_acct": f"{PAY_ORG}{item.code}",
        "debit_name": item.name,
        "value_date": batch.value_date,
        "file_no": number,
        "file_cnt": count,
        "doc_no": item.document_no,
    }
    return write_file(dialect, dialect.payment, header, [_detail(line) for line in lines], totals)


def _detail(line: LineRow) -> dict[str, Value]:
    return {
        "line": line.line_no,
        "e2e_id": line.e2e_id,
        "person_no": line.person_id,
        "id_type": line.id_type,
        "id_no": line.id_no,
        "name": line.name,
        "card_no": line.card_no,
        "bank_code": line.bank,
        "cnaps": "",
        "acct_no": line.account,
        "amount": line.fen,
        "item_code": line.programme,
        "summary": line.summary,
        "reserve": "",
    }
