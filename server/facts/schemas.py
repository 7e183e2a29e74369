"""Bodies of facts."""

from typing import Any

from server.http.forms import Answer, Count, Form, Instant


class FactsHeaderAnswer(Answer):
    """`base` 0: whole list, else the version this difference builds on."""

    v: int
    kind: str
    region: str
    version: Count
    base: Count
    issued_at: Instant
    max_age_s: Count


class FactsAnswer(Answer):
    """A signed bundle; `signature` is SM2 over the canonical header and entries."""

    header: FactsHeaderAnswer
    entries: Any
    signature: str


class PublishForm(Form):
    """The whole list of a kind."""

    entries: list[dict[str, Any]]


class PublishAnswer(Answer):
    kind: str
    version: Count
