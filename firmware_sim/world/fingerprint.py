"""What the server's books say, in one comparable value."""

from server.context import Context
from server.events import repository as events
from server.hotel import repository as stays
from server.ledger import service as ledger
from server.purse import repository as loads
from server.scenic import repository as entries

LOAD_STATES = ("pending", "posted", "voided", "uncertain")


def fingerprint(context: Context) -> dict[str, object]:
    """Balances, events, stays, entries and loads."""
    with context.store.reading() as session:
        return {
            "balances": {name: int(fen) for name, fen in sorted(ledger.balances(session).items())},
            "events": events.counts(session),
            "waiting": events.waiting(session),
            "stays": stays.counts(session),
            "entries": entries.count(session),
            "loads": {state: len(loads.in_state(session, state)) for state in LOAD_STATES},
        }
