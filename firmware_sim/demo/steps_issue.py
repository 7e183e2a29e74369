"""Steps at the branch: apply, approve, personalize, handout."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

from card.domain.clock import business_date
from card.domain.identity import mask_name
from card.rules.ages import age_on
from card.traffic import Trace
from firmware_sim.demo.record import Panel, Step, Wrote
from firmware_sim.demo.stage import CHIPS, Holder, Stage
from firmware_sim.demo.tracing import TracedEncoders, TracedReader, wrote
from issuance.application.form import Applicant, read_form
from issuance.branch import ENCODERS
from issuance.personalization.batch import MadeCard, Progress

BATCH = bytes.fromhex("20261101")
KEEPERS = ("460000197903030036", "460000198104040041")
SPARE_BLANKS = 4
NEEDED_ROWS, NEEDED_ADULTS, NEEDED_BANKS, MAX_ROWS = 15, 5, 2, 2000
MOST_COMMANDS = 80
ADULT = 18


class NotEnoughApplicantsError(ValueError):
    """The file cannot carry the run; the message says what is missing."""

    code = "E-DEMO-APPLICANTS"


def look_first(applicants: Path) -> None:
    """Asked before anything is touched: the file opens, has the agreed columns, is not too long.

    Raises FormTextError, FormHeaderError, NotEnoughApplicantsError.
    """
    rows = len(read_form(applicants)[0])
    if rows > MAX_ROWS:
        raise NotEnoughApplicantsError(f"最多 {MAX_ROWS} 行，现有 {rows} at most {MAX_ROWS} rows, there are {rows}")


def apply(stage: Stage, step: Step) -> None:
    """The clerk takes the file; refused rows get their own file."""
    acceptance = stage.branch.accept(stage.options.applicants)
    stage.acceptance = acceptance
    rejected = stage.folder / "rejected.csv"
    acceptance.write_rejected(rejected)
    _enough(stage, [item.row for item in acceptance.accepted])
    codes = Counter(item.code for item in acceptance.rejected)
    step.evidence |= {
        "rows": len(acceptance.accepted) + len(acceptance.rejected),
        "accepted": len(acceptance.accepted),
        "rejected": len(acceptance.rejected),
        "codes": dict(sorted(codes.items())),
        "rejected_csv": rejected.name,
        "proven": f"{len(acceptance.accepted)} 受理 accepted, {len(acceptance.rejected)} 退回并说明 refused with why",
    }
    worst = acceptance.rejected[:4]
    step.panels.append(
        Panel(
            "申请受理",
            "A file of applicants",
            (
                f"受理 {len(acceptance.accepted)} 人",
                f"退回 {len(acceptance.rejected)} 行",
                "每行一个原因、一句话、下一步",
            ),
            who="网点柜面 Branch counter",
            wrote=[Wrote("file", f"rejected.csv 第 {r.row} 行 row: {r.code} {r.sentences()[0]}") for r in worst],
        )
    )
    step.ok = bool(acceptance.accepted)


def approve(stage: Stage, step: Step) -> None:
    """Another person releases the orders; accounts are opened at the banks."""
    approval = stage.branch.approve(stage.live.progress)
    wanted = len(stage.acceptance.accepted) if stage.acceptance else 0
    step.evidence |= {
        "approved": len(approval.approved),
        "kept_back": [code for _order, code in approval.kept_back],
        "proven": f"{len(approval.approved)} 单由另一人复核 released by a second person, 账户已开 accounts opened",
    }
    step.panels.append(
        Panel(
            "双人复核",
            "Four eyes",
            (
                f"复核通过 {len(approval.approved)} 单 orders released",
                "经办不能复核自己的单 nobody approves his own work",
            ),
            who="复核 Approver",
            wrote=[Wrote("message", f"{len(approval.approved)} 个银行账户预开 accounts pre-opened")],
        )
    )
    step.ok = len(approval.approved) + len(approval.kept_back) == wanted and bool(approval.approved)


def personalize(stage: Stage, step: Step) -> None:
    """Blank chips become cards on eight encoder slots; every field is read back and compared."""
    orders = len(stage.branch.waiting())
    chips = _blanks(stage, orders + SPARE_BLANKS)
    stage.branch.receive_blanks(BATCH, len(chips), KEEPERS)

    def progress(event: Progress) -> None:
        stage.live.progress(event.good, event.total)

    trace = Trace()
    result = stage.branch.personalize(TracedEncoders(stage.rack, ENCODERS[0], trace), chips, progress)
    stage.branch.return_blanks(BATCH, stage.branch.stock().blank, KEEPERS)
    stock = stage.branch.stock()
    stage.holders = _holders(stage, list(result.cards))
    fields = result.cards[0].certificate.fields if result.cards else 0
    median = sorted(card.milliseconds for card in result.cards)[len(result.cards) // 2] if result.cards else 0
    step.evidence |= {
        "cards": len(result.cards),
        "spoiled": len(result.spoiled),
        "set_aside": len(result.set_aside),
        "slots": len(ENCODERS),
        "fields_compared_each": fields,
        "card_ms_median": median,
        "stock": {"received": len(chips), "good": stock.good, "spoiled": stock.spoiled, "returned": stock.returned},
        "stock_sums": stock.sums,
        "proven": f"{len(result.cards)} 张卡、每张回读 {fields} 项 cards, {fields} fields each read back",
    }
    step.panels.append(
        Panel(
            "制卡",
            "From blank chip to card",
            (
                f"制成 {len(result.cards)} 张 cards",
                f"每张回读比对 {fields} 项 fields read back",
                f"每张 {median} 毫秒 ms a card",
            ),
            who="八个发卡槽 Eight encoder slots",
            wrote=[
                *wrote(list(trace.exchanges), MOST_COMMANDS),
                Wrote("message", f"空白+成品+废品+退回 = 收到 blank+good+spoiled+returned = {len(chips)}"),
            ],
            seconds=median / 1000,
        )
    )
    step.ok = len(result.cards) == orders and stock.sums and not result.waiting


def handout(stage: Stage, step: Step) -> None:
    """Each holder changes the initial PIN on the card; the card is enabled."""
    done = 0
    total = len(stage.holders)
    trace = Trace()

    def serve(slot_and_holders: tuple[str, list[Holder]]) -> int:
        nonlocal done
        slot, holders = slot_and_holders
        reader = stage.rack.reader(slot)
        for holder in holders:
            watched = TracedReader(reader, trace) if holder is stage.holders[0] else reader
            stage.rack.insert(slot, holder.chip)
            try:
                stage.branch.hand_out(holder.card_id, watched, holder.pin)
            finally:
                stage.rack.eject(slot)
            stage.branch.enable(holder.card_id)
            done += 1
            stage.live.progress(done, total)
        return len(holders)

    queues = [(slot, stage.holders[place :: len(ENCODERS)]) for place, slot in enumerate(ENCODERS)]
    with ThreadPoolExecutor(len(ENCODERS)) as pool:
        served = sum(pool.map(serve, queues))
    states = Counter(stage.branch.card(holder.card_id).status for holder in stage.holders)
    step.evidence |= {
        "handed_out": served,
        "states": dict(states),
        "proven": f"{served} 张已启用、初始密码已改 enabled, initial PIN changed",
    }
    step.panels.append(
        Panel(
            "领卡改密",
            "Handed out",
            (
                "请输入新密码 choose your PIN",
                "初始密码不能用于交易 the initial PIN cannot pay",
                "卡已启用 card enabled",
            ),
            who="网点柜面 Branch counter",
            wrote=[
                *wrote(list(trace.exchanges), MOST_COMMANDS),
                Wrote("event", "卡 0 封存 → 1 正常 card sealed → normal"),
            ],
        )
    )
    step.ok = served == total and states == Counter({"1": total})


def _blanks(stage: Stage, count: int) -> list[Path]:
    folder = stage.data / CHIPS
    paths = [folder / f"{number:04d}.chip" for number in range(1, count + 1)]
    for done, path in enumerate(paths, 1):
        stage.factory.blank(path, batch=BATCH)
        stage.live.progress(done, count)
    return paths


def _holders(stage: Stage, cards: list[MadeCard]) -> list[Holder]:
    """The holders in the order of the applicants' file, so that one seed gives one history."""
    if stage.acceptance is None:
        raise ValueError("no applications yet")
    applicants = {row.row: row for row in read_form(stage.options.applicants)[0]}
    by_order = {item.order_id: applicants[item.row] for item in stage.acceptance.accepted}
    found = [_holder(stage, card, by_order[card.order_id]) for card in cards]
    places = {item.order_id: item.row for item in stage.acceptance.accepted}
    orders = {card.card_id: places[card.order_id] for card in cards}
    return sorted(found, key=lambda holder: orders[holder.card_id])


def _holder(stage: Stage, card: MadeCard, row: Applicant) -> Holder:
    view = stage.branch.card(card.card_id)
    pin = f"{stage.entropy.below(900_000) + 100_000}"
    return Holder(
        card.card_id, card.chip, row.name, row.id_no, view.person_id, birth_of(row.birth_date), view.bank, pin
    )


def birth_of(text: str) -> date | None:
    """YYYYMMDD, None when unknown."""
    return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if len(text) == 8 and text.isdigit() else None


def _enough(stage: Stage, rows: list[int]) -> None:
    applicants = {row.row: row for row in read_form(stage.options.applicants)[0]}
    day = business_date(stage.now())
    good = [applicants[row] for row in rows]
    births = [birth_of(row.birth_date) for row in good]
    adults = sum(1 for birth in births if birth is not None and age_on(birth, day) >= ADULT)
    banks = len({row.bank for row in good})
    missing = []
    if len(good) < NEEDED_ROWS:
        missing.append(f"通过 {len(good)} 行，需 {NEEDED_ROWS} rows that pass: {len(good)} of {NEEDED_ROWS}")
    if adults < NEEDED_ADULTS:
        missing.append(f"成年人 {adults} 名，需 {NEEDED_ADULTS} adults: {adults} of {NEEDED_ADULTS}")
    if banks < NEEDED_BANKS:
        missing.append(f"银行 {banks} 家，需 {NEEDED_BANKS} banks: {banks} of {NEEDED_BANKS}")
    if missing:
        raise NotEnoughApplicantsError("; ".join(missing))


def masked(holder: Holder) -> str:
    """How a holder is named on screens and pages."""
    return mask_name(holder.name)
