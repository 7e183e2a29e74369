"""Each input is watched: an error of ours is an answer, any other exception or too long a wait is a finding."""

import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

LIMIT_S = 10.0  # of real time: a busy machine is no finding
Refusals = tuple[type[Exception], ...]


class TooSlowError(BaseException):
    """The code under test took longer than the limit; no ordinary `except` may swallow it."""


@dataclass(frozen=True)
class Finding:
    """An input that broke something: which target, how, and the bytes to replay it."""

    target: str
    kind: str
    content: bytes
    trace: str

    def __str__(self) -> str:
        return f"{self.target}: {self.kind}\n  input {self.content.hex() or '(empty)'}\n{self.trace}"


def typed(error: BaseException) -> bool:
    """An error of ours carries the code of its sentence."""
    return isinstance(getattr(error, "code", None), str)


def judged(target: str, content: bytes, work: Callable[[], object], allowed: Refusals = ()) -> Finding | None:
    """Run `work` within the limit; None when it answered or refused as it should."""
    try:
        with limited(LIMIT_S):
            work()
    except TooSlowError:
        return Finding(target, f"slower than {LIMIT_S:g} s", content, traceback.format_exc(limit=-4))
    except Exception as error:  # noqa: BLE001 - every exception is what is looked for here
        if typed(error) or isinstance(error, allowed):
            return None
        return Finding(target, f"{type(error).__name__}: {error}", content, traceback.format_exc(limit=-4))
    return None


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """TooSlowError inside, once `seconds` of real time have passed. In the main thread only."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
