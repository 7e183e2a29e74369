"""What keeps a bench from giving a figure."""

from firmware_sim.errors import SimError


class BenchSkippedError(SimError):
    """The machine lacks what this bench measures; said aloud, never passed over."""

    code = "E-BENCH-SKIPPED"


class BenchWrongError(SimError):
    """What was measured gave a wrong result: its speed says nothing."""

    code = "E-BENCH-WRONG"
