"""The client of an HTTP world: many episodes call through it, and it remembers nothing between two calls.

Invariant: what one episode is answered (a cookie, a redirect) never shows in a request of another's.
"""

from __future__ import annotations

from typing import Any

import httpx


class WorldClient(httpx.AsyncClient):
    """An httpx client over ``transport`` alone: no cookies are kept, no redirects followed, no login is added."""

    def __init__(self, transport: httpx.AsyncBaseTransport, base_url: str) -> None:
        super().__init__(transport=transport, base_url=base_url, timeout=None)
        self._world = transport

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:  # pyright: ignore
        """The transport's answer, read to its end; ``options`` are those of what is not done here."""
        response = await self._world.handle_async_request(request)
        response.request = request
        await response.aread()
        return response
