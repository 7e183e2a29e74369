"""Batches a validator would send: canonical bus events with their cards' TACs, signed before anything is timed."""

import json
from dataclasses import dataclass, field
from typing import Any

from card.domain.envelope import batch_bytes
from card.domain.event import canonical
from firmware_sim.bench.errors import BenchWrongError
from firmware_sim.bench.street import CARD, PSAM, Chips, Street
from firmware_sim.card.factory import ISSUER
from keys import tac
from keys.algorithms.sm2 import Sm2PrivateKey
from keys.algorithms.sm3 import sm3
from keys.centre import KeyCentre

EVENTS_PATH = "/api/v1/events:batch"
# Routes of the bench's own beside the server's.
BARE_PATH, WAITING_PATH = "/bench/bare", "/bench/waiting"
EPOCH = "0102030405060708"
RIDERS = 200
BIRTH = "19900101"
_FIRST_SCALAR = 7_001
_FIRST_PURSE = 5_170_020_000_000_000


@dataclass(frozen=True, slots=True)
class Rider:
    """A holder in the registry. `purse_no` 16 digits, `card_id` 32 hex digits."""

    purse_no: str
    card_id: str
    person_id: str


def riders() -> list[Rider]:
    """The same people in the bench and in its server."""
    return [Rider(f"{_FIRST_PURSE + n:016d}", f"{n + 1:032x}", f"bench-{n:04d}") for n in range(RIDERS)]


def real_event(centre: KeyCentre, chips: Chips) -> dict[str, Any]:
    """The event of one tap of the twins on a validator: the pattern of all that are uploaded."""
    street, rack = Street.open(centre), chips.rack()
    journal = street.journal()
    street.tap(street.validator(rack.reader(CARD), rack.reader(PSAM), journal))
    event: dict[str, Any] = json.loads(journal.unsent(1)[0].raw)
    rack.close()
    return event


@dataclass
class Device:
    """An enrolled validator whose journal grows: it rides its riders round and round."""

    number: int
    centre: KeyCentre
    pattern: dict[str, Any]
    tac_keys: dict[str, bytes]
    key: Sm2PrivateKey = field(init=False)
    terminal_no: str = field(init=False)
    seq: int = 0
    prev: str = ""

    def __post_init__(self) -> None:
        self.key = Sm2PrivateKey.from_scalar((_FIRST_SCALAR + self.number).to_bytes(32, "big"))
        self.terminal_no = f"4601009{self.number:05d}"

    def batch(self, size: int) -> bytes:
        """The body of the next upload of `size` events."""
        first = self.seq + 1
        events = [self._next() for _ in range(size)]
        message = batch_bytes(self.terminal_no, EPOCH, first, self.seq, self.prev)
        upload = {
            "terminal": self.terminal_no,
            "epoch": EPOCH,
            "first": first,
            "last": self.seq,
            "chain": self.prev,
            "events": events,
            "signature": self.key.sign(message).hex(),
        }
        return json.dumps(upload, ensure_ascii=False, separators=(",", ":")).encode()

    def _next(self) -> str:
        self.seq += 1
        crowd = riders()
        rider = crowd[(self.seq * 7 + self.number) % len(crowd)]
        body = {**self.pattern["body"]}
        body |= {
            "asn": rider.purse_no,
            "card_id": rider.card_id,
            "psam_no": self.terminal_no,
            "terminal_seq": self.seq,
            # Every device has a range of its own: no purse is ever debited twice with one sequence.
            "offline_seq": self.number * 1_000_000 + self.seq,
        }
        body["tac"] = self._tac(rider, body)
        event = {
            **self.pattern,
            "id": {"terminal": self.terminal_no, "epoch": EPOCH, "seq": self.seq},
            "credential": {**self.pattern["credential"], "medium": rider.purse_no},
            "body": body,
            "prev": self.prev,
        }
        raw = canonical(event)
        self.prev = sm3(raw).hex()
        return raw.decode()

    def _tac(self, rider: Rider, body: dict[str, Any]) -> str:
        if rider.purse_no not in self.tac_keys:
            keys = self.centre.purse_keys(ISSUER, bytes.fromhex(rider.purse_no))
            self.tac_keys[rider.purse_no] = keys["DTK"].reveal()
        moment = tac.Moment.from_digits(body["card_date"], body["card_time"])
        data = tac.purchase_tac_input(
            body["amount"], body["txn_type"], bytes.fromhex(self.terminal_no), body["terminal_seq"], moment
        )
        return tac.tac(self.tac_keys[rider.purse_no], data).hex()


def check_answer(answer: bytes, size: int) -> None:
    """BenchWrongError unless all `size` events were accepted."""
    results = json.loads(answer).get("results", [])
    wrong = next((row for row in results if row["verdict"] != "accepted"), None)
    if wrong or len(results) != size:
        raise BenchWrongError(f"an event was answered {wrong or len(results)}")
