"""What keys and modules exist, in what state, and which e-card has which authorisation. Rows of the `keys` store.

No key value is ever in a row: a key is named by label and version and known by its check value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from keys.database import ecard_authorisation, key_rows, outbox, psam_rows
from keys.errors import DuplicateKeyError, KeyStateError, UnknownKeyError
from keys.hsm import KeyFacts
from keys.psam import IssuedPsam

# States and steps of a key (NIST SP 800-57 part 1, keys-and-purse §2.6).
KEY_STEPS: Final[dict[str, frozenset[str]]] = {
    "pre-active": frozenset({"active", "compromised", "destroyed"}),
    "active": frozenset({"suspended", "deactivated", "compromised"}),
    "suspended": frozenset({"active", "deactivated", "compromised"}),
    "deactivated": frozenset({"compromised", "destroyed"}),
    "compromised": frozenset({"destroyed"}),
    "destroyed": frozenset(),
}
PSAM_STEPS: Final[dict[str, frozenset[str]]] = {
    "ordered": frozenset({"vault"}),
    "vault": frozenset({"assigned", "lost", "destroyed"}),
    "assigned": frozenset({"installed", "returned", "lost"}),
    "installed": frozenset({"returned", "lost"}),
    "returned": frozenset({"vault", "destroyed"}),
    "lost": frozenset({"returned", "destroyed"}),
    "destroyed": frozenset(),
}


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A registered key and its state."""

    facts: KeyFacts
    state: str


@dataclass(frozen=True, slots=True)
class EcardMaterial:
    """What a phone holds besides its key: the authorisation `body` (bytes [3, 263+L) of every code) and its end."""

    ecard_serial: str
    card_id: str
    card_no: str
    generation: int
    body: bytes
    expires_ms: int

    def __repr__(self) -> str:
        return f"EcardMaterial(…{self.ecard_serial[-4:]}, expires_ms={self.expires_ms})"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A change for others to project: `position` counts up without repeating."""

    position: int
    kind: str
    subject: str
    version: int
    at_ms: int
    payload: dict[str, Any]


class Registry:
    """Reads and writes the rows; every change and its outbox row are one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # ---- keys -------------------------------------------------------------------------------------------------

    def record_keys(self, keys: Iterable[KeyFacts], at_ms: int) -> int:
        """Register new keys as active; the number of new rows. DuplicateKeyError if a known one has other facts."""
        added = 0
        with self._engine.begin() as connection:
            for facts in keys:
                known = _find_key(connection, facts.label, facts.version)
                if known is None:
                    connection.execute(sa.insert(key_rows).values(**_key_values(facts), state="active", at_ms=at_ms))
                    _tell(connection, "key", str(facts.label), facts.version, at_ms, {"state": "active"})
                    added += 1
                elif known.kcv != facts.kcv.hex():
                    raise DuplicateKeyError(f"{facts.label} version {facts.version} has another check value")
        return added

    def key_list(self) -> list[KeyRow]:
        """Every key by label and version."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(key_rows).order_by(key_rows.c.label, key_rows.c.version)).all()
        return [_key_row(row) for row in rows]

    def move_key(self, label: str, version: int, state: str, at_ms: int) -> None:
        """One step of KEY_STEPS. UnknownKeyError, KeyStateError."""
        with self._engine.begin() as connection:
            known = _find_key(connection, label, version)
            if known is None:
                raise UnknownKeyError(f"{label} version {version}")
            _check_step(KEY_STEPS, known.state, state)
            same = (key_rows.c.label == label) & (key_rows.c.version == version) & (key_rows.c.state == known.state)
            _change_one(connection, sa.update(key_rows).where(same).values(state=state, at_ms=at_ms))
            _tell(connection, "key", label, version, at_ms, {"state": state})

    # ---- modules ----------------------------------------------------------------------------------------------

    def record_psam(self, psam: IssuedPsam, at_ms: int) -> None:
        """Register a module; the same facts again change nothing. DuplicateKeyError for other facts."""
        with self._engine.begin() as connection:
            known = _find_psam(connection, psam.terminal_no)
            if known is not None:
                if known != psam:
                    raise DuplicateKeyError(f"module {psam.terminal_no.hex()} is registered with other facts")
                return
            values = {**asdict(psam), "terminal_no": psam.terminal_no.hex(), "serial": psam.serial.hex()}
            try:
                connection.execute(sa.insert(psam_rows).values(**values, at_ms=at_ms))
            except sa.exc.IntegrityError as error:
                raise DuplicateKeyError(f"module serial of {psam.terminal_no.hex()} is taken") from error
            _tell(connection, "psam", psam.terminal_no.hex(), 1, at_ms, {"state": psam.state})

    def psam(self, terminal_no: bytes) -> IssuedPsam:
        """One module by the number it answers. UnknownKeyError."""
        with self._engine.connect() as connection:
            found = _find_psam(connection, terminal_no)
        if found is None:
            raise UnknownKeyError(f"module {terminal_no.hex()}")
        return found

    def move_psam(self, terminal_no: bytes, state: str, at_ms: int, assigned_terminal: str = "") -> IssuedPsam:
        """One step of PSAM_STEPS; `assigned_terminal` names the device from `assigned` on. KeyStateError."""
        with self._engine.begin() as connection:
            known = _find_psam(connection, terminal_no)
            if known is None:
                raise UnknownKeyError(f"module {terminal_no.hex()}")
            _check_step(PSAM_STEPS, known.state, state)
            if state == "assigned" and not assigned_terminal:
                raise KeyStateError("a module is assigned to a named terminal")
            terminal = assigned_terminal or (known.assigned_terminal if state in ("installed", "lost") else "")
            moved = IssuedPsam(known.terminal_no, known.serial, terminal, state)
            same = (psam_rows.c.terminal_no == terminal_no.hex()) & (psam_rows.c.state == known.state)
            change = sa.update(psam_rows).where(same).values(state=state, assigned_terminal=terminal, at_ms=at_ms)
            _change_one(connection, change)
            payload = {"state": state, "terminal": terminal}
            _tell(connection, "psam", terminal_no.hex(), 1, at_ms, payload)
        return moved

    # ---- e-cards ----------------------------------------------------------------------------------------------

    def save_ecard(self, material: EcardMaterial) -> None:
        """Keep the newest authorisation of an e-card."""
        with self._engine.begin() as connection:
            same = ecard_authorisation.c.ecard_serial == material.ecard_serial
            connection.execute(sa.delete(ecard_authorisation).where(same))
            connection.execute(sa.insert(ecard_authorisation).values(**asdict(material)))

    def ecard(self, name: str) -> EcardMaterial:
        """By card id (32 hex), card number (9 characters) or e-card serial (19 digits). UnknownKeyError."""
        table = ecard_authorisation.c
        wanted = (table.card_id == name.lower()) | (table.card_no == name.upper()) | (table.ecard_serial == name)
        query = sa.select(ecard_authorisation).where(wanted).order_by(table.expires_ms.desc())
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise UnknownKeyError("no authorisation for this card")
        return EcardMaterial(**row._mapping)


def read_outbox(engine: Engine, after: int, limit: int) -> list[OutboxRow]:
    """Changes with a position above `after`, in order, at most `limit`."""
    query = sa.select(outbox).where(outbox.c.position > after).order_by(outbox.c.position).limit(limit)
    with engine.connect() as connection:
        return [OutboxRow(**row._mapping) for row in connection.execute(query)]


def _key_values(facts: KeyFacts) -> dict[str, object]:
    return {**asdict(facts), "kcv": facts.kcv.hex()}


def _key_row(row: Row[Any]) -> KeyRow:
    facts = KeyFacts(
        label=row.label,
        version=row.version,
        usage=row.usage,
        algorithm=row.algorithm,
        family=row.family,
        levels=row.levels,
        kcv=bytes.fromhex(row.kcv),
        parent=row.parent,
    )
    return KeyRow(facts, row.state)


def _find_key(connection: Connection, label: str, version: int) -> Row[Any] | None:
    return connection.execute(
        sa.select(key_rows).where(key_rows.c.label == label, key_rows.c.version == version)
    ).first()


def _find_psam(connection: Connection, terminal_no: bytes) -> IssuedPsam | None:
    row = connection.execute(sa.select(psam_rows).where(psam_rows.c.terminal_no == terminal_no.hex())).first()
    if row is None:
        return None
    return IssuedPsam(bytes.fromhex(row.terminal_no), bytes.fromhex(row.serial), row.assigned_terminal, row.state)


def _check_step(steps: dict[str, frozenset[str]], old: str, new: str) -> None:
    if new not in steps.get(old, frozenset()):
        raise KeyStateError(f"no step from {old} to {new}")


def _change_one(connection: Connection, change: sa.Update) -> None:
    if connection.execute(change).rowcount != 1:
        raise KeyStateError("somebody else changed the state at the same time")


def _tell(connection: Connection, kind: str, subject: str, version: int, at_ms: int, payload: dict[str, str]) -> None:
    connection.execute(
        sa.insert(outbox).values(kind=kind, subject=subject, version=version, at_ms=at_ms, payload=payload)
    )
