"""Shapes of a notice of death. Fen; times ms UTC; days YYYYMMDD."""

from typing import Annotated

from pydantic import Field

from server.benefit.schemas import Day
from server.http.forms import Answer, Form, Name

Words = Annotated[str, Field(min_length=1, max_length=200)]


class DeathForm(Form):
    """`source` names who tells; `actor` the natural person who records it."""

    id_no: Annotated[str, Field(min_length=1, max_length=30, repr=False)]
    name: Annotated[str, Field(min_length=1, max_length=75, repr=False)]
    date: Day
    source: Words
    actor: Name = "desk"


class WithdrawForm(Form):
    actor: Name
    why: Words


class StopAnswer(Answer):
    kind: str
    subject: str
    at_ms: int
    fen: int
    note: str
    undone: bool


class DeathAnswer(Answer):
    notice_id: str
    person_id: str
    died_on: str
    received_at: int
    withdrawn: bool
    owed_fen: int
    heirs_fen: int
    case_id: str
    stops: list[StopAnswer]
