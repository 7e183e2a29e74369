"""The operator's desk: every request is signed by a console."""

from dataclasses import asdict
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import PlainTextResponse

from card.domain.clock import business_date
from server.audit import service as audit
from server.catalogue import service as catalogue
from server.desk import service
from server.desk.schemas import (
    BalancesAnswer,
    CardAnswer,
    CatalogueAnswer,
    CatalogueForm,
    DayAnswer,
    InvariantsAnswer,
    LossForm,
    ReasonForm,
    ReplaceAnswer,
    ReplaceForm,
    SyncAnswer,
    UsesAnswer,
)
from server.facts import repository as facts
from server.http.forms import Hex16, Text
from server.http.road import CONSOLE, Call, attended, signed
from server.ledger import service as ledger
from server.purse import accounts, lost
from server.registry import service as registry

router = APIRouter(prefix="/operator", tags=["operator"])


@router.post("/sync")
async def sync(request: Request) -> SyncAnswer:
    """Take over issuance's outbox now, release lost money whose time has come, send waiting stays."""
    return await attended(request, CONSOLE, lambda context, _: SyncAnswer.model_validate(service.sync(context)))


@router.post("/cards/{card_id}:report-loss")
async def report_loss(request: Request, card_id: Hex16, form: LossForm) -> SyncAnswer:
    """挂失: card, purse and code are refused after the next sync of a terminal."""
    return await attended(
        request,
        CONSOLE,
        lambda context, device: SyncAnswer.model_validate(
            service.report_loss(context, device.device_id, card_id, form.kind)
        ),
    )


@router.post("/cards/{card_id}:unloss")
async def unloss(request: Request, card_id: Hex16, form: ReasonForm) -> SyncAnswer:
    """解挂."""
    reason = form.reason or "unloss"
    return await attended(
        request,
        CONSOLE,
        lambda context, device: SyncAnswer.model_validate(
            service.operate(context, device.device_id, card_id, "unloss", lambda life: life.unloss(card_id, reason))
        ),
    )


@router.post("/cards/{card_id}:enable")
async def enable(request: Request, card_id: Hex16) -> SyncAnswer:
    """启用. A predecessor ends in the same step."""
    return await attended(
        request,
        CONSOLE,
        lambda context, device: SyncAnswer.model_validate(
            service.operate(context, device.device_id, card_id, "enable", lambda life: life.enable(card_id))
        ),
    )


@router.post("/cards/{card_id}:replace")
async def replace(request: Request, card_id: Hex16, form: ReplaceForm) -> ReplaceAnswer:
    """Order a new card in the place of this one."""
    return await attended(
        request,
        CONSOLE,
        lambda context, _: ReplaceAnswer(
            order_id=service.lifecycle(context).replace(card_id, form.clerk, form.reason, form.bank)
        ),
    )


@router.get("/cards/{card_id}")
async def card(request: Request, card_id: Hex16) -> CardAnswer:
    """State of a card, its purse's book and the list. The reading is written down."""

    def work(call: Call) -> CardAnswer:
        found = registry.card(call.session, card_id)
        audit.log(call.context, call.session, actor=call.device.device_id, action="read", card=found, detail="desk")
        since = facts.named_since(call.session, card_id)
        return CardAnswer.model_validate(
            {name: getattr(found, name) for name in CardAnswer.model_fields if hasattr(found, name)}
            | {
                "purse_book_balance": accounts.held(call.session, accounts.purse(found.asn)),
                "lost_balance": accounts.held(call.session, accounts.lost(found.asn)),
                "waiting_credit": accounts.held(call.session, accounts.transfer(found.asn)),
                "listed_since": since or 0,
                "waiting_for": lost.blind(call.context, call.session, found) if since else (),
            }
        )

    return await signed(request, CONSOLE, work)


@router.get("/cards/{card_id}/uses")
async def uses(request: Request, card_id: Hex16) -> UsesAnswer:
    """Who used or read the cards of this card's holder."""

    def work(call: Call) -> UsesAnswer:
        found = registry.card(call.session, card_id)
        audit.log(call.context, call.session, actor=call.device.device_id, action="read", card=found, detail="uses")
        return UsesAnswer.model_validate({"uses": audit.who_used(call.session, found.person_id)})

    return await signed(request, CONSOLE, work)


@router.get("/catalogue")
async def read_catalogue(request: Request) -> CatalogueAnswer:
    """The newest version."""

    def work(call: Call) -> CatalogueAnswer:
        version, items = catalogue.current(call.session)
        return CatalogueAnswer(version=version, items=[asdict(item) for item in items])

    return await signed(request, CONSOLE, work)


@router.post("/catalogue")
async def publish_catalogue(request: Request, form: CatalogueForm) -> CatalogueAnswer:
    """Publish a new version; published versions never change."""

    def work(call: Call) -> CatalogueAnswer:
        items = catalogue.read_items(form.items)
        version = catalogue.publish(call.context, call.session, items, call.device.device_id)
        return CatalogueAnswer(version=version, items=[asdict(item) for item in items])

    return await signed(request, CONSOLE, work)


@router.get("/invariants")
async def invariants(request: Request) -> InvariantsAnswer:
    """What must hold at any moment, with the figures behind it."""
    return await attended(
        request,
        CONSOLE,
        lambda context, _: InvariantsAnswer.model_validate({"invariants": service.invariants(context)}),
    )


@router.get("/ledger/balances")
async def balances(request: Request, prefix: Text = "") -> BalancesAnswer:
    """Sums of accounts whose names begin with `prefix`."""

    def work(call: Call) -> BalancesAnswer:
        return BalancesAnswer(balances={name: int(fen) for name, fen in ledger.balances(call.session, prefix).items()})

    return await signed(request, CONSOLE, work)


@router.post("/ledger/days/{day}:close")
async def close_day(request: Request, day: Annotated[date, Path()]) -> DayAnswer:
    """日切: seal a past business day under its Merkle root; nothing is booked on it after. Again, the same root."""

    def work(call: Call) -> DayAnswer:
        if day >= business_date(call.context.clock.now()):
            raise service.DayNotOverError(day.isoformat())
        return DayAnswer(day=day.isoformat(), root=ledger.close_day(call.session, day.isoformat()).hex())

    return await signed(request, CONSOLE, work)


@router.get("/ledger/journal", response_class=PlainTextResponse)
async def journal(request: Request) -> PlainTextResponse:
    """The whole book as a journal that hledger reads."""
    return PlainTextResponse(await signed(request, CONSOLE, lambda call: "".join(ledger.export_hledger(call.session))))
