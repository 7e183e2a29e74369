"""Shapes of the payment desk. Amounts fen, dates YYYYMMDD, periods YYYYMM; `actor` is the natural person who acts."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from server.benefit.repay import Correction
from server.benefit.roll import Programme, Roll, RollEntry
from server.http.forms import Answer, Count, Form, Name, Text


def calendar_day(text: str) -> str:
    """ValueError unless `text` is a day of the calendar, YYYYMMDD."""
    date.fromisoformat(text)
    return text


Day = Annotated[str, Field(pattern=r"^[0-9]{8}$"), AfterValidator(calendar_day)]
Period = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
Fen = Annotated[int, Field(gt=0, lt=1 << 53)]
Item = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,20}$")]
Words = Annotated[str, Field(min_length=1, max_length=200)]
Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$", max_length=40_000_000)]


class ProgrammeForm(Form):
    code: Item
    name: Words
    document_no: Words
    budget_fen: Fen
    standard_fen: Fen
    ceiling_fen: Fen
    valid_from: Day
    valid_to: Day
    summary: Words
    excludes: list[Item] = Field(default_factory=list)
    needs_certificate: bool = False
    disclosure_days: Annotated[int, Field(ge=0, le=365)] = 7

    def programme(self) -> Programme:
        return Programme(**(self.model_dump() | {"excludes": tuple(self.excludes)}))


class EntryForm(Form):
    id_no: Annotated[str, Field(min_length=1, max_length=30)]
    name: Annotated[str, Field(min_length=1, max_length=75)]
    fen: Fen
    quantity: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    household: Text = ""
    account: Annotated[str, Field(pattern=r"^[0-9]{0,32}$")] = ""


class RollForm(Form):
    actor: Name
    programme: Item
    period: Period
    count: Count
    total_fen: Count
    entries: Annotated[list[EntryForm], Field(max_length=50_000)]

    def roll(self) -> Roll:
        entries = tuple(RollEntry(**entry.model_dump()) for entry in self.entries)
        return Roll(self.programme, self.period, entries, self.count, self.total_fen)


class StepForm(Form):
    """`on` and `proof` belong to publicize, `value_date` to release, `why` to reject, recall and authorise."""

    actor: Name
    on: Day | None = None
    proof: Text = ""
    value_date: Day | None = None
    why: Text = ""


class CorrectionForm(Form):
    e2e_id: Name
    evidence: Words
    name: Annotated[str, Field(max_length=75)] = ""
    bank: Annotated[str, Field(pattern=r"^([0-9]{3})?$")] = ""
    account: Annotated[str, Field(pattern=r"^[0-9]{0,32}$")] = ""
    confirmed: bool = False

    def correction(self) -> Correction:
        return Correction(**self.model_dump())


class RepayForm(Form):
    actor: Name
    corrections: Annotated[list[CorrectionForm], Field(min_length=1, max_length=5_000)]


class FileForm(Form):
    """A return file brought by hand. `bank` empty: the dialect that reads it decides."""

    name: Words
    raw: Hex
    bank: Annotated[str, Field(pattern=r"^([0-9]{3})?$")] = ""


class DaysForm(Form):
    first: Day


class MoveAnswer(Answer):
    at_ms: int
    old: str
    new: str
    code: str
    source: str
    note: str


class LineAnswer(Answer):
    e2e_id: str
    line_no: int
    person_id: str
    bank: str
    account_tail: str
    fen: int
    state: str
    rule: str
    code: str
    note: str
    repay_of: str
    repaid_by: str
    moves: list[MoveAnswer]


class BatchAnswer(Answer):
    batch_no: str
    programme: str
    period: str
    kind: str
    state: str
    count: int
    total_fen: int
    people: dict[str, str]
    files: list[str]
    states: dict[str, tuple[int, int]]


class BatchesAnswer(Answer):
    batches: list[BatchAnswer]


class StoriesAnswer(Answer):
    lines: list[LineAnswer]


class ImportAnswer(Answer):
    """`accepted` false: nothing was changed; `fault`, `line` and `why` say where and why, the texts what to do."""

    bank: str
    name: str
    accepted: bool
    repeated: bool
    batch_no: str
    changed: dict[str, int]
    missing: list[str]
    fault: str
    line: int
    why: str
    message_zh: str = ""
    message_en: str = ""
    next_step_zh: str = ""
    next_step_en: str = ""


class ImportsAnswer(Answer):
    files: list[ImportAnswer]


class SentAnswer(Answer):
    """File name -> handed over."""

    files: dict[str, bool]


class QueriedAnswer(Answer):
    """Line -> state after asking its bank."""

    lines: dict[str, str]


class DifferenceAnswer(Answer):
    kind: str
    subject: str
    ours: int
    theirs: int
    note: str


class DifferencesAnswer(Answer):
    differences: list[DifferenceAnswer]


class PersonLineAnswer(Answer):
    e2e_id: str
    at_ms: int
    fen: int
    state: str
    code: str
    programme: str
    document_no: str
    period: str
    why_zh: str
    why_en: str
    next_zh: str
    next_en: str


class PersonLinesAnswer(Answer):
    lines: list[PersonLineAnswer]
