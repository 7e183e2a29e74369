"""When stored events are carried into the books: before the upload is answered, or behind it."""

import asyncio
import sys
from collections.abc import Callable
from typing import Protocol

from server.http.road import Pool


class Carrier(Protocol):
    """Told after every upload that was stored."""

    async def stored(self) -> None: ...
    async def close(self) -> None:
        """Finish what waits."""
        ...


class InlineCarrier:
    """Books first, then the answer: whoever is answered sees the effect. For one process and for tests."""

    def __init__(self, pool: Pool, work: Callable[[], object]) -> None:
        self._pool, self._work = pool, work

    async def stored(self) -> None:
        await self._pool.run(self._work)

    async def close(self) -> None:
        """Nothing waits: every answer was given after the books."""


class BackgroundCarrier:
    """Answers at once and carries behind the answer; uploads that arrive meanwhile are carried together."""

    def __init__(self, pool: Pool, work: Callable[[], object]) -> None:
        self._pool, self._work = pool, work
        self._task: asyncio.Task[None] | None = None
        self._more = False

    async def stored(self) -> None:
        self._more = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._carry())
            self._task.add_done_callback(_say)

    async def close(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])
        await self._pool.run(self._work)

    async def _carry(self) -> None:
        while self._more:
            self._more = False
            await self._pool.run(self._work)


def _say(task: asyncio.Task[None]) -> None:
    """A failed round loses nothing: the queue keeps what was not carried, and the next upload begins a new round."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        sys.stderr.write(f"onecard serve: carrying events failed: {type(error).__name__}: {error}\n")
