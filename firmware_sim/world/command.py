"""`onecard world`: run seeded worlds, show how each went, end with the table of invariants."""

import argparse
import json
import sys
import time
from dataclasses import asdict

from firmware_sim.world.invariants import Finding
from firmware_sim.world.run import Report, run

DONE, NO, USAGE = 0, 1, 64
STEPS = 500


def main_world(argv: list[str]) -> int:
    """Exit status 0 when every invariant held in every world, 1 when one did not, 64 for wrong arguments."""
    parser = argparse.ArgumentParser(prog="onecard world", description="按种子跑模拟世界 · run seeded worlds")
    parser.add_argument("--seed", type=int, default=1, help="first seed 首个种子")
    parser.add_argument("--seeds", type=int, default=1, help="how many worlds 世界个数")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of each 每个世界的步数")
    parser.add_argument("--json", action="store_true", help="one JSON line a world 每个世界一行 JSON")
    try:
        options = parser.parse_args(argv)
    except SystemExit as left:
        return DONE if left.code == 0 else USAGE
    if options.seed < 0 or options.seeds < 1 or options.steps < 1:
        print("--seed from 0, --seeds and --steps from 1", file=sys.stderr)
        return USAGE
    table = Table()
    for seed in range(options.seed, options.seed + options.seeds):
        began = time.monotonic()
        report = run(seed, options.steps)
        table.add(report)
        _show(report, time.monotonic() - began, as_json=options.json)
    if not options.json:
        table.show()
    return DONE if table.ok else NO


class Table:
    """Every invariant over all worlds."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Finding]] = {}
        self._worlds = 0
        self._failed: list[Report] = []

    @property
    def ok(self) -> bool:
        return not self._failed

    def add(self, report: Report) -> None:
        """One more world."""
        self._worlds += 1
        for finding in report.findings:
            self._rows.setdefault(finding.name, []).append(finding)
        if not report.ok:
            self._failed.append(report)

    def show(self) -> None:
        """Invariants with the figures of the last world, then the lines that replay what failed."""
        print(f"\n不变量 invariants · {self._worlds} 个世界 worlds")
        for name, findings in self._rows.items():
            broken = sum(1 for finding in findings if not finding.ok)
            mark = "✗" if broken else "✓"
            print(f"  {mark} {name:<40} {len(findings) - broken}/{len(findings)}  {findings[-1].value}")
        for report in self._failed:
            print(f"重放 replay: {report.replay}")


def _show(report: Report, seconds: float, *, as_json: bool) -> None:
    if as_json:
        found = {finding.name: {"ok": finding.ok, "value": finding.value} for finding in report.findings}
        line: dict[str, object] = {
            "seed": report.seed,
            "steps": report.steps,
            "ok": report.ok,
            "seconds": round(seconds, 2),
        }
        line |= {"invariants": found, "broken": [asdict(finding) for finding in report.broken()]}
        print(json.dumps(line | {"counts": report.counts}, ensure_ascii=False), flush=True)
        return
    counts = report.counts
    told = f"{counts.get('debited', 0)} rides paid, {counts.get('loaded', 0)} loads, {counts.get('entered', 0)} entries"
    mark = "✓" if report.ok else "✗"
    print(f"{mark} seed {report.seed}  {report.steps} steps  {seconds:.1f} s  {told}", flush=True)
    for finding in report.broken():
        print(f"    {finding.name}: {finding.broken}")
