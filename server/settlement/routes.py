"""The clearing desk: clear a business day, read it again, see what differs."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Request

from card.texts import text
from server.benefit.schemas import Day
from server.http.road import CONSOLE, Call, signed
from server.settlement import clearing, findings
from server.settlement.clearing import ClearingReport
from server.settlement.differences import Found
from server.settlement.schemas import (
    ClearingAnswer,
    ClearingForm,
    ClearingLineAnswer,
    FoundAnswer,
    FoundListAnswer,
)

router = APIRouter(prefix="/api/v1/operator/clearing", tags=["clearing"])


@router.post("")
async def clear(request: Request, form: ClearingForm) -> ClearingAnswer:
    """清分 of everything booked up to that business day; safe to repeat."""

    def work(call: Call) -> ClearingAnswer:
        day, at_ms = date.fromisoformat(form.date), call.context.now_ms()
        return _answer(clearing.clear(call.session, day, bank=form.bank, at_ms=at_ms))

    return await signed(request, CONSOLE, work)


@router.get("/differences")
async def differences(request: Request) -> FoundListAnswer:
    """What reconciliations found and nobody has settled."""
    return await signed(
        request, CONSOLE, lambda call: FoundListAnswer(differences=_found(findings.standing(call.session)))
    )


@router.get("/{day}")
async def read(request: Request, day: Annotated[Day, Path()]) -> ClearingAnswer:
    """The runs of a day."""
    return await signed(request, CONSOLE, lambda call: _answer(clearing.report(call.session, date.fromisoformat(day))))


def _answer(report: ClearingReport) -> ClearingAnswer:
    return ClearingAnswer(
        day=report.day,
        fen=report.fen,
        balanced=report.balanced,
        lines=[ClearingLineAnswer.model_validate(line) for line in report.lines],
        differences=_found(report.differences),
    )


def _found(found: Sequence[Found]) -> list[FoundAnswer]:
    return [
        FoundAnswer(
            **(asdict(item) | {"kind": item.kind.value}),
            message_zh=text(item.kind.value, "zh").message,
            message_en=text(item.kind.value, "en").message,
        )
        for item in found
    ]
