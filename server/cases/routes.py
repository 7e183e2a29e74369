"""Deaths: recorded once, everything stopped, wrong ones taken back."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Request

from server.cases import service
from server.cases.schemas import DeathAnswer, DeathForm, WithdrawForm
from server.cases.service import DeathNotice
from server.context import Context
from server.http.road import CONSOLE, Call, attended, signed

router = APIRouter(prefix="/api/v1/operator/deaths", tags=["deaths"])
NoticeId = Annotated[str, Path(pattern=r"^DN[\w.-]+$", max_length=80)]


@router.post("")
async def receive(request: Request, form: DeathForm) -> DeathAnswer:
    """Card, code, purse and next payment stop; what was paid too long is named. Safe to repeat."""

    def work(context: Context, _device: object) -> DeathAnswer:
        day = date.fromisoformat(form.date)
        notice = DeathNotice(form.id_no, form.name, day, form.source, form.actor)
        return DeathAnswer.model_validate(service.receive_here(context, notice))

    return await attended(request, CONSOLE, work)


@router.get("/{notice_id}")
async def read(request: Request, notice_id: NoticeId) -> DeathAnswer:
    """What a notice stopped, when, and what is owed."""
    return await signed(request, CONSOLE, lambda call: _view(call, notice_id))


@router.post("/{notice_id}:withdraw")
async def withdraw(request: Request, notice_id: NoticeId, form: WithdrawForm) -> DeathAnswer:
    """The person lives."""

    def work(context: Context, _device: object) -> DeathAnswer:
        found = service.withdraw(context.store, notice_id, actor=form.actor, why=form.why, clock=context.clock)
        return DeathAnswer.model_validate(found)

    return await attended(request, CONSOLE, work)


def _view(call: Call, notice_id: str) -> DeathAnswer:
    return DeathAnswer.model_validate(service.view(call.session, notice_id))
