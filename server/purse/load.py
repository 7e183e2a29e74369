"""The noun of a load."""

from dataclasses import dataclass

from card.domain.event import canonical
from keys.algorithms.sm3 import sm3

PENDING, POSTED, VOIDED, UNCERTAIN = "pending", "posted", "voided", "uncertain"
BANK_ACCOUNT, LOST_CARD = "bank_account", "lost_card"
ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Load:
    """Hex ids lower case, amounts fen, times ms UTC. `source` is the ledger account the money comes from."""

    load_id: str
    asn: str
    issuer: str
    online_seq: int
    card_random: str
    amount: int
    balance: int
    key_version: int
    algorithm: int
    terminal_no: str
    device_id: str
    funding: str
    source: str
    card_date: str
    card_time: str
    mac2: str
    state: str
    started_at: int
    finished_at: int | None = None
    proof_asked_at: int | None = None


def load_id(asn: str, online_seq: int, card_random: str) -> str:
    """The idempotency key as a name: the same 8050 answer is the same load."""
    content = {"asn": asn, "online_seq": online_seq, "card_random": card_random}
    return sm3(canonical(content))[:ID_BYTES].hex()
