"""Run a world: its steps in one seeded loop, its invariants on the way and at the end, and the line to replay it."""

import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from firmware_sim.world import steps_cards, steps_codes, steps_line, steps_office
from firmware_sim.world.book import read
from firmware_sim.world.errors import BrokenInvariantError
from firmware_sim.world.invariants import ALWAYS, SETTLED, Finding, inspect
from firmware_sim.world.settle import settle
from firmware_sim.world.street import quick_folder
from firmware_sim.world.world import World

Step = Callable[[World], None]
# What happens, and how often in about a thousand steps. A round with the server costs as much as twenty rides.
STEPS: tuple[tuple[int, Step], ...] = (
    (450, steps_line.minutes),
    (90, steps_line.plug),
    (14, steps_line.clock_jumps),
    (8, steps_line.night),
    (2, steps_line.days),
    (13, steps_line.round_trip),
    (17, steps_line.upload),
    (6, steps_line.newest_first),
    (25, steps_line.late_letter),
    (4, steps_line.same_batch_again),
    (1, steps_line.server_restarts),
    (2, steps_line.server_dies),
    (10, steps_line.police_line),
    (110, steps_cards.ride),
    (60, steps_cards.torn_ride),
    (30, steps_cards.come_back),
    (10, steps_cards.module_falls_out),
    (20, steps_cards.killed_while_serving),
    (25, steps_cards.stay),
    (10, steps_cards.load),
    (15, steps_cards.troubled_load),
    (20, steps_cards.finder),
    (30, steps_codes.fresh_code),
    (35, steps_codes.same_code_again),
    (6, steps_codes.torn_picture),
    (8, steps_codes.gate_killed),
    (8, steps_codes.people_leave),
    (6, steps_office.report_loss),
    (6, steps_office.found),
    (6, steps_office.replacement),
    (4, steps_office.desk_round),
)
CHECK_EVERY = 300
# An application is full of cycles with a database in them: left alone, two hundred worlds take a gigabyte.
COLLECT_EVERY = 5


@dataclass
class Report:
    """How a world went. `counts` what happened in it, `findings` one per invariant."""

    seed: int
    steps: int
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)

    @property
    def replay(self) -> str:
        """The line that runs this world again."""
        return f"onecard world --seed {self.seed} --steps {self.steps}"

    def told(self) -> str:
        """The line to replay it and what was seen, for whoever reads a failed test."""
        seen = [f"  {finding.name}: {finding.broken}" for finding in self.broken()]
        return "\n".join([f"replay: {self.replay}", *seen])

    def broken(self) -> list[Finding]:
        """The invariants that do not hold."""
        return [finding for finding in self.findings if not finding.ok]


def run(seed: int, steps: int, check_every: int = CHECK_EVERY) -> Report:
    """One world from opening to settlement."""
    with quick_folder() as folder:
        world = World(seed, Path(folder))
        try:
            return _run(world, steps, check_every)
        except BaseException:
            print(f"replay: {Report(seed, steps).replay}", file=sys.stderr)
            raise
        finally:
            world.close()
            del world
            if seed % COLLECT_EVERY == 0:
                gc.collect()


def _run(world: World, steps: int, check_every: int) -> Report:
    report = Report(world.seed, steps, counts=world.done)
    table = [step for weight, step in STEPS for _ in range(weight)]
    at, name = 0, ""
    try:
        for at in range(1, steps + 1):
            world.clock.advance(world.chance.between(1, 30))
            step = world.chance.pick(table)
            name = step.__name__
            step(world)
            world.count(f"step {name}")
            if at % check_every == 0:
                report.findings = inspect(world, read(world), ALWAYS)
                if not report.ok:
                    return report
        at, name = steps, "settle"
        settle(world)
    except BrokenInvariantError as broken:
        report.findings = [Finding(broken.name, f"step {at} {name}", broken.seen)]
        return report
    report.findings = inspect(world, read(world), ALWAYS + SETTLED)
    return report
