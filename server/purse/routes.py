"""Purse loads."""

from fastapi import APIRouter, Request

from server.http.forms import Hex16
from server.http.road import Call, signed
from server.purse import loads, unloads
from server.purse.schemas import (
    CreditAnswer,
    CreditForm,
    FinishAnswer,
    FinishForm,
    LoadAnswer,
    LoadForm,
    UnloadAnswer,
    UnloadEndForm,
    UnloadForm,
)

router = APIRouter(prefix="/purse", tags=["purse"])
# Purses are loaded where the holder stands at a machine or a counter.
LOADERS = ("kiosk", "counter")


@router.post("/loads")
async def start(request: Request, form: LoadForm) -> LoadAnswer:
    """Check MAC1, hold the money, give MAC2."""

    def work(call: Call) -> LoadAnswer:
        wish = loads.LoadWish(**form.model_dump(exclude={"terminal_time"}))
        load = loads.start(call.context, call.session, call.device, wish)
        return LoadAnswer(load_id=load.load_id, date=load.card_date, time=load.card_time, mac2=load.mac2)

    return await signed(request, LOADERS, work)


@router.post("/loads/{load_id}:finish")
async def finish(request: Request, load_id: Hex16, form: FinishForm) -> FinishAnswer:
    """How the load ended, by the card's TAC or by its unmoved sequence."""

    def work(call: Call) -> FinishAnswer:
        end = loads.LoadEnd(form.result, form.tac, form.balance_after, form.online_seq_after)
        return FinishAnswer.model_validate({"state": loads.finish(call.context, call.session, load_id, end)})

    return await signed(request, LOADERS, work)


@router.post("/credits")
async def credit(request: Request, form: CreditForm) -> CreditAnswer:
    """What waits for a purse."""

    def work(call: Call) -> CreditAnswer:
        return CreditAnswer(asn=form.asn, amount=max(0, loads.waiting_credit(call.session, form.asn)))

    return await signed(request, LOADERS, work)


@router.post("/unloads")
async def start_unload(request: Request, form: UnloadForm) -> UnloadAnswer:
    """Check MAC1, give MAC2: money on its way from an old card to its new one, or back."""

    def work(call: Call) -> UnloadAnswer:
        wish = unloads.UnloadWish(**form.model_dump())
        unload = unloads.start(call.context, call.session, call.device, wish)
        return UnloadAnswer(unload_id=unload.unload_id, date=unload.card_date, time=unload.card_time, mac2=unload.mac2)

    return await signed(request, LOADERS, work)


@router.post("/unloads/{unload_id}:finish")
async def finish_unload(request: Request, unload_id: Hex16, form: UnloadEndForm) -> FinishAnswer:
    """How the unload ended, by the card's MAC3 or by its unmoved sequence."""

    def work(call: Call) -> FinishAnswer:
        state = unloads.finish(call.context, call.session, unload_id, form.mac3, form.online_seq_after)
        return FinishAnswer.model_validate({"state": state})

    return await signed(request, LOADERS, work)
