"""Bodies of event intake; the hot path decodes by msgspec, these describe it for the schema."""

from typing import Literal

from pydantic import Field

from server.http.forms import Answer, Form, Hex6, Hex8, Hex32, Hex64, Name


class UploadForm(Form):
    """`events` are canonical event texts in order; `chain` the SM3 of the last; `signature` SM2 over
    terminal, epoch, first, last and chain."""

    terminal: Hex6
    epoch: Hex8
    first: int = Field(ge=1)
    last: int = Field(ge=1)
    chain: Hex32
    events: list[str] = Field(min_length=1)
    signature: Hex64


class ResultAnswer(Answer):
    seq: int
    verdict: Literal["accepted", "duplicate", "conflict", "suspect", "rejected"]
    code: str


class UploadAnswer(Answer):
    """`gaps`: holes of the epoch as [first missing, last missing]; they refuse nothing."""

    results: list[ResultAnswer]
    gaps: list[tuple[int, int]]


class TroubleAnswer(Answer):
    """An event a person should look at."""

    event: Name
    type: str
    at: int
    verdict: str
    code: str
    difference: str


class TroublesAnswer(Answer):
    events: list[TroubleAnswer]
