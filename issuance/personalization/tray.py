"""What lies in front of the encoders: chips, orders, chips begun in an earlier run; and what holds them back."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from issuance.key_budget import LineStop
from issuance.personalization.makings import OpenMaking


@dataclass(slots=True)
class Job:
    """A chip for an order; `making` when the chip was begun in an earlier run."""

    chip: Path
    order_id: str
    making: OpenMaking | None = None


class Tray:
    """Chips and orders of a run, shared by its slots."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._resumed: deque[Job] = deque()
        self._chips: deque[Path] = deque()
        self._orders: deque[str] = deque()
        self.total = 0

    def fill(self, resumed: Sequence[Job], chips: Sequence[Path], orders: Sequence[str]) -> None:
        """Before the slots start."""
        begun = {job.chip for job in resumed}
        self._resumed.extend(resumed)
        self._chips.extend(chip for chip in chips if chip not in begun)
        self._orders.extend(orders)
        self.total = len(resumed) + min(len(self._orders), len(self._chips))

    def next(self) -> Job | None:
        """Begun chips first; None when there is no chip or no order left."""
        with self._lock:
            if self._resumed:
                return self._resumed.popleft()
            if not self._orders or not self._chips:
                return None
            return Job(self._chips.popleft(), self._orders.popleft())

    def take_back(self, job: Job) -> None:
        """Nothing happened: another slot may have chip and order."""
        with self._lock:
            if job.making is None:
                self._chips.appendleft(job.chip)
                self._orders.appendleft(job.order_id)
            else:
                self._resumed.appendleft(job)

    def order_again(self, order_id: str, *, first: bool) -> None:
        with self._lock:
            if first:
                self._orders.appendleft(order_id)
            else:
                self._orders.append(order_id)

    def chip_again(self, chip: Path) -> None:
        with self._lock:
            self._chips.appendleft(chip)

    @property
    def left(self) -> int:
        """Chips nobody has taken."""
        return len(self._chips) + len(self._resumed)


class Hold:
    """Whether the slots of a run may take another chip, and the stops that forbid it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._halted = threading.Event()
        self._stops: list[LineStop] = []

    @property
    def stops(self) -> tuple[LineStop, ...]:
        return tuple(self._stops)

    def __bool__(self) -> bool:
        return self._halted.is_set()

    def close(self) -> None:
        """No slot takes another chip."""
        self._halted.set()

    def add(self, stop: LineStop) -> bool:
        """True when this run meets the stop for the first time. No slot takes another chip."""
        self._halted.set()
        with self._lock:
            if stop in self._stops:
                return False
            self._stops.append(stop)
            return True
