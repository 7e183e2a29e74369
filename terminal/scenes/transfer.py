"""An old card's rights and balance move to the holder's new card, and can move back until somebody confirms.

Rights here are what the old card holds for its holder in DF01 and after: what is blank on the new card is written
there, what the new card has already stays. Entitlements hang on the person, and the old card's end is issuance's
business. The old card keeps its data until `confirm`; only then may it be retired. Every step is durable before it is
done: pulled cards, a dead line and a power cut leave a state from which the same call goes on, or `undo` goes back.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from card.apdu import SW
from card.domain.money import ZERO, Fen
from card.errors import AccessNeedError, ForeignCardError, UnexpectedSwError
from card.files import codecs
from card.files.codecs import Value
from card.files.kinds import RecordEf
from card.pin import Pin
from card.purse import PurseSession
from card.secure_messaging import Authorise
from card.session import SscSession
from terminal.errors import TransferRefusedError, TransferStateError
from terminal.memory import Memory
from terminal.scenes.transfer_money import MoneyMove, PurseDesk
from terminal.verifiers.card import CardVerifier, ChipProof

RIGHTS_FROM = "DF"  # directories of rights are DF01, DF02, ...
OPEN = "transfer.open"  # the old cards of transfers begun here; those that have ended go when another begins


class TransferStage(Enum):
    """Until CONFIRMED everything can be taken back; UNDONE is as if nothing had been."""

    MOVING = "moving"
    MOVED = "moved"
    UNDOING = "undoing"
    UNDONE = "undone"
    CONFIRMED = "confirmed"


ENDED = (TransferStage.UNDONE.value, TransferStage.CONFIRMED.value)


@dataclass(frozen=True, slots=True)
class CardSide:
    """One of the two cards, read and proven in this power-on session. `pin` opens what the holder's PIN opens."""

    session: SscSession
    purse: PurseSession
    proof: ChipProof
    authorise: Authorise | None = None
    pin: Pin | None = None

    @property
    def card_id(self) -> str:
        return self.proof.snapshot.card_id.raw.hex()


@dataclass(frozen=True, slots=True)
class TransferState:
    """What survives a power cut: card ids in hex, places written on the new card, no value of anybody."""

    old: str
    new: str
    run: int = 1
    stage: str = TransferStage.MOVING.value
    places: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    moved: int = 0

    @classmethod
    def from_bytes(cls, raw: bytes) -> "TransferState":
        found: dict[str, Any] = json.loads(raw)
        return cls(**{**found, "places": tuple(found["places"]), "kept": tuple(found["kept"])})

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()


class Transfer:
    """One old and one new card of one holder. Cards may be pulled and put back between any two calls."""

    def __init__(self, desk: PurseDesk, memory: Memory, terminal: bytes, verifier: CardVerifier) -> None:
        self._desk = desk
        self._memory = memory
        self._terminal = terminal
        self._verifier = verifier

    def state(self, old: CardSide) -> TransferState | None:
        """Where the transfer from this card stands; None when none was begun here."""
        raw = self._memory.get(_name(old.card_id))
        return TransferState.from_bytes(raw) if raw else None

    def moving(self, state: TransferState) -> Fen:
        """How much this transfer has taken, or is about to take, from the old card; no card is needed to ask."""
        forth = self._money(state, "forth").state()
        return Fen(state.moved or (forth.amount if forth else 0))

    def move(self, old: CardSide, new: CardSide) -> TransferState:
        """Rights, then money; again after whatever went wrong. TransferRefusedError when they are not one holder's.

        Raises CardLostError, LinkDownError and the like in between; nothing is lost then.
        """
        self._one_holder(old, new)
        state = self._begun(old, new)
        if state.stage != TransferStage.MOVING.value:
            return state
        state = self._copy_rights(state, old, new)
        money = self._money(state, "forth").run(old.purse, new.purse)
        return self._keep(replace(state, stage=TransferStage.MOVED.value, moved=money.loaded))

    def undo(self, old: CardSide, new: CardSide) -> TransferState:
        """Everything back, again after whatever went wrong; TransferStateError once it was confirmed.

        Money already spent from the new card stays spent: what is left of it goes back.
        """
        self._one_holder(old, new)
        state = self._of(old, new)
        if state.stage == TransferStage.UNDONE.value:
            return state
        if state.stage == TransferStage.CONFIRMED.value:
            raise TransferStateError("the transfer was confirmed")
        state = self._keep(replace(state, stage=TransferStage.UNDOING.value))
        forth = self._money(state, "forth")
        if forth.state() is not None:  # money on its way arrives first: then there is one place to take it from
            there = forth.run(old.purse, new.purse)
            self._money(state, "back").run(new.purse, old.purse, most=Fen(there.loaded))
        self._clear_rights(state, new)
        return self._keep(replace(state, stage=TransferStage.UNDONE.value, moved=0))

    def confirm(self, old: CardSide, new: CardSide, retire: Callable[[CardSide], None] | None = None) -> TransferState:
        """The point of no return: durable first, then `retire` makes the old card useless; again after a tear."""
        state = self._of(old, new)
        if state.stage not in (TransferStage.MOVED.value, TransferStage.CONFIRMED.value):
            raise TransferStateError(f"the transfer is {state.stage}")
        state = self._keep(replace(state, stage=TransferStage.CONFIRMED.value))
        if retire is not None:
            retire(old)
        return state

    # ---- rights ----------------------------------------------------------------------------------------------------

    def _copy_rights(self, state: TransferState, old: CardSide, new: CardSide) -> TransferState:
        for side in (old, new):
            side.session.select()  # the purse may have been selected since: rights given before are gone
        for ef in _files(new):
            have, found = _read(old, ef.path), _read(new, ef.path)
            if have is None or found is None:
                continue
            write, kept = _differences(new, ef, have, found)
            places = tuple(f"{ef.path}/{name}" for name in write)
            before = state
            # Durable before the card is written: undo clears what may have been written, and it was blank before.
            state = self._keep(
                replace(
                    state,
                    places=tuple(dict.fromkeys([*state.places, *places])),
                    kept=tuple(dict.fromkeys([*state.kept, *(f"{ef.path}/{name}" for name in kept)])),
                )
            )
            if write:
                state = self._write(state, before, new, ef, write)
        return state

    def _write(
        self, state: TransferState, before: TransferState, new: CardSide, ef: RecordEf, write: dict[str, Value]
    ) -> TransferState:
        """What nothing here may write stays on the old card and is named as kept; nothing was sent then."""
        try:
            new.session.write(ef.path, write, new.authorise, pin=new.pin)
        except AccessNeedError:
            names = (f"{ef.path}/{name}" for name in write)
            return self._keep(replace(state, places=before.places, kept=tuple(dict.fromkeys([*state.kept, *names]))))
        return state

    def _clear_rights(self, state: TransferState, new: CardSide) -> None:
        new.session.select()
        for ef in _files(new):
            names = [place.rpartition("/")[2] for place in state.places if place.startswith(f"{ef.path}/")]
            blank = {item.name: _blank(new, item) for item in ef.records if item.name in names}
            if blank:
                new.session.write(ef.path, blank, new.authorise, pin=new.pin)

    # ---- state -----------------------------------------------------------------------------------------------------

    def _money(self, state: TransferState, way: str) -> MoneyMove:
        name = f"{_name(state.old)}.{state.run}.{way}"
        return MoneyMove(self._desk, self._memory, name, self._terminal)

    def _begun(self, old: CardSide, new: CardSide) -> TransferState:
        state = self.state(old)
        if state is None or state.stage in ENDED:
            self._enlist(old.card_id)  # first: a transfer nobody knows of could not be shown after a power cut
        if state is None:
            return self._keep(TransferState(old.card_id, new.card_id))
        if state.stage == TransferStage.UNDONE.value:
            return self._keep(TransferState(old.card_id, new.card_id, state.run + 1))
        return self._of(old, new)

    def _of(self, old: CardSide, new: CardSide) -> TransferState:
        state = self.state(old)
        if state is None or (state.old, state.new) != (old.card_id, new.card_id):
            raise TransferStateError("no transfer between these two cards was begun here")
        return state

    def _one_holder(self, old: CardSide, new: CardSide) -> None:
        """Both chips genuine, both cards one person's. VerificationError, TransferRefusedError."""
        holders = {self._verifier.verify(side.proof).claims["id_no"] for side in (old, new)}
        if len(holders) != 1 or "" in holders:
            raise TransferRefusedError("the cards do not belong to one holder")
        if old.card_id == new.card_id:
            raise TransferRefusedError("one card twice")

    def _enlist(self, old: str) -> None:
        listed = dict.fromkeys([*(state.old for state in pending(self._memory)), old])
        self._memory.put(OPEN, json.dumps(list(listed)).encode())

    def _keep(self, state: TransferState) -> TransferState:
        self._memory.put(_name(state.old), state.to_bytes())
        return state


def pending(memory: Memory) -> list[TransferState]:
    """Transfers begun with this memory and neither confirmed nor undone, oldest first; no card is needed to ask."""
    listed: list[str] = json.loads(memory.get(OPEN) or b"[]")
    kept = [memory.get(_name(old)) for old in listed]
    states = [TransferState.from_bytes(raw) for raw in kept if raw]
    return [state for state in states if state.stage not in ENDED]


def spent(state: TransferState, new: PurseSession) -> Fen:
    """How much of what was moved the new card no longer holds: what `undo` cannot bring back."""
    new.select()
    return max(ZERO, Fen(state.moved - int(new.balance())))


def _name(old: str) -> str:
    return f"transfer.{old}"


def _files(side: CardSide) -> Iterator[RecordEf]:
    """Record files with the holder's rights that an office may write."""
    for ef in side.session.profile.files:
        writable = any(group and all(proof.startswith("key:") for proof in group) for group in ef.write.any_of)
        if isinstance(ef, RecordEf) and ef.dir.startswith(RIGHTS_FROM) and writable:
            yield ef


def _read(side: CardSide, path: str) -> Mapping[str, Value] | None:
    """The file's values by name; None when this card has no such file or nothing here opens it."""
    if all(ef.path != path for ef in side.session.profile.files):
        return None
    try:
        found = side.session.read_ref(path, side.authorise, side.pin)
    except (AccessNeedError, ForeignCardError):
        return None
    except UnexpectedSwError as refused:
        if refused.sw in (SW.FILE_NOT_FOUND, SW.RECORD_NOT_FOUND):
            return None
        raise
    return found if isinstance(found, Mapping) else None


def _differences(
    new: CardSide, ef: RecordEf, have: Mapping[str, Value], found: Mapping[str, Value]
) -> tuple[dict[str, Value], list[str]]:
    """(what to write, names that stay because the new card holds something else)."""
    write: dict[str, Value] = {}
    kept: list[str] = []
    for item in ef.records:
        blank = _blank(new, item)
        if item.name not in have or have[item.name] in (blank, found.get(item.name)):
            continue
        if found.get(item.name) == blank:
            write[item.name] = have[item.name]
        else:
            kept.append(item.name)
    return write, kept


def _blank(side: CardSide, item: Any) -> Value:
    return codecs.decode_record(item, codecs.blank_record(item), side.session.profile.text_codec)
