"""Clients that cost little: several keep-alive connections, each sending ready-made requests one after another."""

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

from firmware_sim.bench.errors import BenchWrongError

HOST = "127.0.0.1"
OK = b" 200 "


class _Line(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Clients:
    """`count` connections to one server, kept open between calls."""

    def __init__(self, port: int, count: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._lines = [self._loop.run_until_complete(_open(port)) for _ in range(count)]

    def send(self, path: str, bodies: Sequence[Sequence[bytes]]) -> tuple[float, list[bytes]]:
        """`bodies[i]` go over connection i in order, all connections at once; seconds, and every answer's body.

        BenchWrongError for any status but 200.
        """
        requests = [[_request(path, body) for body in mine] for mine in bodies]
        started = perf_counter()
        answers = self._loop.run_until_complete(self._send(requests))
        return perf_counter() - started, answers

    def ask(self, path: str) -> bytes:
        """The body of one answer to an empty request on the first connection."""
        return self._loop.run_until_complete(_talk(self._lines[0], [_request(path, b"")]))[0]

    def close(self) -> None:
        for line in self._lines:
            line.writer.close()
        self._loop.close()

    async def _send(self, requests: list[list[bytes]]) -> list[bytes]:
        found = await asyncio.gather(*(_talk(line, mine) for line, mine in zip(self._lines, requests, strict=True)))
        return [answer for mine in found for answer in mine]


async def _open(port: int) -> _Line:
    return _Line(*await asyncio.open_connection(HOST, port))


def _request(path: str, body: bytes) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        f"Host: {HOST}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*lines, "", "")).encode("ascii") + body


async def _talk(line: _Line, requests: list[bytes]) -> list[bytes]:
    answers = []
    for request in requests:
        line.writer.write(request)
        head = await line.reader.readuntil(b"\r\n\r\n")
        length = next(int(row[15:]) for row in head.lower().split(b"\r\n") if row.startswith(b"content-length:"))
        body = await line.reader.readexactly(length)
        if OK not in head[:16]:
            raise BenchWrongError(f"{head[:16].decode('ascii', 'replace')} {body[:200].decode('utf-8', 'replace')}")
        answers.append(body)
    return answers
