"""Facts for devices, and their publication by the desk."""

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from server.catalogue import service as catalogue
from server.devices import repository as devices
from server.devices.schemas import FactsKind
from server.facts import service
from server.facts.schemas import FactsAnswer, PublishAnswer, PublishForm
from server.http.forms import Count
from server.http.road import CONSOLE, Call, signed

router = APIRouter(tags=["facts"])


@router.get("/facts/{kind}", response_model=FactsAnswer, responses={204: {"description": "nothing newer"}})
async def bundle(request: Request, kind: FactsKind, have: Count = 0) -> Response:
    """The newest bundle of a kind; asking with `have` acknowledges that version."""

    def work(call: Call) -> dict[str, Any] | None:
        if have:
            devices.acknowledge(call.session, call.device.device_id, kind, have, call.context.now_ms())
        if kind == catalogue.KIND:
            catalogue.keep_current(call.context, call.session)
        return service.bundle(call.context, call.session, kind, have)

    found = await signed(request, (), work)
    return JSONResponse(found) if found is not None else Response(status_code=204)


@router.post("/operator/facts/{kind}", tags=["operator"])
async def publish(request: Request, kind: Literal["tariff", "policy", "trust"], form: PublishForm) -> PublishAnswer:
    """Publish a tariff, policy or trust list."""

    def work(call: Call) -> PublishAnswer:
        return PublishAnswer(kind=kind, version=service.publish(call.context, call.session, kind, form.entries))

    return await signed(request, CONSOLE, work)
