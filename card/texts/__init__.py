"""Sentences for people, one catalogue per language, keyed by code: `zh/<floor>.toml`, `en/<floor>.toml`."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

LANGUAGES = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Text:
    """One plain sentence and one next step."""

    code: str
    message: str
    next_step: str


class TextMissingError(KeyError):
    """A code without a text: a fault of ours, found by the tidy tests."""


@cache
def catalogue(language: str) -> dict[str, Text]:
    """All texts of one language; raises TextMissingError when two floors claim one code."""
    found: dict[str, Text] = {}
    for entry in sorted(files("card.texts").joinpath(language).iterdir(), key=lambda item: item.name):
        if not entry.name.endswith(".toml"):
            continue
        for code, row in tomllib.loads(entry.read_text("utf-8")).items():
            if code in found:
                raise TextMissingError(f"{code} is written twice in {language}")
            found[code] = Text(code, row["message"], row["next"])
    return found


def text(code: str, language: str) -> Text:
    """The sentence and next step of `code`; raises TextMissingError for an unknown code."""
    try:
        return catalogue(language)[code]
    except KeyError as missing:
        raise TextMissingError(f"{code} has no text in {language}") from missing


def both(code: str) -> str:
    """Chinese first, English beside, then the next step: for a terminal of the command line."""
    zh, en = text(code, "zh"), text(code, "en")
    return f"{code}  {zh.message} {en.message}\n  下一步 {zh.next_step}\n  next   {en.next_step}"
