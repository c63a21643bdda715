"""Requests sent as fast as they are answered, over connections that stay open, with as little as can be in between.

Invariant: every answer is read whole and is a 200; the time is until the last one.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence

_DEADLINE_SECONDS = 600.0


def make_request(path: str, body: bytes, **headers: str) -> bytes:
    """The bytes of a POST."""
    told = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def send_all(port: int, requests: Sequence[bytes], connections: int) -> float:
    """Seconds until all are answered with 200; RuntimeError for any other answer."""

    async def run() -> float:
        left = iter(requests)
        started = time.perf_counter()
        async with asyncio.timeout(_DEADLINE_SECONDS), asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(_send_some(port, left))
        return time.perf_counter() - started

    return asyncio.run(run())


async def _send_some(port: int, left: Iterator[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in left:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(length)
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(f"{head.decode()}{body.decode()[:500]}")
    writer.close()
