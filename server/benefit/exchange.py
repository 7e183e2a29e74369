"""The daily traffic with the banks: files out, files in, questions, and what follows from the answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from card.domain.clock import Clock, to_ms
from server.benefit.bank_link import BankLink
from server.benefit.errors import BankLinkError, ReturnRefusedError
from server.benefit.returns import ImportReport, bank_of, import_return
from server.database import Store


@dataclass(frozen=True, slots=True)
class Taken:
    """One file that was taken or refused; `bank` empty when no dialect reads it."""

    bank: str
    name: str
    report: ImportReport


def collect_returns(store: Store, links: Mapping[str, BankLink], clock: Clock) -> list[Taken]:
    """Import every file the banks have out, each in its own transaction. A broken link is left for the next time."""
    taken = []
    for bank in sorted(links):
        try:
            files = links[bank].collect()
        except BankLinkError:
            continue
        for name, raw in files:
            taken.append(take_file(store, name, raw, clock, bank=bank))
    return taken


def take_file(store: Store, name: str, raw: bytes, clock: Clock, *, bank: str = "") -> Taken:
    """Import one file from outside; without a `bank` the dialect that reads it decides, or the answer is no."""
    try:
        bank = bank or bank_of(raw)
    except ReturnRefusedError as refused:
        return Taken("", name, ImportReport(False, fault=refused.fault.value, line=refused.line, why=refused.why))
    with store.transaction() as session:
        return Taken(bank, name, import_return(session, bank=bank, name=name, raw=raw, at_ms=to_ms(clock.now())))
