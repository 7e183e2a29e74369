"""Device memory in a SQLite file of its own, full sync."""

import sqlite3
import threading
from pathlib import Path

from terminal.errors import JournalError


class SqliteMemory:
    """Implements `Memory`."""

    def __init__(self, path: Path | str) -> None:
        """Open or make the file. JournalError when it is no database."""
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS memory(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
            )
        except sqlite3.DatabaseError as bad:
            raise JournalError(f"{path}: {bad}") from bad

    def get(self, name: str) -> bytes | None:
        with self._lock:
            row = self._db.execute("SELECT value FROM memory WHERE name=?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, name: str, value: bytes) -> None:
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO memory VALUES(?, ?)", (name, value))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
