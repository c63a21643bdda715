"""Faults on purpose: an httpx transport around whatever answers, that spoils chosen calls.

Whoever calls through the client (the tools, a page in a browser) meets the same faults; ``take_hits``
tells what hit. Invariants: faults are counted and drawn by episode, which the header ``X-Episode`` names,
so that no episode sees another's; the same scenario, seed and calls meet the same faults; nothing waits:
a delay is told, and beyond the caller's deadline it is a time-out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isfinite
from random import Random
from typing import NamedTuple

import httpx

from agent_factory.agent.openapi import OpenApiTools
from agent_factory.contracts.fault import ANY_TOOL, Fault
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError
from agent_factory.environment.http.damage import break_body, drift_body, inject_text, truncate_body
from agent_factory.environment.http.route import Routes

EPISODE_HEADER = "X-Episode"
START = "-start"
"""Behind an episode's name: its world as it stood at the start, for reads that are stale."""


INJECTED = "agent_factory.injected"
"""The extension of a response by which what answers tells a fault of its own."""


class Hit(NamedTuple):
    """A call that a fault hit: which tool, the fault's name, how much longer it would have taken in seconds."""

    tool: str
    fault: str
    delay_seconds: float


class _Plan:
    """The faults of one episode, how often each tool was called, and what hit since somebody asked."""

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        self.faults, self.seed = tuple(faults), seed
        self.calls: Counter[str] = Counter()
        self.hits: list[Hit] = []

    def find(self, tool: str) -> tuple[int, Fault] | None:
        """Count a call; the first fault that hits it, with its place."""
        self.calls[tool] += 1
        for i, fault in enumerate(self.faults):
            if fault.is_on(tool):
                count = sum(called for name, called in self.calls.items() if fault.is_on(name))
                if fault.nth <= count < fault.nth + fault.times and self._strikes(i, fault, count):
                    return i, fault
        return None

    def _strikes(self, place: int, fault: Fault, count: int) -> bool:
        return fault.chance == 1 or self.draw(place, count).random() < fault.chance

    def draw(self, *about: int) -> Random:
        """A stream of chance of its own, the same on every machine."""
        return Random(digest_json([self.seed, *about]))


class FaultTransport(httpx.AsyncBaseTransport):
    """The transport; tools are told apart by the routes of their OpenAPI document."""

    def __init__(self, answer: httpx.AsyncBaseTransport, tools: OpenApiTools, base: str = "") -> None:
        self._answer = answer
        self._routes = Routes(tools, base)
        self._plans: dict[str, _Plan] = {}

    def install(self, episode: str, faults: Sequence[Fault], seed: int) -> None:
        """Let the faults hit the calls of an episode, chance drawn from ``seed``."""
        self._plans[episode] = _Plan(faults, seed)

    def drop(self, episode: str) -> None:
        """Forget an episode; one that is not there is no fault."""
        self._plans.pop(episode, None)

    def take_hits(self, episode: str) -> tuple[Hit, ...]:
        """What hit the calls of an episode since this was asked last, in order."""
        plan = self._plans.get(episode)
        if plan is None:
            return ()
        taken, plan.hits = tuple(plan.hits), []
        return taken

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See ``httpx.AsyncBaseTransport``."""
        plan = self._plans.get(request.headers.get(EPISODE_HEADER, ""))
        tool = None if plan is None or not plan.faults else self._routes.find_tool(request)
        found = None if plan is None or tool is None else plan.find(tool)
        if plan is None or tool is None or found is None:
            return await self._ask(plan, request)
        place, fault = found
        if fault.name == "timeout":
            deadline = _deadline_of(request)
            plan.hits.append(Hit(tool, fault.name, deadline if isfinite(deadline) else 0.0))
            raise httpx.ReadTimeout("time-out on purpose", request=request)
        refusal = _refuse(fault)
        if refusal is not None:
            plan.hits.append(Hit(tool, fault.name, 0.0))
            return refusal
        return await self._spoil(plan, tool, fault, request, plan.draw(place))

    async def _spoil(
        self, plan: _Plan, tool: str, fault: Fault, request: httpx.Request, draw: Random
    ) -> httpx.Response:
        if fault.kind == "stale":
            if request.method == "GET":
                request.headers[EPISODE_HEADER] += START
                plan.hits.append(Hit(tool, fault.name, 0.0))
            return await self._ask(plan, request)
        response = await self._ask(plan, request)
        if fault.kind == "latency":
            seconds, deadline = fault.seconds or 0.0, _deadline_of(request)
            plan.hits.append(Hit(tool, fault.name, min(seconds, deadline)))
            if seconds >= deadline:
                await response.aclose()
                raise httpx.ReadTimeout(f"{seconds:g} s on purpose", request=request)
            return response
        body = await response.aread()
        spoiled = _damage(fault, body, draw, response.is_success)
        if spoiled is None:
            return _with_body(response, body)
        plan.hits.append(Hit(tool, fault.name, 0.0))
        return _with_body(response, spoiled)

    async def _ask(self, plan: _Plan | None, request: httpx.Request) -> httpx.Response:
        response = await self._answer.handle_async_request(request)
        if plan is not None and INJECTED in response.extensions:
            plan.hits.append(Hit(self._routes.find_tool(request) or "", response.extensions[INJECTED], 0.0))
        return response

    async def aclose(self) -> None:
        """Close what answers."""
        await self._answer.aclose()


def check_faults(scenario: Scenario, tools: OpenApiTools, rewinds: bool) -> None:
    """InputError for a fault that could not be: of a tool that is not there, a stale answer of what does not read.

    ``rewinds`` says whether what answers can show the world as it stood at the start.
    """
    for i, fault in enumerate(scenario.faults):
        where = f"scenario {scenario.id!r}, faults/{i} ({fault.name})"
        for name in fault.tools:
            if name not in (ANY_TOOL, *tools.operations):
                raise InputError(f"{where}: there is no tool {name!r}; there are: {', '.join(tools.operations)}")
        if fault.kind == "stale" and not rewinds:
            raise InputError(
                f"{where}: only a simulator can answer as the world stood at the start; take the fault out, "
                'or play it with [environment.settings.http] backend = "simulator"'
            )
        hit = [one for one in tools.operations.values() if fault.is_on(one.name)]
        writes = [one.name for one in hit if one.method != "get"]
        if fault.kind == "stale" and writes and (ANY_TOOL not in fault.tools or len(writes) == len(hit)):
            raise InputError(
                f"{where}: {writes[0]!r} is no GET, and only what reads can be stale; name tools that read"
            )


def _refuse(fault: Fault) -> httpx.Response | None:
    if fault.kind == "rate_limit":
        after = f"{int(fault.seconds or 0)}"
        error = f"rate limit: try again after {after} s"
        return httpx.Response(429, headers={"Retry-After": after}, json={"error": error})
    status = {"status": fault.status, "outage": 503}.get(fault.kind)
    if status is None:
        return None
    return httpx.Response(status, json={"error": "service unavailable" if status == 503 else "fault"})


def _damage(fault: Fault, body: bytes, draw: Random, success: bool) -> bytes | None:
    if fault.kind == "malformed":
        return break_body(body)
    if fault.kind == "truncated":
        return truncate_body(body, draw)
    if not success:
        return None  # a refusal has no fields to drift, and nobody to steer
    if fault.kind == "schema_drift":
        return drift_body(body, fault.field, draw)
    return inject_text(body, fault.text or "", fault.field, draw)


def _with_body(response: httpx.Response, body: bytes) -> httpx.Response:
    left = ("content-length", "content-encoding", "transfer-encoding")
    headers = [(name, value) for name, value in response.headers.items() if name.lower() not in left]
    return httpx.Response(response.status_code, headers=headers, content=body)


def _deadline_of(request: httpx.Request) -> float:
    """The caller's deadline in seconds, as httpx hands it on; without one, no delay is too long."""
    seconds = request.extensions.get("timeout", {}).get("read")
    return float("inf") if seconds is None else float(seconds)
