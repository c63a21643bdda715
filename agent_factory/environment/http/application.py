"""An ASGI application in this process as an httpx transport: no socket, no task, no stream.

``httpx.ASGITransport`` looks for another event loop's library on every request, which is a third of what a
simulated tool call costs. Invariant: what the application raises is raised to the caller, and an answer is whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class ApplicationTransport(httpx.AsyncBaseTransport):
    """The transport to ``application``, an ASGI 3 application without a lifespan."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See ``httpx.AsyncBaseTransport``; RuntimeError where the application ends without a whole answer."""
        exchange = _Exchange(await request.aread())
        await self._application(_to_scope(request), exchange.receive, exchange.send)
        if exchange.status is None or not exchange.over.is_set():
            raise RuntimeError(f"the application ended without an answer to {request.method} {request.url.path}")
        body = b"" if request.method == "HEAD" else b"".join(exchange.parts)
        return httpx.Response(exchange.status, headers=exchange.headers, content=body)


class _Exchange:
    """What goes in and comes out of the application."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []
        self.over = asyncio.Event()

    async def receive(self) -> MutableMapping[str, Any]:
        body, self._body = self._body, None
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        await self.over.wait()  # a client stays until its answer is whole
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                self.over.set()


def _to_scope(request: httpx.Request) -> Scope:
    url = request.url
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.partition(b"?")[0],
        "query_string": url.query,
        "server": (url.host, url.port),
        "client": ("127.0.0.1", 123),
        "root_path": "",
    }
