"""The holder's page at a kiosk or counter."""

from fastapi import APIRouter, Request

from server.http.road import Call, signed
from server.kiosk import service
from server.kiosk.schemas import HolderForm, StatementAnswer, UsesAnswer

router = APIRouter(prefix="/kiosk", tags=["kiosk"])
PAGES = ("kiosk", "counter")


@router.post("/statements")
async def statement(request: Request, form: HolderForm) -> StatementAnswer:
    """What was paid and why. The reading is written down."""

    def work(call: Call) -> StatementAnswer:
        found = service.statement(call.context, call.session, call.device, form.card_id, form.pin_verified_at)
        return StatementAnswer.model_validate(found)

    return await signed(request, PAGES, work)


@router.post("/uses")
async def uses(request: Request, form: HolderForm) -> UsesAnswer:
    """Who used my card."""

    def work(call: Call) -> UsesAnswer:
        found = service.uses(call.context, call.session, call.device, form.card_id, form.pin_verified_at)
        return UsesAnswer.model_validate({"uses": found})

    return await signed(request, PAGES, work)
