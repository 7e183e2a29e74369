"""`onecard keys ceremony ...`: the rehearsal on cards in software, and the commands of the real table.

Exit status: 0 done, 1 no, 2 could not be tried, 64 usage.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from card.domain.entropy import SeededEntropy
from card.errors import CardError
from card.texts import both
from firmware_sim.ceremony.drill import Drilled, drill, variant
from firmware_sim.ceremony.table import SLOT, RackCards, RehearsedTable
from firmware_sim.errors import SimError
from firmware_sim.installed import find_chromium
from firmware_sim.rack import DirectRack, PcscRack
from keys.ceremony import cli as table
from keys.ceremony.artefact import file_name
from keys.ceremony.errors import CeremonyError, RehearsalError, UsedError, VoidError
from keys.ceremony.holding import ceremony_folder, hold
from keys.ceremony.minutes import write_minutes
from keys.ceremony.plan import Plan, checked_plan, read_document
from keys.ceremony.standing import standing
from keys.errors import KeysError
from keys.hsm_software import SoftwareHsm
from keys.settings import seed_from_number

EXAMPLE: Final = Path(__file__).resolve().parents[2] / "examples" / "ceremony.toml"
DONE: Final = 0
NO: Final = 1
NOT_TRIED: Final = 2
USAGE: Final = 64
HELP: Final = ("-h", "--help")
_SUBJECTS: Final = {
    "rehearse": "演练：举行一次，再试每一种份额组合 rehearse, then try every set of holders",
    "check-plan": "检查计划 check a plan",
    "run": "按计划举行仪式 hold a ceremony",
    "recover": "按计划恢复密钥 recover keys",
    "check": "核验仪式目录 check a ceremony's folder",
}


def keys_ceremony(argv: list[str]) -> int:
    """Find the subcommand and run it."""
    if argv and argv[0] in _SUBJECTS:
        return rehearse(argv[1:]) if argv[0] == "rehearse" else table.COMMANDS[argv[0]](argv[1:])
    out = sys.stdout if argv and argv[0] in HELP else sys.stderr
    print("密钥仪式 Key ceremonies\n", file=out)
    for name, text in _SUBJECTS.items():
        print(f"  onecard keys ceremony {name:<11} {text}", file=out)
    return DONE if out is sys.stdout else USAGE


def rehearse(argv: list[str]) -> int:
    """The whole of a plan on invented people and cards in software, with the recovery drill."""
    parser = argparse.ArgumentParser(prog="onecard keys ceremony rehearse", description="密钥仪式演练 Rehearse.")
    parser.add_argument("--plan", type=Path, default=EXAMPLE, metavar="FILE", help="default examples/ceremony.toml")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep everything here; else it is thrown away")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed, the same transcript")
    parser.add_argument("--pcsc", action="store_true", help="cards behind a real PC/SC daemon")
    try:
        args = parser.parse_args(argv)
    except SystemExit as left:
        return USAGE if left.code else DONE
    try:
        document = read_document(args.plan)
        plan = checked_plan(document)
        if not plan.rehearsal:
            raise RehearsalError(f"{plan.head.id} is a production plan")
        if args.out and ceremony_folder(args.out, plan.head.id, rehearsal=True).exists():
            raise UsedError(f"{plan.head.id} in {args.out}")
        with _folder(args.out) as folder, _rack(folder, pcsc=args.pcsc) as rack:
            return _rehearse(plan, document, folder, RackCards(rack, folder / "cards"), args.seed)
    except (KeysError, CardError, SimError) as error:
        print(f"{both(error.code)}\n  {error}", file=sys.stderr)
        return NO if isinstance(error, SimError | VoidError) else NOT_TRIED


def _rehearse(plan: Plan, document: dict[str, object], folder: Path, cards: RackCards, seed: int) -> int:
    print(f"演练 REHEARSAL {plan.head.id}: {plan.scheme.kind} {plan.scheme.need}/{plan.scheme.parts}")
    (folder / "cards").mkdir(exist_ok=True)
    room = RehearsedTable(plan, cards, seed, folder / "sheets", _tell)
    try:
        store = SoftwareHsm.from_seed(seed_from_number(seed), "demo")
        done = drill(plan, folder, room, store)
        _stops(variant(document, f"{plan.head.id}-X"), folder, room)
    finally:
        cards.close()
    table.make_minutes(plan, standing(done.held.folder), done.held.folder, find_chromium())
    _sum_up(done, folder)
    return DONE


def _stops(plan: Plan, folder: Path, room: RehearsedTable) -> None:
    """A witness leaves before the end: void, nothing made, a list of what to destroy."""
    print("中途有人离场 somebody walks out before the closing line")
    first = next(one.name for one in plan.persons if "witness" in one.roles)
    room.desk.walks_out = f"{first}: checked"
    for number, holder in enumerate(holder for holder in plan.holders if holder.serial):
        room.cards.remake(holder.serial, holder.card, number)
    try:
        hold(plan, folder, room.room)
    except VoidError as void:
        for item in void.destroy:
            print(f"  ☐ 销毁 destroy {item}")
        where = ceremony_folder(folder, plan.head.id, rehearsal=True)
        write_minutes(plan, standing(where), where / file_name(plan.head.id, True, "minutes.html"))
        return
    raise CeremonyError("a ceremony closed without a witness")


def _sum_up(done: Drilled, folder: Path) -> None:
    print(f"恢复成功 recovered: {done.recovered} 组 sets；不足份数被拒 refused: {done.refused} 组 sets")
    for label, kcv in done.kcvs.items():
        print(f"  {label:<16} KCV {kcv.upper()}")
    print(f"记录末行摘要 last hash {done.held.head}\n演练目录 folder {folder}")


def _tell(zh: str, en: str) -> None:
    print(f"  {zh}  {en}", flush=True)


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        yield out
        return
    folder = Path(tempfile.mkdtemp(prefix="oc-ceremony-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _rack(folder: Path, *, pcsc: bool) -> Iterator[DirectRack | PcscRack]:
    rack = PcscRack([SLOT], folder / "rack") if pcsc else DirectRack(SeededEntropy(0, "rack"))
    try:
        yield rack
    finally:
        rack.close()
