"""Status words for people: name, sentence and next step in both languages. Data: status_words.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from card.apdu import SW, sw_name
from card.errors import (
    AccessDeniedError,
    CardError,
    PinBlockedError,
    PinError,
    PinInitialError,
    ProofMissingError,
    PurseFundsError,
    PurseLimitError,
    PurseMacError,
    UnexpectedSwError,
)
from keys.errors import KeysError

# Errors that stand for one status word and no longer carry it.
_STANDS_FOR: dict[type[Exception], SW] = {
    AccessDeniedError: SW.SECURITY_NOT_SATISFIED,
    PinBlockedError: SW.METHOD_BLOCKED,
    PinInitialError: SW.CONDITIONS_NOT_SATISFIED,
    PurseFundsError: SW.INSUFFICIENT_FUNDS,
    PurseLimitError: SW.COUNTER_LIMIT,
    PurseMacError: SW.MAC_WRONG,
    ProofMissingError: SW.PROOF_NOT_AVAILABLE,
}
_TRIES = 0x63C0


@dataclass(frozen=True, slots=True)
class StatusWord:
    """`name` as in logs: `6A82 FILE NOT FOUND`."""

    sw: int
    name: str
    zh: str
    en: str
    next_zh: str
    next_en: str


def explain(sw: int) -> StatusWord:
    """What `sw` means; also for one that was never seen."""
    row = _table()[next(key for key in _keys(sw) if key in _table())]
    tries = str(sw & 0xF) if sw & 0xFFF0 == _TRIES else "x"
    zh, en = row["zh"].replace(" x ", f" {tries} "), row["en"].replace("x tries", f"{tries} tries")
    return StatusWord(sw, sw_name(sw), zh, en, row["next_zh"], row["next_en"])


def status_word_of(trouble: CardError | KeysError) -> int | None:
    """The status word behind an error, None where there is none."""
    sw = getattr(trouble, "sw", None)
    if isinstance(trouble, UnexpectedSwError) or (isinstance(sw, int) and sw):
        return sw
    if isinstance(trouble, PinError):
        return _TRIES | (trouble.tries_left & 0xF)
    return next((int(word) for kind, word in _STANDS_FOR.items() if isinstance(trouble, kind)), None)


def _keys(sw: int) -> tuple[str, ...]:
    text = f"{sw:04X}"
    return (text, f"{text[:3]}x" if text[:3] == "63C" else text, f"{text[:2]}xx", "xxxx")


@cache
def _table() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("terminal").joinpath("status_words.toml").read_text("utf-8"))
