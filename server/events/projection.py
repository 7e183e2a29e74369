"""Carry stored events into the books, each exactly once: the queue row leaves in the transaction that books it."""

from collections.abc import Mapping

from server.context import Context, Projector
from server.events import repository
from server.ledger import service as ledger
from server.registry import repository as registry

PAGE = 200
START = ("", "", 0)


def carry(context: Context, projectors: Mapping[str, Projector]) -> int:
    """Work through what waits; the number carried. An event that must wait for another stays in the queue."""
    carried, after = 0, START
    while True:
        with context.store.transaction() as session:
            page = repository.take_queued(session, PAGE, after)
            if page:
                ledger.hold(session, context.now_ms())
                asns = {str(item.event.body["asn"]) for item in page if item.event.body.get("asn")}
                registry.hold_cards(session, asns)
            booked = [item.event.id for item in page if projectors[item.event.type](context, session, item)]
            repository.done(session, booked)
            carried += len(booked)
        if len(page) < PAGE:
            return carried
        last = page[-1].event.id
        after = (last.terminal, last.epoch, last.seq)
