"""`onecard tears`: power taken at every moment, and how many moments there are."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence

from firmware_sim.tears import loads, rides, upkeep
from firmware_sim.tears.cutting import Enumeration, Operation, cut_twice, enumerate_cuts, table
from firmware_sim.tears.makings import MAKING, enumerate_makings
from firmware_sim.tears.platter import Verdict
from firmware_sim.tears.power_of_chips import judge_life, live

DONE, NO, USAGE = 0, 1, 64
OPERATIONS: tuple[Operation, ...] = (
    loads.LOAD,
    loads.LOAD_TERMINAL,
    rides.SIMPLE,
    rides.SIMPLE_PSAM,
    rides.COMPOUND,
    rides.IN_THE_AIR,
    rides.COMPOUND_PSAM,
    rides.COMPOUND_TERMINAL,
    upkeep.RECORDS,
    upkeep.RECORDS_TERMINAL,
    upkeep.OPEN_RECORDS,
    upkeep.PIN,
    upkeep.KEY,
    upkeep.MASTER_KEY,
    upkeep.RECORDS3,
    upkeep.PIN3,
    upkeep.KEY3,
    upkeep.MASTER_KEY3,
)


def main_tears(argv: list[str]) -> int:
    """Exit status 0 when nothing was lost anywhere, 1 when something was, 64 for wrong arguments."""
    parser = argparse.ArgumentParser(
        prog="onecard tears",
        description="在每一个时刻断电，看下一次能否办完或还原 · take the power at every moment, once or twice",
    )
    parser.add_argument(
        "words", nargs="*", metavar="WORD", help="只做名称含该词的 only operations with a WORD in their name"
    )
    parser.add_argument("--twice", action="store_true", help="下一次也断 · cut the next session at every moment too")
    parser.add_argument("--json", action="store_true", help="one JSON line an operation 每项一行 JSON")
    try:
        options = parser.parse_args(argv)
    except SystemExit as left:
        return DONE if left.code == 0 else USAGE
    began = time.process_time()
    found = list(enumerations(options.words, twice=options.twice))
    if not found:
        print(f"no operation of that name; there are: {', '.join(item.name for item in OPERATIONS)}", file=sys.stderr)
        return USAGE
    power = {} if options.words else dict(power_loss())
    _show(found, power, as_json=options.json)
    if not options.json:
        print(f"{time.process_time() - began:.1f} s CPU")
    return NO if any(item.wrong for item in found) or any(item.bad for item in power.values()) else DONE


def enumerations(words: Sequence[str] = (), *, twice: bool = False) -> Iterator[Enumeration]:
    """Every operation (with one of `words` in its name) cut everywhere; personalisation once, each memory resumed."""
    for operation in (*OPERATIONS, MAKING):
        if words and not any(word in operation.name for word in words):
            continue
        if operation is MAKING:
            yield enumerate_makings()
        else:
            yield cut_twice(operation) if twice else enumerate_cuts(operation)


def power_loss() -> Iterator[tuple[str, Verdict]]:
    """The files of a card and of a module under power loss."""
    for name, life in zip(("card file 卡", "module file PSAM"), live(), strict=True):
        yield name, judge_life(life)


def _show(found: list[Enumeration], power: dict[str, Verdict], *, as_json: bool) -> None:
    if as_json:
        for item in found:
            print(json.dumps(_line(item), ensure_ascii=False), flush=True)
        for name, verdict in power.items():
            line = {"power_loss": name, "cuts": verdict.cuts, "states": verdict.states, "bad": verdict.bad}
            print(json.dumps(line, ensure_ascii=False), flush=True)
        return
    print("\n".join(table(found)))
    for name, verdict in power.items():
        print(f"power loss 掉电, {name}: {verdict.cuts} cuts, {verdict.states} states, {verdict.bad} bad")
    broken = [text for item in found for text in item.wrong] + [text for v in power.values() for text in v.broken]
    for text in broken:
        print(f"✗ {text}")


def _line(item: Enumeration) -> dict[str, object]:
    return {
        "operation": item.operation.name,
        "points": len(item.points),
        "answers": item.answers,
        "writes": item.writes,
        "cuts": len(item.cuts),
        "completed": item.ended("completed"),
        "undone": item.ended("undone"),
        "wrong": list(item.wrong),
        "screens": dict(item.screens),
    }
