"""`onecard keys ceremony check-plan|run|recover|check`. Exit status: 0 done, 1 no (void), 2 could not be tried."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from card.config import ConfigError
from card.domain.clock import SystemClock
from card.domain.entropy import SystemEntropy
from card.errors import CardError
from card.readers.pcsc import PcscReader, find_reader
from card.texts import both
from keys.ceremony.artefact import file_name
from keys.ceremony.console import ConsoleDesk, ReaderCards, hidden
from keys.ceremony.errors import CeremonyError, PlanError, ReviewError, VoidError
from keys.ceremony.holding import ceremony_folder, hold
from keys.ceremony.minutes import print_pdf, write_minutes
from keys.ceremony.plan import (
    Plan,
    RecoveryPlan,
    checked_plan,
    checked_recovery,
    read_document,
    reviewed_digest,
)
from keys.ceremony.recovery import recover
from keys.ceremony.standing import Standing, standing
from keys.ceremony.table import DevicePrinter, FolderPrinter, Printer, Room
from keys.errors import KeysError
from keys.settings import KeysConfig, load_config

DONE: Final = 0
NO: Final = 1
NOT_TRIED: Final = 2
USAGE: Final = 64
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
SHEETS: Final = "sheets"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def check_plan(argv: list[str]) -> int:
    """Check a plan of a ceremony or a recovery; say which line `review` its reviewers must put in."""
    parser = _Parser(prog="onecard keys ceremony check-plan", description="检查仪式或恢复计划 Check a plan.")
    parser.add_argument("plan", type=Path, metavar="FILE")
    args = parser.parse_args(argv)
    try:
        document = read_document(args.plan)
    except PlanError as error:
        return _say(error, NOT_TRIED)
    try:
        plan = _checked(document)
    except ReviewError as error:
        _say(error, NO)
        print(f'复核人读过全文后写入 two reviewers read it and write:\nreview = "{reviewed_digest(document).hex()}"')
        return NO
    except CeremonyError as error:
        return _say(error, NO)
    _show(plan)
    return DONE


def run(argv: list[str]) -> int:
    """Hold the ceremony of a reviewed plan at a PC/SC reader."""
    parser = _parser("run", "按计划举行仪式 Hold the ceremony of a reviewed plan.")
    args = parser.parse_args(argv)
    try:
        plan = checked_plan(read_document(args.plan))
        config, out = _where(args)
        room = _room(config, args.reader, _printer(plan, out))
        held = hold(plan, out, room)
    except VoidError as void:
        _minutes(plan, ceremony_folder(out, plan.head.id, plan.rehearsal))
        return _void(void)
    except (KeysError, CardError, ConfigError, OSError) as error:
        return _say(error, NOT_TRIED)
    _minutes(plan, held.folder)
    print(f"仪式结束 closed: {held.folder}\n  产物 artefact {held.artefact.name}\n  末行摘要 last hash {held.head}")
    return DONE


def recover_keys(argv: list[str]) -> int:
    """Bring parts together by a reviewed plan; every key is compared by its check value and forgotten again."""
    parser = _parser("recover", "按计划恢复密钥并核对 Recover the keys of a ceremony and compare them.")
    parser.add_argument("--source", required=True, type=Path, metavar="DIR", help="folder of the ceremony")
    args = parser.parse_args(argv)
    try:
        plan = checked_recovery(read_document(args.plan))
        config, out = _where(args)
        room = _room(config, args.reader, FolderPrinter(out / SHEETS))
        found = recover(plan, args.source, out, room)
    except VoidError as void:
        _minutes(plan, ceremony_folder(out, plan.head.id, plan.rehearsal))
        return _void(void)
    except (KeysError, CardError, ConfigError, OSError) as error:
        return _say(error, NOT_TRIED)
    _minutes(plan, found.folder)
    print(f"恢复一致 recovered: {found.folder}")
    for label, key in found.keys.items():
        print(f"  {label} v{found.versions[label]}  KCV {key.kcv.hex().upper()}")
    return DONE


def check(argv: list[str]) -> int:
    """Check a ceremony's folder: its transcript, its artefact, whether it is closed or void."""
    parser = _Parser(prog="onecard keys ceremony check", description="核验仪式目录 Check a ceremony's folder.")
    parser.add_argument("folder", type=Path, metavar="DIR")
    args = parser.parse_args(argv)
    try:
        found = standing(args.folder)
    except CeremonyError as error:
        return _say(error, NO)
    print(f"{len(found.records)} 行 lines, 末行摘要 last hash {found.head}")
    if not found.closed:
        return _void(VoidError("没有结束行 no closing line", found.destroy))
    print(f"已结束 closed{f', 产物相符 artefact {found.path.name}' if found.path else ''}")
    return DONE


# ---- parts --------------------------------------------------------------------------------------------------------


def _parser(name: str, description: str) -> _Parser:
    parser = _Parser(prog=f"onecard keys ceremony {name}", description=description)
    parser.add_argument("--plan", required=True, type=Path, metavar="FILE", help="the reviewed plan")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: ceremonies below the data directory")
    parser.add_argument("--reader", default="", metavar="NAME", help="PC/SC reader; default the first")
    parser.add_argument("--config", type=Path, metavar="FILE", help="default ./onecard.toml, else built in")
    return parser


def _checked(document: dict[str, object]) -> Plan | RecoveryPlan:
    return checked_recovery(document) if "recovery" in document else checked_plan(document)


def _where(args: argparse.Namespace) -> tuple[KeysConfig, Path]:
    config = load_config(args.config)
    return config, args.out or config.data_dir / "ceremonies"


def _printer(plan: Plan, out: Path) -> Printer:
    folder = ceremony_folder(out, plan.head.id, plan.rehearsal)
    return FolderPrinter(folder / SHEETS) if plan.rehearsal else DevicePrinter(Path(plan.head.printer))


def _room(config: KeysConfig, reader: str, printer: Printer) -> Room:
    secret = hidden if sys.stdin.isatty() else _line
    desk = ConsoleDesk(sys.stdout, _line, secret)
    cards = ReaderCards(PcscReader(find_reader(reader)), desk)
    return Room(desk, cards, printer, SystemClock(), SystemEntropy(), config.profile)


def _line(prompt: str) -> str:
    print(prompt, end="", flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError("nobody answers")
    return line.rstrip("\n")


def _minutes(plan: Plan | RecoveryPlan, folder: Path) -> None:
    make_minutes(plan, standing(folder), folder, find_browser())


def find_browser() -> Path | None:
    """A Chromium on the search path."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    return Path(found) if found else None


def make_minutes(plan: Plan | RecoveryPlan, found: Standing, folder: Path, browser: Path | None) -> Path:
    """HTML always, PDF where there is a browser; says which. The path of the better one."""
    html = write_minutes(plan, found, folder / file_name(plan.head.id, plan.rehearsal, "minutes.html"))
    pdf = print_pdf(html, browser) if browser else None
    if pdf is None:
        print(f"纪要 minutes: {html}（无 Chromium，请自行打印 no Chromium here: print it yourself）")
    else:
        print(f"纪要 minutes: {pdf}")
    return pdf or html


def _show(plan: Plan | RecoveryPlan) -> None:
    print(f"计划可用 the plan is good: {plan.head.id} ({plan.head.mode})\n  SM3 {plan.digest.hex()}")
    if isinstance(plan, Plan):
        print(f"  {plan.scheme.kind} {plan.scheme.need}/{plan.scheme.parts}, {len(plan.keys)} 把密钥 keys")
        _list("持有人 holders", [f"{one.person} {one.card} {one.serial} {one.envelope}" for one in plan.holders])
        _list("密钥 keys", [f"{one.label} v{one.version} {one.algorithm} {one.out} {one.under}" for one in plan.keys])
    else:
        _list("份额 parts", [f"{one.person} {one.medium} {one.serial or one.envelope}" for one in plan.holders])


def _list(title: str, rows: Sequence[str]) -> None:
    print(f"  {title}")
    for row in rows:
        print(f"    {' '.join(row.split())}")


def _void(void: VoidError) -> int:
    print(f"{both(void.code)}\n  {void.reason}", file=sys.stderr)
    for item in void.destroy:
        print(f"  ☐ 销毁 destroy {item}", file=sys.stderr)
    if not void.destroy:
        print("  无须销毁 nothing to destroy", file=sys.stderr)
    return NO


def _say(error: Exception, status: int) -> int:
    code = getattr(error, "code", "")
    print(f"{both(code)}\n  {error}" if code else str(error), file=sys.stderr)
    return status


COMMANDS: Final[dict[str, Callable[[list[str]], int]]] = {
    "check-plan": check_plan,
    "run": run,
    "recover": recover_keys,
    "check": check,
}
