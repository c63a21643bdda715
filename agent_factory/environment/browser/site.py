"""Who serves the pages of one episode, and how its world stands: what a browser's environment is made for.

Invariant: a site answers requests in this process, without a socket; what it tells and how it stands
depend on scenario, seed and the requests so far.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

import httpx
from playwright.async_api import Page

from agent_factory.agent.toolbox import ToolResult
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario

Scope = MutableMapping[str, Any]
AsgiApp = Callable[
    [Scope, Callable[[], Awaitable[MutableMapping[str, Any]]], Callable[[MutableMapping[str, Any]], Awaitable[None]]],
    Awaitable[None],
]


class Site(Protocol):
    """The sites of one episode: all that its browser may reach."""

    @property
    def origins(self) -> tuple[str, ...]:
        """What may be reached, as ``https://shop.test``."""
        ...

    @property
    def start(self) -> str:
        """The address where the episode begins."""
        ...

    async def reset(self, scenario: Scenario, seed: int) -> None:
        """Begin anew; see ``Environment.reset``."""
        ...

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a request to one of the origins; a defect of the site raises."""
        ...

    async def ready(self, page: Page) -> None:
        """What is done once the first page is loaded."""
        ...

    async def complete(self, result: ToolResult, page: Page) -> ToolResult:
        """The result of a step with what only the site knows of it: a reward, the faults that hit."""
        ...

    async def state(self, page: Page) -> Json:
        """How the world stands; see ``Environment.state``."""
        ...

    async def close(self) -> None:
        """Forget the episode; a second time is no fault."""
        ...


def serve(app: AsgiApp) -> httpx.AsyncClient:
    """A client whose requests an ASGI application answers; redirects and cookies are the browser's."""
    transport = httpx.ASGITransport(app=app)  # pyright: ignore[reportArgumentType]
    return httpx.AsyncClient(transport=transport, timeout=None)  # noqa: S113
