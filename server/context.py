"""What services are given: the store, time, chance, keys and the ways out of the house. Built by `create_app` only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from card.domain.clock import Clock, to_ms
from card.domain.entropy import Entropy
from card.domain.event import TapEvent
from issuance.bank import Bank as AccountBank
from issuance.database import Engine as IssuanceEngine
from keys.centre import KeyCentre
from server.config import ServerConfig
from server.database import Session, Store
from server.hotel.police import PoliceDesk


@dataclass(frozen=True, slots=True)
class Connectors:
    """Ways out. `police` None: stays wait. `banks` by bank code, as the benefit run uses them. `issuance` is the
    issuance store's engine, None when cards are made elsewhere; `accounts` the banks it tells of card changes."""

    police: PoliceDesk | None = None
    banks: Mapping[str, Any] = field(default_factory=dict)
    issuance: IssuanceEngine | None = None
    accounts: Mapping[str, AccountBank] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """One running server."""

    config: ServerConfig
    store: Store
    clock: Clock
    entropy: Entropy
    centre: KeyCentre
    connectors: Connectors

    def now_ms(self) -> int:
        """Business time, ms UTC."""
        return to_ms(self.clock.now())


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as intake kept it: what a projector is given."""

    event: TapEvent
    verdict: str
    code: str
    received_ms: int

    @property
    def id(self) -> str:
        return str(self.event.id)


# Carries one accepted or suspect event into the books, inside the caller's transaction; False: not yet, ask again.
Projector = Callable[[Context, Session, StoredEvent], bool]
