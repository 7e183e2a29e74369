"""After the last step: everything is synchronised, the laws are tested, the pictures of the page are gathered."""

import platform
import sqlite3
import tomllib
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from card.channel import standard
from card.domain.clock import business_time, from_ms
from card.domain.event import parse_event
from card.domain.identity import CitizenId, IdentityFormatError
from card.pin import Pin
from firmware_sim.demo.cast import choose
from firmware_sim.demo.record import Invariant, RunRecord
from firmware_sim.demo.stage import Holder, Stage
from firmware_sim.demo.steps_ride import purse_of
from firmware_sim.stand_ins import STAND_INS
from issuance.photo import draw_stand_in
from issuance.reference import load_reference
from terminal.card_dump import Line, dump

MOST_ACCESSES = 24
SHOWN_VERSIONS = ("pyscard", "cryptography", "fastapi", "sqlalchemy", "pymodbus", "zxing-cpp", "segno")
ENDED = frozenset({"2", "9"})
# Records shown at once; the rest unfolds.
NOTABLE = ("atr", "card_id", "version", "card_no", "citizen_no", "name", "birth_date", "balance", "issuer", "serial")
ANSWERS = {"grant": "放行 granted", "deny": "拒绝 refused", "refer": "转人工 referred"}
ACTIONS = {
    "bus": "乘车 bus ride",
    "hotel": "酒店登记 hotel check-in",
    "scenic": "入园 park entry",
    "kiosk": "自助机 kiosk",
    "load": "圈存 purse load",
    "read": "查阅 read",
}


def settle(stage: Stage) -> None:
    """Every line is up, everything is uploaded and projected."""
    for device in stage.street.devices.values():
        device.line.down = False
    stage.console.ask("POST", "sync")
    for _ in range(2):
        stage.street.sync_all()
        stage.console.ask("POST", "sync")


def judge(stage: Stage) -> None:
    """Fill `record.invariants`, `money` and the figures. Chips and journals are the witnesses against the books."""
    record = stage.record
    book = {name: int(fen) for name, fen in _asked(stage, "ledger/balances", "balances").items()}
    server = _asked(stage, "invariants", "invariants")
    events = _events(stage)
    live = [holder for holder in stage.holders if stage.branch.card(holder.card_id).status not in ENDED]
    record.money |= _money(stage, record, live, book, events)
    money = record.money
    gap = money["loaded"] - money["on_cards"] - money["on_road"] - money["in_book"]
    differing = _differing(stage, live, book)
    taken = sum(sum(counts.values()) for counts in server["events_by_verdict"]["value"].values())
    opened = sum(1 for gate in stage.street.gates.values() for _coil, on in gate.moves if on)
    entries = sum(1 for event in events if event["type"] == "scenic" and event["outcome"] == "posted")
    unsent = sum(device.journal.state().unsent + device.journal.state().pending for device in _devices(stage))
    cleared = next((step.evidence.get("difference_fen") for step in record.steps if step.id == "clearing"), None)
    once = server["events_posted_once"]
    record.invariants = [
        Invariant(
            "money_constant", gap == 0, gap, "圈存 = 卡上 + 路上 + 账上，差", "loaded = cards + road + book, difference"
        ),
        Invariant("ledger_sums_to_zero", sum(book.values()) == 0, sum(book.values()), "总账合计", "ledger sums to"),
        Invariant(
            "book_equals_chips", not differing, len(differing), "账面与芯片不符的卡", "cards whose chip and book differ"
        ),
        Invariant("events_posted_once", bool(once["ok"]), len(events), "事件，各入账一次", "events, each posted once"),
        Invariant(
            "events_all_taken", taken == len(events), len(events) - taken, "日志有而平台没有", "events the server lacks"
        ),
        Invariant("nothing_waits", unsent == 0, unsent, "未传或未决", "unsent or unresolved"),
        Invariant(
            "gates_have_events", opened == entries, opened - entries, "无事件的开门", "gate openings without an event"
        ),
        Invariant("clearing_equals_journals", cleared == 0, cleared, "清分与日志之差", "clearing against journals"),
    ]
    record.figures |= _figures(stage, record, events)
    record.figures["unaccounted_fen"] = abs(gap)


def _asked(stage: Stage, path: str, member: str) -> dict[str, Any]:
    answer = stage.console.ask("GET", path)[member]
    assert isinstance(answer, dict)
    return answer


def _devices(stage: Stage) -> list[Any]:
    return list(stage.street.devices.values())


def _events(stage: Stage) -> list[dict[str, Any]]:
    """Every event of every journal, as its own bytes say; read from the files, as an auditor would."""
    found = []
    for device in _devices(stage):
        with closing(sqlite3.connect(device.journal_path)) as file:
            rows = file.execute("SELECT raw, verdict FROM events ORDER BY seq").fetchall()
        found += [_event(bytes(raw), str(verdict or "")) for raw, verdict in rows]
    return found


def _event(raw: bytes, verdict: str) -> dict[str, Any]:
    event = parse_event(raw)
    amount, price = event.body.get("amount", 0), event.body.get("price", 0)
    return {
        "type": event.type,
        "outcome": event.body.get("outcome", ""),
        "amount": amount if isinstance(amount, int) else 0,
        "price": price if isinstance(price, int) else 0,
        "verdict": verdict,
    }


def _money(
    stage: Stage, record: RunRecord, live: list[Holder], book: dict[str, int], events: list[dict[str, Any]]
) -> dict[str, int]:
    """Loaded is counted at the kiosk, cards by their chips, the road by the journals, the book by the ledger."""
    cleared = next((step.evidence.get("paid_fen", 0) for step in record.steps if step.id == "clearing"), 0)
    payable = -sum(fen for name, fen in book.items() if name.startswith("operator:"))
    suspense = -sum(
        fen for name, fen in book.items() if name.startswith(("suspense:", "transfer:", "heirs:", "scheme-loss"))
    )
    road = sum(e["amount"] for e in events if e["type"] == "bus" and e["outcome"] == "posted" and not e["verdict"])
    operators = int(cleared) + payable
    return {
        "loaded": sum(holder.loaded for holder in stage.holders),
        "on_cards": sum(purse_of(holder).balance for holder in live),
        "on_road": road,
        "operators": operators,
        "suspense": suspense,
        "ridden": operators,
        "in_book": operators + suspense,
    }


def _differing(stage: Stage, live: list[Holder], book: dict[str, int]) -> list[str]:
    found = []
    for holder in live:
        asn = stage.branch.card(holder.card_id).asn
        if -book.get(f"purse:{asn}", 0) != purse_of(holder).balance:
            found.append(holder.card_id)
    return found


def _figures(stage: Stage, record: RunRecord, events: list[dict[str, Any]]) -> dict[str, Any]:
    money = record.money
    paid = sum(int(line.get("paid_fen", 0)) for line in record.benefit_lines)
    gate = sum(int(e["price"]) for e in events if e["type"] == "scenic" and e["outcome"] == "posted")
    return {
        "cards": len(stage.holders),
        "taps": len(events),
        "moved_fen": money["loaded"] + money["operators"] + paid + gate,
        "faults": sum(1 for step in record.steps for panel in step.panels if panel.fault),
        "real": "pcscd + vpcd, pyscard, pty, Modbus RTU, SQLite, HTTP, 3DES, SM2/SM3",
    }


def gather(stage: Stage) -> None:
    """Pictures of the page: the card, who used it, stand-ins, versions."""
    holder = choose(stage).main
    record = stage.record
    record.card_view = _card_view(stage, holder)
    record.accesses = _accesses(stage, holder)
    record.stand_ins = [
        {
            "zh": f"{item.zh}：{item.what_zh}",
            "en": f"{item.en}: {item.what_en}",
            "port": ", ".join(item.ports),
            "test": item.test,
            "who": f"{item.supplier_zh} {item.supplier_en}",
        }
        for item in STAND_INS
    ]
    record.versions = {"onecard": _own_version(), "Python": platform.python_version()}
    record.versions |= {name: _version(name) for name in SHOWN_VERSIONS}


def _own_version() -> str:
    """From the checkout itself: it runs without being installed."""
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    return str(tomllib.loads(project.read_text("utf-8"))["project"]["version"])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "—"


def _card_view(stage: Stage, holder: Holder) -> dict[str, Any]:
    stage.rack.insert("counter-card", holder.chip)
    try:
        channel = standard(stage.rack.reader("counter-card").connect())
        try:
            found = dump(channel, Pin(holder.pin))
        finally:
            channel.close()
    finally:
        stage.rack.eject("counter-card")
    view = stage.branch.card(holder.card_id)
    return {
        "name": holder.name,
        "number": _masked(holder.id_no),
        "card_no": view.card_no,
        "issued": f"{view.issued[:4]}-{view.issued[4:6]}-{view.issued[6:]}",
        "photo": draw_stand_in(holder.person_id, load_reference().photo),
        "tree": _tree(found),
        "records": [_record(line, holder) for line in found if line.hex or line.value],
    }


def _masked(number: str) -> str:
    try:
        return CitizenId(number).masked()
    except IdentityFormatError:
        return f"{number[:3]}***{number[-2:]}"


def _record(line: Line, holder: Holder) -> dict[str, Any]:
    """A synthetic person's data may be shown; the number is masked all the same, as any screen masks it."""
    secret = line.name == "citizen_no"
    value = _masked(holder.id_no) if secret else line.value
    shown = line.hex[:4] + "…" if secret else line.hex[:64] + ("…" if len(line.hex) > 64 else "")
    where = f"{line.file} {line.name}".strip()
    notable = line.name in NOTABLE or line.file.endswith(":01")
    return {"where": where, "zh": line.zh, "en": line.en, "hex": shown, "value": value, "shown": notable}


def _tree(lines: list[Line]) -> str:
    """The chip's files as a tree, by directory."""
    folders: dict[str, list[str]] = {}
    for line in lines:
        folder, _, name = line.file.rpartition("/") if "/" in line.file else ("MF", "", line.file)
        names = folders.setdefault(folder, [])
        name = name.partition(":")[0]
        if name not in names:
            names.append(name)
    out = ["芯片 chip"]
    for place, (folder, names) in enumerate(folders.items()):
        last = place == len(folders) - 1
        out.append(f"{'└' if last else '├'}─ {folder}")
        stem = " " if last else "│"
        out += [f"{stem}  {'└' if name == names[-1] else '├'}─ {name}" for name in names]
    return "\n".join(out)


def _accesses(stage: Stage, holder: Holder) -> list[dict[str, str]]:
    uses = stage.console.ask("GET", f"cards/{holder.card_id}/uses")["uses"]
    names = {device.post.terminal.hex: device.id for device in _devices(stage)}
    return [_access(use, names) for use in uses[:MOST_ACCESSES]]


def _access(use: dict[str, Any], names: dict[str, str]) -> dict[str, str]:
    answer, _, rest = str(use["detail"]).partition(" ")
    return {
        "at": f"{business_time(from_ms(int(use['at_ms']))):%m-%d %H:%M:%S}",
        "who": names.get(str(use["actor"]), str(use["actor"])),
        "what": ACTIONS.get(str(use["action"]), str(use["action"])),
        "data": str(use["place"]),
        "result": f"{ANSWERS[answer]} {rest}" if answer in ANSWERS else str(use["detail"]),
    }
