"""Shapes of the clearing desk. Fen; days YYYYMMDD."""

from typing import Annotated

from pydantic import Field

from server.benefit.schemas import Day
from server.http.forms import Answer, Form


class ClearingForm(Form):
    """`bank` holds the operators' money."""

    date: Day
    bank: Annotated[str, Field(pattern=r"^[0-9]{3}$")] = "102"


class ClearingLineAnswer(Answer):
    """One run; `days` splits it by the business day of the taps."""

    operator: str
    day: str
    run: int
    count: int
    fen: int
    journal_fen: int
    bank: str
    settled: bool
    days: dict[str, int]


class FoundAnswer(Answer):
    kind: str
    subject: str
    ours: int
    theirs: int
    note: str
    message_zh: str
    message_en: str


class ClearingAnswer(Answer):
    day: str
    fen: int
    balanced: bool
    lines: list[ClearingLineAnswer]
    differences: list[FoundAnswer]


class FoundListAnswer(Answer):
    differences: list[FoundAnswer]
