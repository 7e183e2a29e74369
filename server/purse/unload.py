"""The noun of an unload."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unload:
    """Money that leaves the purse `asn` for the purse `heir` of the same person. Hex lower case, amounts fen, ms UTC.

    The states are those of a load; what was posted waits in `suspense:transfer:{heir}` to be loaded there.
    """

    unload_id: str
    asn: str
    issuer: str
    heir: str
    online_seq: int
    card_random: str
    amount: int
    balance: int
    key_version: int
    algorithm: int
    mac1: str
    terminal_no: str
    device_id: str
    card_date: str
    card_time: str
    mac2: str
    state: str
    started_at: int
    finished_at: int | None = None
