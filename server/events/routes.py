"""Event intake: signed once per batch, judged, stored in a group, then carried into the books."""

import msgspec
from fastapi import APIRouter, Request, Response

from server.events import intake, repository
from server.events.carrier import Carrier
from server.events.schemas import TroublesAnswer, UploadAnswer, UploadForm
from server.events.store import Batch, EventStore, Receipt
from server.http.road import CONSOLE, Call, context_of, pool_of, signed

router = APIRouter(tags=["events"])
TROUBLES = 200
BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": UploadForm.model_json_schema()}}}}


@router.post("/events:batch", response_model=UploadAnswer, openapi_extra=BODY)
async def upload(request: Request) -> Response:
    """Events of one journal. Idempotent: sending again is harmless; only accepted and duplicate may be dropped."""
    context, pool = context_of(request), pool_of(request)
    body = await request.body()

    def judge() -> Batch:
        offered = intake.read_upload(body)
        with context.store.reading() as session:
            return intake.judge(context, session, offered)

    batch = await pool.run(judge)
    store: EventStore = request.app.state.events
    receipt = await store.add(batch)
    carrier: Carrier = request.app.state.carrier
    await carrier.stored()
    return Response(_body(receipt), media_type="application/json")


@router.get("/operator/events/troubled", tags=["operator"])
async def troubled(request: Request) -> TroublesAnswer:
    """Suspect events, conflicts, and differences from the registry, newest first."""

    def work(call: Call) -> TroublesAnswer:
        return TroublesAnswer.model_validate({"events": repository.troubled(call.session, TROUBLES)})

    return await signed(request, CONSOLE, work)


def _body(receipt: Receipt) -> bytes:
    results = [{"seq": r.seq, "verdict": r.verdict.value, "code": r.code} for r in receipt.results]
    return msgspec.json.encode({"results": results, "gaps": receipt.gaps})
