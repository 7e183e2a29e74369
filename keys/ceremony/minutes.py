"""The minutes: what the transcript and the plan say, on paper for hands to sign, Chinese first. HTML, and PDF of it.

Made from records that were read back and checked, never from memory of the run. Nothing in them is secret.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from card.domain.clock import business_time, from_ms
from keys.ceremony.artefact import KCV_RULES
from keys.ceremony.plan import Person, Plan, RecoveryPlan
from keys.ceremony.standing import Standing
from keys.ceremony.transcript import MARK, Record

PRINT_TIMEOUT_S: Final = 60
_ROLES: Final = {
    "custodian": "保管人 custodian",
    "officer": "安全员 security officer",
    "witness": "见证人 witness",
    "auditor": "审计员 auditor",
}
_STEPS: Final = {
    "opened": "仪式开始 opened",
    "present": "人员到齐 people present",
    "key-made": "生成密钥 key made",
    "card-begun": "开始写卡 card begun",
    "card-written": "写卡完成并回读 card written and read back",
    "sheet-begun": "开始打印 sheet begun",
    "sheet-sealed": "密钥纸封存 sheet sealed",
    "proved": "各合规组合均可恢复 every set within the policy recovers",
    "artefact": "产物文件 artefact",
    "part-taken": "收到份额 part taken",
    "key-recovered": "密钥恢复 key recovered",
    "keys-stored": "密钥入库 keys stored",
    "card-emptying": "开始清空运输卡 emptying card",
    "card-emptied": "运输卡已清空 card emptied",
    "closed": "仪式结束 closed",
    "void": "作废 void",
}
_THINGS: Final = {"card": "卡", "envelope": "信封"}
_STYLE: Final = """
@page { size: A4; margin: 16mm 15mm 18mm; }
body { font: 10.5pt/1.45 'Noto Sans CJK SC', 'WenQuanYi Micro Hei', 'WenQuanYi Zen Hei', sans-serif; color: #111; }
h1 { font-size: 17pt; margin: 0 0 1mm; } h2 { font-size: 11.5pt; margin: 6mm 0 1.5mm; }
p { margin: 1mm 0; } .en { color: #444; }
table { border-collapse: collapse; width: 99.6%; break-inside: auto; } tr { break-inside: avoid; }
th, td { border: .3pt solid #777; padding: 1mm 1.6mm; text-align: left; vertical-align: top; font-size: 9.3pt; }
th { background: #eee; font-weight: 600; } td.fact { width: 42mm; background: #f6f6f6; }
code { font: 8.6pt 'DejaVu Sans Mono', monospace; word-break: break-all; }
td.kcv { font: 600 9.5pt/1.45 'DejaVu Sans Mono', monospace; }
.mark { border: 1.6pt solid #b00; color: #b00; font-weight: 700; text-align: center; padding: 1.5mm; margin: 0 0 4mm; }
.water { position: fixed; top: 44%; left: 0; right: 0; text-align: center; font-size: 54pt; white-space: nowrap;
  font-weight: 700; color: #b00; opacity: .08; transform: rotate(-28deg); }
.sign td { height: 9mm; } .sign th:nth-child(3) { width: 34%; } .sign th:nth-child(4) { width: 14%; }
.box { font-size: 13pt; }
"""


def page(plan: Plan, found: Standing) -> str:
    """The minutes of a ceremony as HTML that needs nothing else."""
    head = plan.head
    title = f"{escape(head.zh)}<br><span class=en>{escape(head.en)}</span>"
    body = [
        _banner(plan.rehearsal, found),
        f"<h1>密钥仪式纪要 <span class=en>Minutes of a key ceremony</span></h1><p>{title}</p>",
        _table(_facts(plan, found)),
        "<h2>人员 People</h2>",
        _grid(("姓名 name", "角色 role"), [(one.name, _roles(plan, one)) for one in plan.persons]),
        "<h2>密钥 Keys</h2>",
        _keys(plan, found.records),
        "<h2>份额去向 Where the parts are</h2>",
        _parts(plan, found.records),
        "<h2>经过 Course</h2>",
        _course(plan, found.records),
        _destroy(found),
        "<h2>签字 Signatures</h2>",
        _statement(found),
        _signatures(plan),
    ]
    return _document(f"{head.id}", plan.rehearsal, body)


def recovery_page(plan: RecoveryPlan, found: Standing) -> str:
    """The minutes of a recovery: who brought what, which keys came back."""
    head = plan.head
    rows = [
        ("编号 number", escape(head.id)),
        ("恢复 recovers", escape(head.of)),
        ("事由 reason", escape(head.reason)),
        ("地点 place", escape(head.place)),
        ("时间 time", f"{_time(found.records[0])} – {_time(found.records[-1])}（北京时间 UTC+8）"),
        ("起草、复核 author, reviewers", escape("、".join(map(plan.name, (head.author, *head.reviewed_by))))),
        ("计划摘要 plan SM3", f"<code>{plan.digest.hex()}</code>"),
        ("记录末行摘要 transcript SM3", f"<code>{found.head}</code>"),
    ]
    body = [
        _banner(plan.rehearsal, found),
        "<h1>密钥恢复纪要 <span class=en>Minutes of a key recovery</span></h1>",
        _table(rows),
        "<h2>经过 Course</h2>",
        _course(plan, found.records),
        _destroy(found),
        "<h2>签字 Signatures</h2>",
        _signatures(plan),
    ]
    return _document(head.id, plan.rehearsal, body)


def write_minutes(plan: Plan | RecoveryPlan, found: Standing, path: Path) -> Path:
    """Write the page to `path`."""
    path.write_text(page(plan, found) if isinstance(plan, Plan) else recovery_page(plan, found), "utf-8")
    return path


def print_pdf(html: Path, browser: Path) -> Path | None:
    """`html` as PDF of the same name, by a Chromium; None when it does not succeed: the page can be printed by hand."""
    pdf = html.with_suffix(".pdf").absolute()
    command = [str(browser), "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    command += [f"--print-to-pdf={pdf}", html.absolute().as_uri()]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=PRINT_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError):
        return None
    return pdf if pdf.is_file() else None


def _document(title: str, rehearsal: bool, body: Sequence[str]) -> str:
    water = f'<div class="water">演练 {MARK}</div>' if rehearsal else ""
    return (
        f'<!doctype html>\n<html lang="zh"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style>{water}\n" + "\n".join(part for part in body if part) + "\n</html>\n"
    )


def _banner(rehearsal: bool, found: Standing) -> str:
    lines = []
    if rehearsal:
        lines.append(f"演练，非正式密钥，不得用于正式发卡 {MARK}: these keys are for no production")
    if not found.closed:
        lines.append("本次仪式作废 THIS CEREMONY IS VOID")
    return "".join(f'<div class="mark">{line}</div>' for line in lines)


def _facts(plan: Plan, found: Standing) -> list[tuple[str, str]]:
    head, scheme = plan.head, plan.scheme
    kind = "分量异或 components, XOR" if scheme.kind == "components" else "门限份额 shares, SLIP-39"
    rows = [
        ("编号 number", escape(head.id)),
        ("地点 place", escape(head.place)),
        ("时间 time", f"{_time(found.records[0])} – {_time(found.records[-1])}（北京时间 UTC+8）"),
        ("保管层级 custody", escape(head.custody)),
        ("方式 scheme", f"{kind}：{scheme.parts} 份中需 {scheme.need} 份 {scheme.need} of {scheme.parts}"),
        ("起草、复核 author, reviewers", escape("、".join(map(plan.name, (head.author, *head.reviewed_by))))),
        ("计划摘要 plan SM3", f"<code>{plan.digest.hex()}</code>"),
        ("记录末行摘要 transcript SM3", f"<code>{found.head}</code>"),
    ]
    made = [record for record in found.records if record["what"] == "artefact"]
    if made and found.closed:
        rows.append(("产物 artefact SM3", f"{escape(made[-1]['file'])}<br><code>{made[-1]['sm3']}</code>"))
    return rows


def _keys(plan: Plan, records: Sequence[Record]) -> str:
    made = {record["label"]: record for record in records if record["what"] == "key-made"}
    rows = [
        (
            f"{key.label} v{key.version}",
            f"{key.algorithm.upper()} {key.bytes * 8} bit",
            key.usage,
            f"{key.valid_from} – {key.valid_to}",
            "分发 given out" if key.out == "parts" else f"密封 sealed: {key.under}",
            made[key.label]["kcv"].upper() if key.label in made else "",
            KCV_RULES[key.algorithm],
        )
        for key in plan.keys
    ]
    return _grid(
        ("密钥 key", "算法 algorithm", "用途 usage", "有效期 validity", "去向 out", "校验值 KCV", "规则 rule"),
        rows,
        kcv=5,
    )


def _parts(plan: Plan, records: Sequence[Record]) -> str:
    """One row a holder and key; the check value stands where a part was really given."""
    given: dict[tuple[int, str], str] = {}
    for record in records:
        for row in [*record.get("slots", ()), *record.get("sheets", ())]:
            given[record["part"], row["label"]] = row["check"]
    rows = []
    for number, holder in enumerate(plan.holders, 1):
        kind = {"mother": "母卡 mother", "transport": "运输卡 transport", "": ""}[holder.card]
        for slot, key in enumerate(plan.given_out, 1):
            check = given.get((number, key.label), "—")
            card = f"{kind} {holder.serial} / {slot}" if holder.card else "—"
            rows.append((str(number), plan.name(holder.person), key.label, card, holder.envelope or "—", check))
    return _grid(
        ("份 part", "保管人 holder", "密钥 key", "卡、槽 card, slot", "信封 envelope", "校验 check"), rows, kcv=5
    )


def _course(plan: Plan | RecoveryPlan, records: Sequence[Record]) -> str:
    names = {one.id: one.name for one in plan.persons}
    rows = [
        (
            str(record["n"]),
            _time(record)[11:],
            _STEPS[str(record["what"])],
            _detail(record, names),
        )
        for record in records
    ]
    return _grid(("行 line", "时刻 time", "事项 step", "说明 detail"), rows)


def _detail(record: Record, names: Mapping[str, str]) -> str:
    what: Mapping[str, Any] = record
    shown = [str(what[name]) for name in ("label", "serial", "envelope", "reason", "file") if name in what]
    shown += [names.get(str(what["person"]), "")] if "person" in what else []
    if "kcv" in what:
        shown.append(f"KCV {what['kcv'].upper()}")
    if "sets" in what:
        shown.append(f"{what['sets']} 组 sets")
    if "part" in what:
        shown.append(f"第 {what['part']} 份")
    return " · ".join(shown)


def _destroy(found: Standing) -> str:
    if found.closed:
        return ""
    items = "".join(
        f'<p><span class="box">☐</span> {_THINGS[item.split()[0]]} {escape(item)}</p>' for item in found.destroy
    )
    return "<h2>须当场销毁 To be destroyed at the table</h2>" + (items or "<p>无 nothing</p>")


def _statement(found: Standing) -> str:
    if not found.closed:
        return "<p>未产生任何密钥；上列物品已当面销毁。No key was made; the things listed were destroyed before us.</p>"
    return (
        "<p>各保管人只接触本人份额；以上校验值、卡号、信封号与所见一致。</p>"
        '<p class="en">Each custodian handled their own part only; check values, cards and envelopes are as seen.</p>'
    )


def _signatures(plan: Plan | RecoveryPlan) -> str:
    people = [one for one in plan.persons if one.roles]
    rows = "".join(
        f"<tr><td>{escape(one.name)}</td><td>{_roles(plan, one)}</td><td></td><td></td></tr>" for one in people
    )
    return (
        '<table class="sign"><tr><th>姓名 name</th><th>角色 role</th><th>签字 signature</th><th>日期 date</th></tr>'
        f"{rows}</table>"
    )


def _roles(plan: Plan | RecoveryPlan, one: Person) -> str:
    names = [_ROLES[role] for role in one.roles]
    names += ["起草人 author"] if one.id == plan.head.author else []
    names += ["复核人 reviewer"] if one.id in plan.head.reviewed_by else []
    return "、".join(names)


def _time(record: Record) -> str:
    return business_time(from_ms(record["at_ms"])).strftime("%Y-%m-%d %H:%M:%S")


def _table(rows: Sequence[tuple[str, str]]) -> str:
    """Values are HTML."""
    return (
        "<table>"
        + "".join(f'<tr><td class="fact">{name}</td><td>{value}</td></tr>' for name, value in rows)
        + "</table>"
    )


def _grid(heads: Sequence[str], rows: Sequence[Sequence[str]], kcv: int = -1) -> str:
    """Cells are text."""
    top = "".join(f"<th>{head}</th>" for head in heads)
    lines = []
    for row in rows:
        cells = (
            f'<td class="kcv">{escape(cell)}</td>' if place == kcv else f"<td>{escape(cell)}</td>"
            for place, cell in enumerate(row)
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><tr>{top}</tr>{''.join(lines)}</table>"
