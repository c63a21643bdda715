"""Faults on purpose: an ASGI middleware in front of a simulator that fails chosen calls.

Invariant: faults are counted by episode and tool; episodes without faults pass untouched. Status 408
stands for a time-out: the call raises TimeoutError as if its deadline had passed, without the wait.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from agent_factory.agent.openapi import OpenApiTools
from agent_factory.contracts.scenario import Fault

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

EPISODE_HEADER = b"x-episode"


class FaultGate:
    """The middleware; tools are told apart by the routes of their OpenAPI document."""

    def __init__(self, app: AsgiApp, tools: OpenApiTools) -> None:
        self._app = app
        self._faults: dict[str, tuple[Fault, ...]] = {}
        self._calls: dict[str, Counter[str]] = {}
        self._routes = [
            (operation.method.upper(), _compile(operation.path), operation.name)
            for operation in tools.operations.values()
        ]

    def install(self, episode: str, faults: Sequence[Fault]) -> None:
        """Fail the calls of an episode that ``faults`` name."""
        if faults:
            self._faults[episode], self._calls[episode] = tuple(faults), Counter()

    def drop(self, episode: str) -> None:
        """Forget an episode."""
        self._faults.pop(episode, None)
        self._calls.pop(episode, None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = self._find_status(scope) if scope["type"] == "http" and self._faults else None
        if status is None:
            await self._app(scope, receive, send)
            return
        if status == 408:
            raise TimeoutError
        body = json.dumps({"error": "service unavailable" if status == 503 else "fault"}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _find_status(self, scope: Scope) -> int | None:
        episode = next((value.decode() for name, value in scope["headers"] if name == EPISODE_HEADER), "")
        if episode not in self._faults:
            return None
        tool = self._find_tool(scope["method"], scope["path"])
        if tool is None:
            return None
        self._calls[episode][tool] += 1
        count = self._calls[episode][tool]
        for fault in self._faults[episode]:
            if fault.tool == tool and fault.nth <= count < fault.nth + fault.times:
                return fault.status
        return None

    def _find_tool(self, method: str, path: str) -> str | None:
        for known, pattern, tool in self._routes:
            if known == method and pattern.fullmatch(path):
                return tool
        return None


def _compile(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]*\}", path)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))
