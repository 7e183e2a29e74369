"""Configuration files: TOML tables read into frozen dataclasses; an unknown key is an error (contract §8)."""

import dataclasses
import tomllib
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")
PROFILES = ("demo", "test", "production")


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key and what to write."""

    code = "E-CONFIG"


def read_toml(path: Path | None) -> dict[str, Any]:
    """The whole file, or {} when `path` is None. Raises ConfigError when it is missing or not TOML."""
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no configuration file {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as bad:
        raise ConfigError(f"{path}: {bad}") from bad


def section(data: dict[str, Any], name: str, kind: type[T]) -> T:
    """Table `name` of `data` as dataclass `kind`; missing keys take the declared defaults."""
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(f"[{name}] must be a table")
    hints = get_type_hints(kind)
    known = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - known)
    if unknown:
        raise ConfigError(f"[{name}] has no key {unknown[0]!r}; known keys: {', '.join(sorted(known))}")
    values = {key: _convert(name, key, value, hints[key]) for key, value in table.items()}
    try:
        return kind(**values)
    except (TypeError, ValueError) as bad:
        raise ConfigError(f"[{name}] {bad}") from bad


def _convert(table: str, key: str, value: object, kind: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind in (int, str, bool) and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise ConfigError(f"[{table}] {key} must be {getattr(kind, '__name__', kind)}")
    if isinstance(value, list):
        return tuple(value)
    return value
