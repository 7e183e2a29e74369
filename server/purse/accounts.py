"""Names of the ledger accounts money on purses moves between, and who is charged for a debit."""

from card.domain.lifecycle import ListReason
from server.database import Session
from server.ledger import service as ledger
from server.registry.card import Card

SCHEME_LOSS = "scheme-loss"
UNCERTAIN = "suspense:uncertain"
LOADING = "suspense:load"
# Losing the PIN does not lose the purse: a locked card keeps its money.
FREEZING = frozenset({ListReason.FORMAL_LOSS, ListReason.TEMPORARY_LOSS, ListReason.CANCELLED, ListReason.DECEASED})


def bank(code: str) -> str:
    """Money held for us at a bank."""
    return f"bank:{code}"


def purse(asn: str) -> str:
    """What we owe the holder of a purse: its book balance."""
    return f"purse:{asn}"


def operator(name: str) -> str:
    """What we owe an operator."""
    return f"operator:{name}"


def lost(asn: str) -> str:
    """The frozen rest of a purse whose card is reported lost, cancelled, or its holder dead."""
    return f"suspense:lost:{asn}"


def suspect(operator_name: str) -> str:
    """Debits the card attests but the rule does not explain."""
    return f"suspense:suspect:{operator_name}"


def transfer(asn: str) -> str:
    """The rest of a lost purse on its way to the new card's purse `asn`."""
    return f"suspense:transfer:{asn}"


def frozen(card: Card | None) -> bool:
    """Whether the money of this card's purse is held in its lost-card suspense."""
    return card is not None and card.list_reason in FREEZING


def held(session: Session, account: str) -> int:
    """What a liability account holds, fen (credits positive)."""
    return -int(ledger.balance(session, account))


def charge(session: Session, card: Card | None, asn: str, fen: int) -> list[tuple[str, int]]:
    """Accounts that bear a debit of `fen`: the purse; when frozen its suspense while that lasts, then scheme loss."""
    if not frozen(card):
        return [(purse(asn), fen)]
    covered = min(fen, max(0, held(session, lost(asn))))
    parts = [(lost(asn), covered), (SCHEME_LOSS, fen - covered)]
    return [part for part in parts if part[1]] or [(lost(asn), 0)]
