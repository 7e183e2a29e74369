"""The payment desk. Every step is signed by a console and names the natural person who takes it."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Request

from card.domain.clock import business_date, from_ms, to_ms
from card.texts import text
from server.benefit import repay, sending, service, steps, unknown
from server.benefit.book import RegistryBook
from server.benefit.exchange import Taken, collect_returns, take_file
from server.benefit.prepare import prepare
from server.benefit.schemas import (
    BatchAnswer,
    BatchesAnswer,
    DaysForm,
    DifferenceAnswer,
    DifferencesAnswer,
    FileForm,
    ImportAnswer,
    ImportsAnswer,
    PersonLinesAnswer,
    ProgrammeForm,
    QueriedAnswer,
    RepayForm,
    RollForm,
    SentAnswer,
    StepForm,
    StoriesAnswer,
)
from server.cases import service as cases
from server.context import Context
from server.database import Session
from server.http.road import CONSOLE, Call, attended, signed
from server.settlement.reconcile import days_until_today, reconcile_batch

router = APIRouter(prefix="/api/v1/operator/benefit", tags=["benefit"])
BatchNo = Annotated[str, Path(pattern=r"^PB[0-9]{12}$")]
LineId = Annotated[str, Path(pattern=r"^PB[0-9]{22}$")]


@router.post("/programmes")
async def create_programme(request: Request, form: ProgrammeForm) -> ProgrammeForm:
    """Record an item with its document number, budget and standard. The same again changes nothing."""

    def work(call: Call) -> ProgrammeForm:
        service.create_programme(call.session, form.programme())
        return form

    return await signed(request, CONSOLE, work)


@router.post("/batches")
async def prepare_batch(request: Request, form: RollForm) -> BatchAnswer:
    """编制: a roll becomes judged lines."""

    def work(call: Call) -> BatchAnswer:
        book, at_ms = RegistryBook(call.session), call.context.now_ms()
        batch = prepare(call.session, book, form.roll(), actor=form.actor, at_ms=at_ms)
        return _batch(call.session, batch.batch_no)

    return await signed(request, CONSOLE, work)


@router.get("/batches")
async def batches(request: Request) -> BatchesAnswer:
    """Every batch and how its lines stand."""

    def work(call: Call) -> BatchesAnswer:
        return BatchesAnswer(batches=[BatchAnswer.model_validate(view) for view in service.views(call.session)])

    return await signed(request, CONSOLE, work)


@router.get("/batches/{batch_no}/lines")
async def lines(request: Request, batch_no: BatchNo) -> StoriesAnswer:
    """Every line with its whole life."""
    return await signed(
        request,
        CONSOLE,
        lambda call: StoriesAnswer.model_validate({"lines": service.stories(call.session, batch_no)}),
    )


@router.post("/batches/{batch_no}:publicize")
async def publicize(request: Request, batch_no: BatchNo, form: StepForm) -> BatchAnswer:
    """公示: since which day, with what proof."""
    return await _step(
        request,
        batch_no,
        lambda session, at_ms: steps.publicize(
            session, batch_no, actor=form.actor, on=form.on or "", proof=form.proof, at_ms=at_ms
        ),
    )


@router.post("/batches/{batch_no}:check")
async def check(request: Request, batch_no: BatchNo, form: StepForm) -> BatchAnswer:
    """复核 by another person."""
    return await _step(
        request, batch_no, lambda session, at_ms: steps.check(session, batch_no, actor=form.actor, at_ms=at_ms)
    )


@router.post("/batches/{batch_no}:approve")
async def approve(request: Request, batch_no: BatchNo, form: StepForm) -> BatchAnswer:
    """财政审核 by a further person."""
    return await _step(
        request, batch_no, lambda session, at_ms: steps.approve(session, batch_no, actor=form.actor, at_ms=at_ms)
    )


@router.post("/batches/{batch_no}:release")
async def release(request: Request, batch_no: BatchNo, form: StepForm) -> BatchAnswer:
    """签发 by a further person."""

    def step(session: Session, at_ms: int) -> None:
        day = form.value_date or f"{business_date(from_ms(at_ms)):%Y%m%d}"
        steps.release(session, batch_no, actor=form.actor, value_date=day, at_ms=at_ms)

    return await _step(request, batch_no, step)


@router.post("/batches/{batch_no}:reject")
async def reject(request: Request, batch_no: BatchNo, form: StepForm) -> BatchAnswer:
    """Back to the department; the roll may come again."""
    return await _step(
        request,
        batch_no,
        lambda session, at_ms: steps.reject(session, batch_no, actor=form.actor, why=form.why, at_ms=at_ms),
    )


@router.post("/batches/{batch_no}:recall")
async def recall(request: Request, batch_no: BatchNo, form: StepForm) -> BatchAnswer:
    """A released batch called back before its files are made."""
    return await _step(
        request,
        batch_no,
        lambda session, at_ms: steps.recall(session, batch_no, actor=form.actor, why=form.why, at_ms=at_ms),
    )


@router.post("/lines/{e2e_id}:authorise")
async def authorise(request: Request, e2e_id: LineId, form: StepForm) -> StoriesAnswer:
    """Let one line pass whose findings only ask for a second person's word."""

    def work(call: Call) -> StoriesAnswer:
        at_ms = call.context.now_ms()
        steps.authorise_line(call.session, e2e_id, actor=form.actor, why=form.why, at_ms=at_ms)
        stories = service.stories(call.session, e2e_id[:14])
        return StoriesAnswer.model_validate({"lines": [story for story in stories if story.e2e_id == e2e_id]})

    return await signed(request, CONSOLE, work)


@router.post("/batches/{batch_no}:send")
async def send(request: Request, batch_no: BatchNo) -> SentAnswer:
    """Write the files of a released batch and hand over whatever no bank has confirmed yet. Safe to repeat."""

    def work(context: Context, _device: object) -> SentAnswer:
        with context.store.transaction() as session:
            if service.view(session, batch_no).state == "RELEASED":
                sending.make_files(session, batch_no, at_ms=context.now_ms())
        return SentAnswer(files=sending.deliver_pending(context.store, context.connectors.banks, context.clock))

    return await attended(request, CONSOLE, work)


@router.post("/returns")
async def take_return(request: Request, form: FileForm) -> ImportAnswer:
    """Import one return file brought by hand: taken whole, or refused whole with its reason."""

    def work(context: Context, _device: object) -> ImportAnswer:
        raw = bytes.fromhex(form.raw)
        taken = take_file(context.store, form.name, raw, context.clock, bank=form.bank)
        return _after_import(context, [taken])[0]

    return await attended(request, CONSOLE, work)


@router.post("/returns:collect")
async def collect(request: Request) -> ImportsAnswer:
    """Fetch and import what the banks have out."""

    def work(context: Context, _device: object) -> ImportsAnswer:
        taken = collect_returns(context.store, context.connectors.banks, context.clock)
        return ImportsAnswer(files=_after_import(context, taken))

    return await attended(request, CONSOLE, work)


@router.post("/queries")
async def query(request: Request) -> QueriedAnswer:
    """Ask the banks about lines whose outcome is unknown; nothing is sent again."""

    def work(context: Context, _device: object) -> QueriedAnswer:
        with context.store.transaction() as session:
            unknown.mark_overdue(session, at_ms=context.now_ms())
        after = unknown.query_unknown(context.store, context.connectors.banks, context.clock)
        _after_import(context, [])
        return QueriedAnswer(lines=after)

    return await attended(request, CONSOLE, work)


@router.post("/repays")
async def prepare_repay(request: Request, form: RepayForm) -> BatchAnswer:
    """Failed or returned lines, corrected: a new batch of new lines linked to the old."""

    def work(call: Call) -> BatchAnswer:
        corrections = [item.correction() for item in form.corrections]
        book, at_ms = RegistryBook(call.session), call.context.now_ms()
        batch = repay.prepare_repay(call.session, book, corrections, actor=form.actor, at_ms=at_ms)
        return _batch(call.session, batch.batch_no)

    return await signed(request, CONSOLE, work)


@router.post("/batches/{batch_no}:reconcile")
async def reconcile(request: Request, batch_no: BatchNo, form: DaysForm) -> DifferencesAnswer:
    """对账: lines, bank statements since `first` and ledger, three ways."""

    def work(context: Context, _device: object) -> DifferencesAnswer:
        days = days_until_today(date.fromisoformat(form.first), context.clock)
        found = reconcile_batch(context.store, context.connectors.banks, batch_no, days, clock=context.clock)
        answers = [DifferenceAnswer(**(asdict(item) | {"kind": item.kind.value})) for item in found]
        return DifferencesAnswer(differences=answers)

    return await attended(request, CONSOLE, work)


@router.get("/persons/{person_id}/lines")
async def person_lines(request: Request, person_id: Annotated[str, Path(max_length=64)]) -> PersonLinesAnswer:
    """What came to a person, why and from whom."""
    return await signed(
        request,
        CONSOLE,
        lambda call: PersonLinesAnswer.model_validate({"lines": service.lines_for_person(call.session, person_id)}),
    )


async def _step(request: Request, batch_no: str, step: Callable[[Session, int], None]) -> BatchAnswer:
    def work(call: Call) -> BatchAnswer:
        step(call.session, call.context.now_ms())
        return _batch(call.session, batch_no)

    return await signed(request, CONSOLE, work)


def _batch(session: Session, batch_no: str) -> BatchAnswer:
    return BatchAnswer.model_validate(service.view(session, batch_no))


def _after_import(context: Context, taken: list[Taken]) -> list[ImportAnswer]:
    """Claims against the dead follow what the banks just said; then the answers with their texts."""
    with context.store.transaction() as session:
        cases.refresh(session, to_ms(context.clock.now()))
    return [_import(item) for item in taken]


def _import(taken: Taken) -> ImportAnswer:
    said = asdict(taken.report) | {"bank": taken.bank, "name": taken.name}
    said.pop("file_no")
    if taken.report.fault:
        zh, en = text(taken.report.fault, "zh"), text(taken.report.fault, "en")
        said |= {"message_zh": zh.message, "next_step_zh": zh.next_step}
        said |= {"message_en": en.message, "next_step_en": en.next_step}
    return ImportAnswer.model_validate(said)
