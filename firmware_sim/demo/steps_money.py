"""Steps of the payment desk: benefit_run, benefit_repay, clearing; and the notice that ends a life, death_stop."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from card.domain.clock import business_date, business_time, from_ms, to_ms
from card.domain.decision import DenyReason, Grant
from card.domain.money import Fen
from card.pin import Pin
from firmware_sim.demo import screens
from firmware_sim.demo.cast import choose
from firmware_sim.demo.record import Panel, Step, Wrote
from firmware_sim.demo.stage import Holder, Stage
from firmware_sim.demo.steps_issue import masked
from firmware_sim.demo.steps_life import refusals, why
from firmware_sim.demo.steps_ride import TAP_SECONDS, purse_of
from firmware_sim.demo.steps_visit import wallet_of

ITEM = "HNFUEL2026"
MOST_LINES = 100
AMOUNT = 10_000
PREPARER, CHECKER, FINANCE, RELEASER = "preparer-1", "checker-1", "finance-1", "releaser-1"
DISCLOSURE_DAYS = 7


def benefit_run(stage: Stage, step: Step) -> None:
    """One programme, a line per enabled card and a duplicate; two banks, two dialects; things go wrong as they do."""
    cast = choose(stage)
    paid_to = _beneficiaries(stage)
    _death_before(stage, cast.gone)
    faults = _plant(stage, [h for h in paid_to if h not in (cast.main, cast.loser, cast.deceased, cast.gone)])
    entries = [{"id_no": h.id_no, "name": h.name, "fen": AMOUNT} for h in paid_to]
    entries.append(dict(entries[-1]))  # the deliberate duplicate
    day = business_date(stage.now())
    desk = _Desk(stage)
    desk.ask("programmes", _programme(day))
    roll = {"actor": PREPARER, "programme": ITEM, "period": f"{day:%Y%m}", "count": len(entries)}
    batch = desk.ask("batches", {**roll, "total_fen": AMOUNT * len(entries), "entries": entries})
    number = str(batch["batch_no"])
    _four_people(stage, desk, number)
    sent = desk.ask(f"batches/{number}:send", None)
    stage.clock.advance(3_600)
    first = desk.ask("returns:collect", None)
    again = [desk.ask("returns", {"name": name, "raw": raw.hex()}) for name, raw in _files(stage)]
    outside = _outside_file(stage, desk)
    desk.ask("queries", None)
    lines = desk.lines(number)
    states = Counter(line["state"] for line in lines)
    held = {line["rule"] or line["code"] for line in lines if line["state"] in ("BLOCKED", "FAILED")}
    stage.record.figures["batch"] = number
    changed_again = sum(sum(item["changed"].values()) for item in again if item["accepted"])
    paid = sum(line["fen"] for line in lines if line["state"] == "PAID")
    step.evidence |= {
        "batch": number,
        "lines": len(lines),
        "states": dict(states),
        "reasons": sorted(held),
        "planted": {name: masked(holder) for name, holder in faults.items()},
        "files": sorted(sent["files"]),
        "banks": sorted({line["bank"] for line in lines if line["bank"]}),
        "same_file_twice_changed": changed_again,
        "returns_taken": [item["accepted"] for item in first["files"]],
        "paid_fen": paid,
        "outside_file": outside,
        "proven": f"{states['PAID']} 笔到账 paid, {states['BLOCKED']} 拦下 blocked, {states['FAILED']} 失败 failed; "
        "超时只查不重发 the timed-out line was queried, never re-sent",
    }
    step.panels += [_run_panel(step, lines), *([_outside_panel(outside)] if outside else [])]
    queried = _line_of(lines, stage, faults["timeout"])
    step.ok = (
        states["BLOCKED"] == 2
        and states["FAILED"] == 2
        and queried["state"] == "PAID"
        and changed_again == 0
        and len(step.evidence["banks"]) >= 2
        and (outside is None or outside["repeated"] or not outside["accepted"])
    )


class _Desk:
    """The payment desk's endpoints."""

    def __init__(self, stage: Stage) -> None:
        self._console = stage.console

    def ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        return self._console.ask("POST", f"benefit/{path}", body)

    def lines(self, batch: str) -> list[dict[str, Any]]:
        found = self._console.ask("GET", f"benefit/batches/{batch}/lines")["lines"]
        assert isinstance(found, list)
        return found


def _beneficiaries(stage: Stage) -> list[Holder]:
    """One line per enabled card: the newest card of each person."""
    found: dict[str, Holder] = {}
    for holder in stage.holders:
        if stage.branch.card(holder.card_id).status == "1":
            found[holder.person_id] = holder
    return list(found.values())[:MOST_LINES]


def _death_before(stage: Stage, gone: Holder) -> None:
    """The register says that a holder died after hand-out, before the run."""
    died = business_date(stage.now()) - timedelta(days=1)
    body = {"id_no": gone.id_no, "name": gone.name, "date": f"{died:%Y%m%d}", "source": "population register"}
    stage.console.ask("POST", "deaths", body)


def _plant(stage: Stage, others: list[Holder]) -> dict[str, Holder]:
    """Three accounts go wrong at their banks: another name on file, closed, and an answer that times out."""
    faults = dict(zip(("name_mismatch", "closed", "timeout"), others, strict=False))
    for what, holder in faults.items():
        account = stage.branch.card(holder.card_id).account
        stage.banks[holder.bank].plant(account, what, "别人" if what == "name_mismatch" else "")
    return faults


def _programme(day: date) -> dict[str, Any]:
    return {
        "code": ITEM,
        "name": "渔业燃油补贴",
        "document_no": "琼财农〔2026〕8号",
        "budget_fen": AMOUNT * MOST_LINES * 4,
        "standard_fen": AMOUNT,
        "ceiling_fen": AMOUNT,
        "valid_from": f"{day.year}0101",
        "valid_to": f"{day.year}1231",
        "summary": "渔业燃油补贴",
        "disclosure_days": DISCLOSURE_DAYS,
    }


def _four_people(stage: Stage, desk: _Desk, number: str) -> None:
    """Publicised for its days, then checked, approved and released by three further people."""
    today = business_date(stage.now())
    proof = f"公示 {today:%Y-%m-%d}"
    desk.ask(f"batches/{number}:publicize", {"actor": PREPARER, "on": f"{today:%Y%m%d}", "proof": proof})
    stage.clock.advance(days=DISCLOSURE_DAYS + 1)
    for verb, person in (("check", CHECKER), ("approve", FINANCE), ("release", RELEASER)):
        desk.ask(f"batches/{number}:{verb}", {"actor": person})


def _files(stage: Stage) -> list[tuple[str, bytes]]:
    """Every return file the banks have put out: imported once already, offered again."""
    return [pair for bank in stage.banks.values() for pair in bank.collect()]


def _outside_file(stage: Stage, desk: _Desk) -> dict[str, Any] | None:
    path: Path | None = stage.options.bank_file
    if path is None:
        return None
    return desk.ask("returns", {"name": path.name[:60], "raw": path.read_bytes().hex()})


def _line_of(lines: list[dict[str, Any]], stage: Stage, holder: Holder) -> dict[str, Any]:
    return next(line for line in lines if line["person_id"] == holder.person_id and not line["repay_of"])


def _run_panel(step: Step, lines: list[dict[str, Any]]) -> Panel:
    states = step.evidence["states"]
    shown = [f"{state} {count} 笔" for state, count in sorted(states.items())]
    panel = Panel(
        "补贴发放",
        "The benefit run",
        (f"{len(lines)} 笔 lines, 两家银行 two banks", *shown),
        "good",
        "待遇发放台 Payment desk",
    )
    panel.wrote = [Wrote("file", name) for name in step.evidence["files"]]
    panel.wrote += [
        Wrote("message", f"第 {line['line_no']} 行 line: {line['state']} {line['rule'] or line['code']} {line['note']}")
        for line in lines
        if line["state"] in ("BLOCKED", "FAILED")
    ]
    panel.wrote.append(
        Wrote("posting", f"财政 treasury → 在途 on the way → 持卡人 holders {Fen(step.evidence['paid_fen']).yuan()} 元")
    )
    panel.fault = "身故、重复、户名不符、销户、银行超时 died, duplicate, name mismatch, closed account, bank timeout"
    panel.ended = "拦下的没有出门，失败的逐笔有因，超时的只查询 blocked lines never left; the timeout was only queried"
    return panel


def _outside_panel(answer: dict[str, Any]) -> Panel:
    said = (answer["message_zh"], answer["message_en"], answer["next_step_zh"])
    if answer["repeated"]:
        said = ("此文件已导入过，一笔未动。", "This very file was taken before; nothing changed.", "")
    panel = Panel("外来回盘文件", "A return file from outside", said, "bad", "待遇发放台 Payment desk")
    panel.wrote = [Wrote("file", f"{answer['name']}: {answer['fault']} 第 {answer['line']} 行 line · {answer['why']}")]
    panel.fault = "导入了外来的回盘文件 a return file from outside was offered"
    panel.ended = "整份退回，一笔未动 refused whole, nothing changed" if not answer["accepted"] else "已导入 taken"
    if answer["repeated"]:
        panel.ended = "与银行自己的文件逐字节相同，不重复入账 the bank's own bytes, booked once"
    return panel


def benefit_repay(stage: Stage, step: Step) -> None:
    """Only the failed lines go again, corrected, as new lines linked to the old."""
    desk = _Desk(stage)
    number = str(stage.record.figures["batch"])
    failed = [line for line in desk.lines(number) if line["state"] == "FAILED"]
    corrections = [_correct(stage, line) for line in failed]
    stage.clock.advance(days=1)
    batch = desk.ask("repays", {"actor": PREPARER, "corrections": corrections})
    repay = str(batch["batch_no"])
    today = f"{business_date(stage.now()):%Y%m%d}"
    desk.ask(f"batches/{repay}:publicize", {"actor": PREPARER, "on": today, "proof": "原公示仍有效 first list stands"})
    for verb, person in (("check", CHECKER), ("approve", FINANCE), ("release", RELEASER)):
        desk.ask(f"batches/{repay}:{verb}", {"actor": person})
    desk.ask(f"batches/{repay}:send", None)
    stage.clock.advance(3_600)
    desk.ask("returns:collect", None)
    old, new = desk.lines(number), desk.lines(repay)
    states = Counter(line["state"] for line in new)
    linked = {line["repay_of"] for line in new} == {line["e2e_id"] for line in failed}
    start = business_date(stage.now()) - timedelta(days=3)
    differing = [
        desk.ask(f"batches/{n}:reconcile", {"first": f"{start:%Y%m%d}"})["differences"] for n in (number, repay)
    ]
    _keep_lines(stage, old, new)
    step.evidence |= {
        "failed": len(failed),
        "repaid": states["PAID"],
        "linked": linked,
        "original_states": dict(Counter(line["state"] for line in old)),
        "differences": sum(len(found) for found in differing),
        "proven": f"只重发 {len(new)} 笔失败的 only the failed lines, 连旧行 linked; 对账无差 reconciled",
    }
    panel = Panel(
        "更正重发",
        "Corrected and paid again",
        (f"重发 {len(new)} 笔 re-paid", "其余一笔不动 nothing else moved"),
        "good",
    )
    panel.who = "待遇发放台 Payment desk"
    panel.wrote = [Wrote("event", f"{line['repay_of']} → {line['e2e_id']} {line['state']}") for line in new]
    step.panels += [panel, _statement_panel(stage)]
    step.ok = linked and states["PAID"] == len(failed) == len(new) and step.evidence["differences"] == 0


def _statement_panel(stage: Stage) -> Panel:
    """The holder at the kiosk: what came, why, from whom."""
    holder, kiosk = choose(stage).main, stage.street.kiosk
    stage.street.devices["kiosk"].sync.run()
    stage.rack.insert("kiosk-card", holder.chip)
    try:
        kiosk.insert()
        opened = kiosk.enter_pin(Pin(holder.pin))
        shown = kiosk.statement() if isinstance(opened.decision, Grant) else opened.screen
    finally:
        kiosk.leave()
        stage.rack.eject("kiosk-card")
    panel = Panel("到账了什么、为什么", "What came, and why", screens.lines(shown), screens.tone(shown))
    panel.who = f"自助机 Kiosk · {masked(holder)}"
    panel.wrote = [*screens.apdus(opened), *screens.events(opened)]
    panel.seconds = screens.seconds(opened)
    return panel


def _correct(stage: Stage, line: dict[str, Any]) -> dict[str, Any]:
    """The bank corrects its record of the holder's account; the department confirms with evidence."""
    holder = next(h for h in stage.holders if h.person_id == line["person_id"])
    stage.banks[line["bank"]].mend(stage.branch.card(holder.card_id).account)
    return {"e2e_id": line["e2e_id"], "evidence": "本人到网点核实 verified at the counter", "confirmed": True}


def _keep_lines(stage: Stage, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    """Squares of the page: every line with its life."""
    names = {holder.person_id: masked(holder) for holder in stage.holders}
    for line in [*old, *new]:
        life = [
            f"{_clock(move['at_ms'])} {move['old'] or '—'} → {move['new']} {move['code']} {move['note']}"
            for move in line["moves"]
        ]
        fresh = bool(line["repay_of"])
        stage.record.benefit_lines.append(
            {
                "css": "new" if fresh else _worst(line),
                "mark": "↻" if fresh else "",
                "title": f"第 {line['line_no']} 行 {names.get(line['person_id'], '')} "
                f"{Fen(line['fen']).yuan()} 元 · {line['e2e_id']}",
                "life": life + ([f"重发自 re-paid from {line['repay_of']}"] if fresh else []),
                "paid_fen": line["fen"] if line["state"] == "PAID" else 0,
            }
        )
    money = stage.record.money
    money["benefits_paid"] = sum(int(line["paid_fen"]) for line in stage.record.benefit_lines)
    money["benefits_back"] = sum(line["fen"] for line in old if line["state"] in ("BLOCKED",))


def _worst(line: dict[str, Any]) -> str:
    """The colour of a square: what once went wrong stays visible."""
    seen = {move["new"] for move in line["moves"]} | {line["state"]}
    return next((state for state in ("BLOCKED", "FAILED", "UNKNOWN", "REPAID") if state in seen), str(line["state"]))


def _clock(at_ms: int) -> str:
    return f"{business_time(from_ms(at_ms)):%m-%d %H:%M}"


def death_stop(stage: Stage, step: Step) -> None:
    """One notice: card, purse, code and next payment stop everywhere; what is owed back is named."""
    holder = choose(stage).deceased
    phone = wallet_of(stage, holder)
    rest = purse_of(holder).balance
    died = business_date(stage.now()) - timedelta(days=40)
    body = {"id_no": holder.id_no, "name": holder.name, "date": f"{died:%Y%m%d}", "source": "civil affairs"}
    answer = stage.console.ask("POST", "deaths", body)
    repeated = stage.console.ask("POST", "deaths", body)
    stage.street.sync_all()
    refused = refusals(stage, holder, phone.show(to_ms(stage.now())))
    stage.street.sync_all()
    stage.console.ask("POST", "sync")
    after = stage.console.ask("POST", "deaths", body)
    next_line = _next_payment(stage, holder)
    kinds = Counter(str(stop["kind"]) for stop in _stops(after))
    step.evidence |= {
        "notice": answer["notice_id"],
        "stopped": dict(kinds),
        "refused": {name: why(result) for name, result in refused.items()},
        "next_payment": next_line,
        "owed_back_fen": answer["owed_fen"],
        "heirs_fen": after["heirs_fen"],
        "same_notice_again": repeated["notice_id"] == answer["notice_id"],
        "proven": f"卡、钱包、码、下一笔都停 all stopped; 应追回 owed {Fen(int(answer['owed_fen'])).yuan()} 元",
    }
    first = refused["purse"]
    panel = Panel(
        "身故停发", "One notice stops everything", screens.lines(first.screen), "bad", f"民政通知 · {masked(holder)}"
    )
    panel.wrote = [
        Wrote("event", f"{stop['kind']} {str(stop['subject'])[:26]} {stop['note']}") for stop in _stops(after)[:10]
    ]
    panel.wrote += [Wrote("posting", f"钱包余额留给继承人 purse rest kept for the heirs {Fen(rest).yuan()} 元")]
    panel.fault = f"身故 {died:%m-%d} 之后仍有发放 paid after the death"
    panel.ended = f"应追回 {Fen(int(str(answer['owed_fen']))).yuan()} 元，建追回单 named as owed back"
    step.panels.append(panel)
    listed = {why(result) for result in refused.values()} == {DenyReason.HOTLISTED.value}
    owed = int(str(answer["owed_fen"])) == AMOUNT
    step.ok = listed and owed and next_line == "BLOCKED" and int(str(after["heirs_fen"])) == rest


def _stops(answer: dict[str, Any]) -> list[dict[str, Any]]:
    stops = answer["stops"]
    assert isinstance(stops, list)
    return stops


def _next_payment(stage: Stage, holder: Holder) -> str:
    """The next month's roll still lists the dead person; its line must not leave."""
    following = f"{business_date(stage.now()) + timedelta(days=31):%Y%m}"
    entries = [{"id_no": holder.id_no, "name": holder.name, "fen": AMOUNT}]
    roll = {"actor": PREPARER, "programme": ITEM, "period": following, "count": 1, "total_fen": AMOUNT}
    desk = _Desk(stage)
    batch = desk.ask("batches", {**roll, "entries": entries})
    return str(desk.lines(str(batch["batch_no"]))[0]["state"])


def clearing(stage: Stage, step: Step) -> None:
    """清分: what each operator earned equals what the journals say; paid out, once."""
    for _ in range(2):
        stage.street.sync_all()
        stage.console.ask("POST", "sync")
    stage.clock.advance(TAP_SECONDS)
    day = business_date(stage.now())
    report = stage.console.ask("POST", "clearing", {"date": f"{day:%Y%m%d}", "bank": "102"})
    again = stage.console.ask("POST", "clearing", {"date": f"{day:%Y%m%d}", "bank": "102"})
    roots = _close_days(stage, day)
    lines = report["lines"]
    assert isinstance(lines, list)
    paid = sum(int(line["fen"]) for line in lines)
    journal = sum(int(line["journal_fen"]) for line in lines)
    step.evidence |= {
        "operators": {str(line["operator"]): int(line["fen"]) for line in lines},
        "paid_fen": paid,
        "journal_fen": journal,
        "difference_fen": paid - journal,
        "differences": report["differences"],
        "again_fen": again["fen"],
        "closed_days": roots,
        "proven": f"清分 {Fen(paid).yuan()} 元 = 日志 {Fen(journal).yuan()} 元 clearing equals the journals",
    }
    shown = [f"{line['operator']} {Fen(int(line['fen'])).yuan()} 元 · {line['count']} 笔 taps" for line in lines]
    panel = Panel("清分结算", "Clearing", (*shown, "与日志一致 equals the journals"), "good", "清分台 Clearing desk")
    panel.wrote = [
        Wrote("posting", f"operator:{line['operator']} → bank:{line['bank']} {Fen(int(line['fen'])).yuan()} 元")
        for line in lines
    ]
    panel.wrote += [Wrote("event", f"日切 day closed {name} root {root}…") for name, root in roots.items()]
    step.panels.append(panel)
    step.ok = paid == journal > 0 and bool(report["balanced"]) and again["fen"] == report["fen"]


def _close_days(stage: Stage, today: date) -> dict[str, str]:
    """日切: every business day of the run that is over gets its Merkle root; hex, shortened."""
    first = date.fromisoformat(stage.record.date)
    days = [first + timedelta(days=place) for place in range((today - first).days)]
    answers = {day.isoformat(): stage.console.ask("POST", f"ledger/days/{day}:close", {}) for day in days}
    return {day: str(answer["root"])[:16] for day, answer in answers.items()}
