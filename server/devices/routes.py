"""Enrolment, heartbeat, invitations."""

from fastapi import APIRouter, Request

from server.devices import repository, service
from server.devices.schemas import (
    DeviceAnswer,
    DevicesAnswer,
    EnrolAnswer,
    EnrolForm,
    HeartbeatAnswer,
    HeartbeatForm,
    InviteAnswer,
    InviteForm,
)
from server.facts import repository as facts
from server.http.road import CONSOLE, Call, context_of, pool_of, signature_of, signed
from server.purse import loads

router = APIRouter(tags=["devices"])


@router.post("/devices:enrol")
async def enrol(request: Request, form: EnrolForm) -> EnrolAnswer:
    """A device introduces itself once, with the one-time code it was given."""
    context, proof = context_of(request), await signature_of(request)
    who = service.Introduction(
        form.device_id,
        form.kind,
        form.operator,
        form.site,
        form.place,
        bytes.fromhex(form.public_key),
        form.one_time_code,
        form.psam_no,
    )

    def run() -> EnrolAnswer:
        with context.store.transaction() as session:
            device = service.enrol(context, session, who, proof)
        return EnrolAnswer(
            device_id=device.device_id,
            terminal_no=device.terminal_no,
            list_key=context.centre.list_key().hex(),
            facts_key=context.centre.facts_signer().public.raw().hex(),
            server_time=context.now_ms(),
        )

    return await pool_of(request).run(run)


@router.post("/heartbeat")
async def heartbeat(request: Request, form: HeartbeatForm) -> HeartbeatAnswer:
    """What a device holds and what waits in it; the answer says what it should fetch."""

    def work(call: Call) -> HeartbeatAnswer:
        held = {str(kind): version for kind, version in form.facts.items()}
        state = form.model_dump(include={"pending", "oldest_pending_at", "clock_ms"})
        service.hear(call.context, call.session, call.device, held, state)
        loads.ask_for_proofs(call.context, call.session, call.device)
        newest = facts.versions(call.session)
        wants = sorted(kind for kind, version in newest.items() if held.get(kind, 0) < version)
        return HeartbeatAnswer.model_validate({"server_time": call.context.now_ms(), "wants": wants})

    return await signed(request, (), work)


@router.post("/operator/devices:invite", tags=["operator"])
async def invite(request: Request, form: InviteForm) -> InviteAnswer:
    """A one-time code for a device that is to be enrolled."""

    def work(call: Call) -> InviteAnswer:
        place = (form.operator, form.site, form.place)
        code = service.invite(call.context, call.session, form.device_id, form.kind, place)
        return InviteAnswer(device_id=form.device_id, one_time_code=code)

    return await signed(request, CONSOLE, work)


@router.get("/operator/devices", tags=["operator"])
async def devices(request: Request) -> DevicesAnswer:
    """Every enrolled device and its health."""

    def work(call: Call) -> DevicesAnswer:
        found = repository.everybody(call.session)
        return DevicesAnswer(devices=[DeviceAnswer.model_validate(device) for device in found])

    return await signed(request, CONSOLE, work)
