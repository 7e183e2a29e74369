"""The offices of a world: card business told to the server row by row, and the police desk.

Stand-in for the issuance process: rows of its outbox, in its words, projected by the server's own code.
"""

from dataclasses import dataclass
from typing import Any

from card.domain.clock import to_ms
from card.domain.identity import RegionCode
from firmware_sim.card.factory import ISSUER
from firmware_sim.world.house import House
from firmware_sim.world.people import BANK, CANCELLED, FORMAL_LOSS, NORMAL, TEMPORARY_LOSS, Holder, Plastic
from server.desk import service as desk
from server.ledger import service as ledger
from server.purse import accounts
from server.registry import service as registry

REGION = RegionCode("460100")
ISSUED, VALID_TO = "20260115", "20360114"
REASONS = {
    NORMAL: "enabled",
    FORMAL_LOSS: "formal_loss",
    TEMPORARY_LOSS: "temporary_loss",
    CANCELLED: "replaced",
}


@dataclass(frozen=True)
class Told:
    """One outbox row."""

    position: int
    kind: str
    version: int
    at_ms: int
    payload: dict[str, Any]


class Office:
    """Tells the server of persons and cards."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._position = 0

    def open_books(self, holders: list[Holder], balances: dict[str, int]) -> None:
        """Everybody at once, and the opening balance of every purse (ASN -> fen)."""
        rows = [row for holder in holders for row in (self._person(holder), self._card(holder, holder.card))]
        self._take(rows)
        context = self._house.context
        with context.store.transaction() as session:
            for asn, fen in sorted(balances.items()):
                ledger.post(
                    session,
                    key=f"opening:{asn}",
                    at_ms=context.now_ms(),
                    debit=accounts.bank(BANK),
                    credit=accounts.purse(asn),
                    fen=fen,
                    memo="opening balance",
                )

    def change(self, holder: Holder, card: Plastic, state: str) -> None:
        """A card's new state."""
        card.state = state
        self._take([self._card(holder, card)])

    def replace(self, holder: Holder, new: Plastic) -> None:
        """The new card is enabled: the old one ends in the same step."""
        old = holder.card
        old.state = CANCELLED
        holder.cards.append(new)
        self._take([self._card(holder, old), self._card(holder, new)])

    def settle(self) -> None:
        """The desk's round: release lost money whose time has come, send waiting stays to the police."""
        desk.sync(self._house.context)

    def _take(self, rows: list[Told]) -> None:
        context = self._house.context
        with context.store.transaction() as session:
            registry.project(context, session, rows, desk.FOLLOWERS)

    def _row(self, kind: str, version: int, payload: dict[str, Any]) -> Told:
        self._position += 1
        return Told(self._position, kind, version, to_ms(self._house.context.clock.now()), payload)

    def _person(self, holder: Holder) -> Told:
        payload = {
            "person_id": f"P{holder.number:05d}",
            "name": holder.name,
            "id_type": "01",
            "id_no": holder.card.twin.citizen_no,
            "sex": "1",
            "nation": "01",
            "birth_date": holder.birth,
            "region": REGION.text,
            "mobile": "",
            "life_status": "1",
        }
        return self._row("person", 1, payload)

    def _card(self, holder: Holder, card: Plastic) -> Told:
        card.version += 1
        payload = {
            "card_id": card.card_id,
            "card_no": card.twin.card_no,
            "person_id": f"P{holder.number:05d}",
            "region": REGION.text,
            "status": card.state,
            "prev_status": "",
            "asn": card.asn,
            "issuer": ISSUER.hex(),
            "ecard_serial": card.ecard_serial,
            "ecard_status": card.state,
            "bank": BANK,
            "account": f"6217{holder.number:012d}",
            "account_status": "1",
            "issued": ISSUED,
            "valid_to": VALID_TO,
            "batch": "54570001",
            "atr": "",
            "supersedes": card.supersedes,
            "reason": REASONS[card.state],
        }
        return self._row("card", card.version, payload)
