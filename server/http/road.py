"""From an HTTP request to a service and back: one bounded pool, one signature check, one transaction per request."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request

from server.context import Context
from server.database import Session
from server.devices import service as devices
from server.devices.device import Device
from server.devices.signature import SignedRequest, read_signature

T = TypeVar("T")
CONSOLE = ("console",)


@dataclass(frozen=True, slots=True)
class Call:
    """A request that a known device signed, inside its transaction."""

    context: Context
    session: Session
    device: Device


class Pool:
    """Runs synchronous work beside the event loop; with no threads it runs in place (one-threaded worlds)."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="onecard") if threads else None

    async def run(self, work: Callable[[], T]) -> T:
        if self._threads is None:
            return work()
        return await asyncio.wrap_future(self._threads.submit(work))

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=True)


def context_of(request: Request) -> Context:
    """The server this request came to."""
    context: Context = request.app.state.context
    return context


def pool_of(request: Request) -> Pool:
    pool: Pool = request.app.state.pool
    return pool


async def signature_of(request: Request) -> SignedRequest:
    """The request as it was signed."""
    path = request.scope["raw_path"].decode("ascii") if request.scope.get("raw_path") else request.url.path
    query = request.scope.get("query_string", b"").decode("ascii")
    target = path.partition("?")[0] + (f"?{query}" if query else "")
    return read_signature(dict(request.headers), request.method, target, await request.body())


async def signed(request: Request, kinds: tuple[str, ...], work: Callable[[Call], T]) -> T:
    """Do `work` for the device that signed, in one transaction with the use of its nonce."""
    context, proof = context_of(request), await signature_of(request)

    def run() -> T:
        with context.store.transaction() as session:
            device = devices.recognise(context, session, proof, kinds)
            return work(Call(context, session, device))

    return await pool_of(request).run(run)


async def attended(request: Request, kinds: tuple[str, ...], work: Callable[[Context, Device], T]) -> T:
    """Do `work`, which opens its own transactions (another store or a connector is involved)."""
    context, proof = context_of(request), await signature_of(request)

    def run() -> T:
        with context.store.transaction() as session:
            device = devices.recognise(context, session, proof, kinds)
        return work(context, device)

    return await pool_of(request).run(run)
