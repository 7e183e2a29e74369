"""Steps at the kiosk and on the bus: load, bus_tap, bus_tear."""

import time
from datetime import date, timedelta

from card.domain.clock import business_date
from card.domain.decision import Grant
from card.domain.money import Fen
from card.pin import Pin
from card.rules.fares import HAIKOU_BUS
from firmware_sim.card.chip import values_of
from firmware_sim.card.faults import ANY_INS, Fault
from firmware_sim.card.memory import PurseState
from firmware_sim.demo import screens
from firmware_sim.demo.cast import choose
from firmware_sim.demo.devices import DRIFT_S
from firmware_sim.demo.record import Panel, Step, Wrote
from firmware_sim.demo.stage import Holder, Stage
from firmware_sim.demo.steps_issue import masked
from terminal.bus.main import BusValidator
from terminal.tap import TapResult

LOAD = Fen(5_000)
TAP_SECONDS = 20
DEBIT_INS = 0x54
SYNC_EVERY = 5
UNSURE = "clock-unsure"
UPLOAD_CODES = ("S-BUS-PAID", "S-BUS-FREE")


def load(stage: Stage, step: Step) -> None:
    """Each rider: card in, PIN, money from the bank account onto the purse."""
    stage.console.ask("POST", "sync")
    stage.street.sync_all()
    cast = choose(stage)
    results: list[TapResult] = []
    for done, holder in enumerate(cast.riders, 1):
        results.append(_load_one(stage, holder, step if holder is cast.main else None))
        stage.live.progress(done, len(cast.riders))
        stage.clock.advance(TAP_SECONDS)
    stage.street.devices["kiosk"].sync.run()
    loaded = sum(holder.loaded for holder in stage.holders)
    on_chips = sum(purse_of(holder).balance for holder in cast.riders)
    step.evidence |= {
        "loads": len(results),
        "fen": loaded,
        "on_chips_fen": on_chips,
        "screens": screens.codes(results),
        "proven": f"{len(results)} 人共圈存 loads, {Fen(loaded).yuan()} 元 yuan on their chips",
    }
    step.ok = loaded == on_chips == int(LOAD) * len(cast.riders)


def _load_one(stage: Stage, holder: Holder, step: Step | None) -> TapResult:
    kiosk = stage.street.kiosk
    stage.rack.insert("kiosk-card", holder.chip)
    try:
        first = kiosk.insert()
        opened = kiosk.enter_pin(Pin(holder.pin))
        result = kiosk.load(LOAD) if isinstance(opened.decision, Grant) else opened
        statement = kiosk.statement() if step is not None else None
    finally:
        kiosk.leave()
        stage.rack.eject("kiosk-card")
    if result.screen.code == "S-LOAD-DONE":
        holder.loaded += int(LOAD)
    if step is not None and statement is not None:
        shown = (*screens.lines(first)[:1], *screens.lines(result.screen)[:2], *screens.lines(statement)[:3])
        wrote = screens.apdus(result) + screens.events(result)
        wrote += [Wrote("posting", f"bank → purse {LOAD.yuan()} 元，MAC1 验 MAC2 回 TAC 入账")]
        panel = Panel(
            "自助机圈存", "Kiosk: PIN, load, statement", shown, "good", f"自助机 Kiosk · {masked(holder)}", wrote
        )
        panel.seconds = screens.seconds(result)
        step.panels.append(panel)
    return result


def bus_tap(stage: Stage, step: Step) -> None:
    """Riders of every age class; the server may be killed on the way and nothing is lost."""
    cast, bus = choose(stage), stage.street.bus
    skew = timedelta(seconds=stage.options.clock_skew_s)
    results, wrong, killed = [], [], False
    for number, holder in enumerate(cast.riders, 1):
        if stage.options.kill_at == number:
            stage.server.kill()
            killed = True
        result = ride(stage, holder)
        results.append(result)
        expected = HAIKOU_BUS.fare(holder.birth, business_date(stage.now() + skew))[0]  # the validator's own day
        if not (isinstance(result.decision, Grant) and result.decision.fare == expected):
            wrong.append(f"{number}: {result.screen.code}")
        if holder is cast.main or (holder.birth and isinstance(result.decision, Grant) and result.decision.fare == 0):
            _ride_panel(step, holder, result)
        if not killed and number % SYNC_EVERY == 0:
            bus.sync()
        stage.live.progress(number, len(cast.riders))
        stage.clock.advance(TAP_SECONDS)
    if killed:
        _killed_panel(stage, step)
        stage.server.start()
    report = bus.sync()
    unsure = sum(1 for r in results if isinstance(r.decision, Grant) and UNSURE in r.decision.notes)
    if unsure:
        _clock_panel(stage, step, results[0], unsure)
    fares = sum(int(r.decision.fare) for r in results if isinstance(r.decision, Grant))
    waiting = stage.street.devices["bus"].journal.state().unsent
    times = sorted(screens.seconds(result) * 1000 for result in results)
    step.evidence |= {
        "taps": len(results),
        "fares_fen": fares,
        "screens": screens.codes(results),
        "wrong": wrong,
        "uploaded_last": report.upload.sent,
        "unsent": waiting,
        "server_killed": killed,
        "clock_skew_s": stage.options.clock_skew_s,
        "clock_unsure": unsure,
        "card_and_psam_ms_median": round(times[len(times) // 2], 1),
        "proven": f"{len(results)} 次乘车 rides, {Fen(fares).yuan()} 元 yuan, 按年龄计价 fare by age"
        + ("; 服务器中途被杀，事件一条不少 server killed, no event lost" if killed else "")
        + (f"; {unsure} 次判决写明时钟不可靠 said their clock is unsure" if unsure else ""),
    }
    told = unsure == (len(results) if abs(stage.options.clock_skew_s) > DRIFT_S else 0)
    step.ok = not wrong and waiting == 0 and told


def ride(stage: Stage, holder: Holder) -> TapResult:
    """Card onto the validator, tap, card away."""
    stage.rack.insert("bus-card", holder.chip)
    try:
        return stage.street.bus.tap()
    finally:
        stage.rack.eject("bus-card")


def _ride_panel(step: Step, holder: Holder, result: TapResult) -> None:
    if len(step.panels) >= 2:
        return
    wrote = screens.apdus(result) + screens.events(result)
    free = isinstance(result.decision, Grant) and result.decision.fare == 0
    titles = ("七十岁以上免费", "Seventy and over rides free") if free else ("上车刷卡", "A ride")
    panel = Panel(
        *titles, screens.lines(result.screen), screens.tone(result.screen), f"公交 Bus K1 · {masked(holder)}", wrote
    )
    panel.seconds = screens.seconds(result)
    step.panels.append(panel)


def _killed_panel(stage: Stage, step: Step) -> None:
    waiting = stage.street.devices["bus"].journal.state().unsent
    panel = Panel(
        "服务器被杀",
        "The server was killed",
        ("照常刷卡 taps go on", f"待传 {waiting} 条 waiting"),
        "wait",
        "公交 Bus K1",
    )
    panel.fault = f"第 {stage.options.kill_at} 次刷卡前杀掉服务器 server killed before tap {stage.options.kill_at}"
    panel.ended = "重启后全部补传，每条只入账一次 after the restart everything was uploaded, each posted once"
    panel.wrote = [Wrote("event", f"{waiting} 条在日志里等 events wait in the journal")]
    step.panels.append(panel)


def _clock_panel(stage: Stage, step: Step, first: TapResult, unsure: int) -> None:
    skew = stage.options.clock_skew_s
    panel = Panel("时钟错了", "A clock that is wrong", screens.lines(first.screen), screens.tone(first.screen))
    panel.who = "公交 Bus K1"
    panel.wrote = [
        Wrote("event", f"{unsure} 条事件 events: decision.notes = [{UNSURE}], inputs.clock_sure = false"),
        Wrote("message", "与平台对时相差超限 the drift against the server is beyond its limit"),
    ]
    panel.fault = f"车载机时钟差 {skew:+d} 秒 the validator's clock is wrong by {skew:+d} seconds"
    panel.ended = "照常乘车，不以此钟判断有效期，判决里写明 rides go on, no date is judged, every decision says so"
    step.panels.append(panel)


def bus_tear(stage: Stage, step: Step) -> None:
    """The card leaves after the debit and before the answer; presented again it is found paid, once."""
    cast = choose(stage)
    holder, bus = cast.main, stage.street.bus
    before = purse_of(holder)
    cut = stage.options.tear_at
    fault = Fault("drop_answer", DEBIT_INS) if cut is None else Fault("drop_answer", ANY_INS, cut)
    stage.rack.fault("bus-card", fault)
    torn = ride(stage, holder)
    stage.rack.disarm("bus-card")  # a place beyond the tap must not hurt the next rider
    between = purse_of(holder)
    stage.clock.advance(TAP_SECONDS)
    cut_short = torn.screen.code not in UPLOAD_CODES
    again = _until_settled(stage, bus, holder) if cut_short else torn
    after = purse_of(holder)
    bus.sync()
    day = date.fromisoformat(stage.record.date)
    fare = int(HAIKOU_BUS.fare(holder.birth, day)[0])
    charged = before.balance - after.balance
    rides = after.offline - before.offline
    pending = len(stage.street.devices["bus"].journal.pending())
    step.evidence |= {
        "cut": "after the debit, before its answer" if cut is None else f"at answer {cut} of the tap",
        "cut_short": cut_short,
        "torn_screen": torn.screen.code,
        "second_screen": again.screen.code,
        "debited_when_torn": between.balance != before.balance,
        "charged_fen": charged,
        "fare_fen": fare,
        "debits": rides,
        "pending": pending,
        "proven": f"断电两次碰卡只扣一次 charged once: {Fen(charged).yuan()} 元 yuan",
    }
    panel = Panel(
        "拔卡与收场",
        "Torn away, then found paid",
        (*screens.lines(torn.screen)[:3], "——", *screens.lines(again.screen)[:3]),
        screens.tone(again.screen),
        f"公交 Bus K1 · {masked(holder)}",
        [
            *screens.apdus(torn)[-4:],
            Wrote("message", "断电 power lost ⚡"),
            *screens.apdus(again),
            *screens.events(again),
        ],
        seconds=screens.seconds(torn) + screens.seconds(again),
    )
    panel.fault = "扣款后、应答前卡被拔走 card torn away after the debit, before its answer"
    if cut is not None:
        panel.fault = f"乘车第 {cut} 条应答处断电 power cut at answer {cut} of the tap"
    if not cut_short:
        panel.fault = f"这次乘车没有第 {cut} 条应答，未断电 the tap has no answer {cut}; nothing was cut"
    panel.ended = f"再碰一次：{again.screen.zh} 共扣 {Fen(charged).yuan()} 元，一次 · charged once"
    step.panels.append(panel)
    step.ok = charged == fare * rides and rides == 1 and pending == 0


def _until_settled(stage: Stage, bus: BusValidator, holder: Holder) -> TapResult:
    """A rider whose first try failed taps again; two tries are enough for every place a card can be torn."""
    result = ride(stage, holder)
    if result.decision is None and not result.event_ids:
        stage.clock.advance(TAP_SECONDS)
        time.sleep(0.5)  # the reader's own poll has to see the card go and come
        result = ride(stage, holder)
    return result


def purse_of(holder: Holder) -> PurseState:
    """What the chip itself holds: the ground truth of this run."""
    return PurseState.unpack(values_of(holder.chip)["purse/EP"])
