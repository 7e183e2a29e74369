"""What can end a world's step: a broken invariant, or a process that died on purpose."""

from firmware_sim.errors import SimError


class BrokenInvariantError(SimError):
    """An invariant does not hold: its name, and what was seen."""

    code = "E-SIM-INVARIANT"

    def __init__(self, name: str, seen: str) -> None:
        super().__init__(f"{name}: {seen}")
        self.name = name
        self.seen = seen


class ProcessDiedError(SimError):
    """A process of the world was killed in the middle of its work; the step that planned it starts it again."""

    code = "E-SIM-KILLED"


def demand(holds: bool, name: str, seen: str) -> None:
    """BrokenInvariantError unless `holds`."""
    if not holds:
        raise BrokenInvariantError(name, seen)
