"""Certification at the desk."""

from fastapi import APIRouter, Request

from server.eligibility import service
from server.eligibility.schemas import CertificateAnswer, CertificateForm
from server.http.road import CONSOLE, Call, signed

router = APIRouter(prefix="/api/v1/operator/eligibility", tags=["eligibility"])


@router.post("/certificates")
async def certify(request: Request, form: CertificateForm) -> CertificateAnswer:
    """领取待遇资格认证 of today, good for twelve months; taps of the card are no evidence."""

    def work(call: Call) -> CertificateAnswer:
        valid_to = service.certify(call.session, **form.model_dump(), at_ms=call.context.now_ms())
        return CertificateAnswer(person_id=form.person_id, item=form.item, valid_to=valid_to)

    return await signed(request, CONSOLE, work)
