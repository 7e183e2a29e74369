"""Check us without us: commands of other people's programs over what this run left behind."""

from firmware_sim.demo.record import Check
from firmware_sim.demo.stage import Stage


def build(stage: Stage) -> list[Check]:
    """The commands with their expected output."""
    return []
