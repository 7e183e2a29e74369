"""Notices for devices."""

from fastapi import APIRouter, Request

from server.http.forms import Count
from server.http.road import Call, signed
from server.notices import service
from server.notices.schemas import NoticesAnswer

router = APIRouter(tags=["notices"])


@router.get("/notices")
async def notices(request: Request, after: Count = 0) -> NoticesAnswer:
    """Notices behind position `after`, which acknowledges those up to it."""

    def work(call: Call) -> NoticesAnswer:
        found = service.fetch(call.context, call.session, call.device.device_id, after)
        return NoticesAnswer.model_validate({"notices": found})

    return await signed(request, (), work)
