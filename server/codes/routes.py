"""Codes that need the line."""

from fastapi import APIRouter, Request

from server.codes import service
from server.codes.schemas import CheckAnswer, CheckForm, RedeemAnswer, RedeemForm, TokenAnswer, TokenForm
from server.http.road import CONSOLE, Call, signed

router = APIRouter(tags=["codes"])


@router.post("/codes:check")
async def check(request: Request, form: CheckForm) -> CheckAnswer:
    """Has this offline code been seen before, here or elsewhere?"""

    def work(call: Call) -> CheckAnswer:
        return CheckAnswer.model_validate(
            service.check(call.session, form.replay_key, call.device.terminal_no, form.at)
        )

    return await signed(request, (), work)


@router.post("/codes:redeem")
async def redeem(request: Request, form: RedeemForm) -> RedeemAnswer:
    """Turn an online token into a person's rights, once."""

    def work(call: Call) -> RedeemAnswer:
        found = service.redeem(call.context, call.session, call.device, form.token, form.business_type)
        return RedeemAnswer.model_validate(found)

    return await signed(request, (), work)


@router.post("/operator/codes:token", tags=["operator"])
async def token(request: Request, form: TokenForm) -> TokenAnswer:
    """An online token for a holder who has identified himself to the desk (the phone's own way is a later release)."""

    def work(call: Call) -> TokenAnswer:
        text, expires = service.issue(call.context, call.session, form.card_id)
        return TokenAnswer(token=text, expires=expires)

    return await signed(request, CONSOLE, work)
