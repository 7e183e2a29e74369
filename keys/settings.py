"""Where the key store of this installation is: table `[keys]` of the configuration.

The demonstration's keys come from a seed that is kept beside the data, so that the processes of one run, and commands
typed afterwards, meet the same test tree. A file with a seed is a stand-in like the store it opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from card.config import PROFILES, ConfigError, read_toml, section
from keys.algorithms.sm3 import sm3
from keys.errors import ProductionRefusedError
from keys.hsm_software import PRODUCTION, SoftwareHsm

DEFAULT_CONFIG: Final = Path("onecard.toml")
_SEED_FILE: Final = "test-keys.seed"
_OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True)
class KeysConfig:
    """`database` "" means `data_dir`/keys.db."""

    data_dir: Path = Path("var")
    profile: str = "demo"
    database: str = ""

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ConfigError(f"profile must be one of {', '.join(PROFILES)}")

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data_dir / 'keys.db'}"

    @property
    def seed_path(self) -> Path:
        return self.data_dir / _SEED_FILE


def load_config(path: Path | None) -> KeysConfig:
    """From `path`, else ./onecard.toml, else built-in defaults. ConfigError."""
    if path is None and DEFAULT_CONFIG.exists():
        path = DEFAULT_CONFIG
    return section(read_toml(path), "keys", KeysConfig)


def seed_from_number(number: int) -> bytes:
    """The 32-byte seed of the test tree of run `--seed number`."""
    return sm3(b"onecard test tree seed 1:%d" % number)


def keep_test_seed(config: KeysConfig, seed: bytes) -> None:
    """Write the seed beside the data, readable by its owner only. ProductionRefusedError."""
    if config.profile == PRODUCTION:
        raise ProductionRefusedError("a seed file is a stand-in")
    config.data_dir.mkdir(parents=True, exist_ok=True)
    config.seed_path.touch(mode=_OWNER_ONLY)
    config.seed_path.chmod(_OWNER_ONLY)
    config.seed_path.write_text(seed.hex() + "\n", "ascii")


def open_test_store(config: KeysConfig) -> SoftwareHsm:
    """The stand-in store of the kept seed; without one, of seed number 0. ConfigError, ProductionRefusedError."""
    if not config.seed_path.exists():
        return SoftwareHsm.from_seed(seed_from_number(0), config.profile)
    try:
        seed = bytes.fromhex(config.seed_path.read_text("ascii"))
    except ValueError as error:
        raise ConfigError("the kept seed is not hexadecimal") from error
    return SoftwareHsm.from_seed(seed, config.profile)
