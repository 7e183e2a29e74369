"""Configuration of the server process: `[server]` of the configuration file."""

from dataclasses import dataclass, field
from pathlib import Path

from card.config import PROFILES, ConfigError


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Times in seconds (`_s`) or ms (`_ms`). `database` "" means `data_dir`/server.db; PostgreSQL by URL.

    `issuance` is the issuance store's URL ("" = `data_dir`/issuance.db when that file exists). `console_code` enrols
    the first console once. `worker_threads` 0 runs everything on the caller's thread: in-process worlds.
    """

    data_dir: Path = Path("var")
    database: str = ""
    issuance: str = ""
    profile: str = "demo"
    region: str = "460100"
    host: str = "127.0.0.1"
    port: int = 8460
    workers: int = 1
    worker_threads: int = 8
    console_code: str = field(default="", repr=False)
    request_window_s: int = 300
    hotlist_max_age_s: int = 3 * 86_400
    facts_max_age_s: int = 30 * 86_400
    load_silence_s: int = 120
    batch_limit: int = 1000
    carry: str = "inline"

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ConfigError(f"profile must be one of {', '.join(PROFILES)}")
        if self.workers < 1 or self.worker_threads < 0 or self.batch_limit < 1:
            raise ConfigError("workers, worker_threads and batch_limit must be positive")
        if self.carry not in ("inline", "background"):
            raise ConfigError("carry must be inline (books before the answer) or background (behind it)")
        if self.profile == "production" and self.is_sqlite and self.workers > 1:
            raise ConfigError("production refuses SQLite with several workers: set [server] database to PostgreSQL")

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data_dir / 'server.db'}"

    @property
    def issuance_url(self) -> str:
        """URL of the issuance store, "" when there is none here."""
        path = self.data_dir / "issuance.db"
        return self.issuance or (f"sqlite:///{path}" if path.exists() else "")

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")
