"""Tool calls over HTTP: to a simulator inside this process, or to a live service.

Invariant: whatever goes wrong with a call (no such tool, arguments that do not fit, a time-out, an
HTTP error) comes back as a tool message that says so, and a call never outlives its deadline. Only
a defect of a simulator inside this process is raised, as ToolError: it is nobody's answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx

from agent_factory.agent.argument import ArgumentCheck
from agent_factory.agent.openapi import OpenApiTools
from agent_factory.agent.operation import Operation
from agent_factory.contracts.message import Message, ToolCall
from agent_factory.core.error import FactoryError, InputError, ToolError

_MAX_RESULT = 20_000
_SHOWN = 500
"""How many characters of an answer that cannot be read an agent gets to see."""


@dataclass(frozen=True)
class ToolResult:
    """The tool's message; ``error`` names what failed, and then ``ok`` is False.

    An environment may add: the ``reward`` of this step, the fault that was ``injected`` into the call, the
    ``delay_seconds`` that the call would have taken beyond what was waited, a ``screenshot`` as PNG.
    """

    message: Message
    error: str | None
    reward: float | None = None
    injected: str | None = None
    delay_seconds: float = 0.0
    screenshot: bytes | None = None

    @property
    def ok(self) -> bool:
        """Whether the service answered with success."""
        return self.error is None


class ToolboxLike(Protocol):
    """What a conversation asks of its tools."""

    async def call(self, call: ToolCall, deadline_seconds: float) -> ToolResult: ...


class Toolbox:
    """The tools of a document, called through one HTTP client with the same headers on every call."""

    def __init__(
        self, tools: OpenApiTools, client: httpx.AsyncClient, headers: Mapping[str, str] | None = None
    ) -> None:
        self.tools = tools
        self._client, self._base = client, str(client.base_url).rstrip("/")
        self._headers = dict(headers or {})
        self._arguments = ArgumentCheck()

    def with_headers(self, headers: Mapping[str, str]) -> Toolbox:
        """The same tools and client with more headers; cheap."""
        other = Toolbox(self.tools, self._client, {**self._headers, **headers})
        other._arguments = self._arguments
        return other

    async def call(self, call: ToolCall, deadline_seconds: float) -> ToolResult:
        """Call a tool; what failed stands in the result."""
        operation = self.tools.operations.get(call.name)
        if operation is None:
            known = ", ".join(self.tools.operations)
            return fail(call, 404, f"there is no tool {call.name}; there are: {known}")
        wrong = self._arguments.find_wrong(operation.name, operation.parameters, call.arguments)
        if wrong is not None:
            return fail(call, 422, wrong)
        try:
            request = self._write(operation, call.arguments, deadline_seconds)
        except (InputError, ValueError, httpx.InvalidURL) as error:
            return fail(call, 422, f"the arguments cannot be sent: {error}")
        try:
            async with asyncio.timeout(deadline_seconds):
                response = await self._client.send(request)
        except (TimeoutError, httpx.TimeoutException):
            return fail(call, 408, f"no answer within {deadline_seconds:g} s")
        except httpx.HTTPError as error:
            return fail(call, 502, f"the service could not be reached: {type(error).__name__}: {error}")
        except FactoryError:
            raise  # the simulator's host has said what it is
        except Exception as error:
            raise ToolError(f"{call.name} raised {type(error).__name__}: {error}. Mend the simulator.") from error
        return _to_result(call, response)

    def _write(self, operation: Operation, arguments: Mapping[str, Any], seconds: float) -> httpx.Request:
        call = operation.to_call(arguments)
        form = {} if call.form is None else {"Content-Type": "application/x-www-form-urlencoded"}
        return self._client.build_request(
            call.method,
            f"{self._base}/{call.url.lstrip('/')}",  # whole, or httpx parses it three times
            params=call.query or None,
            headers={**call.headers, **form, **self._headers},
            json=call.body,
            content=None if call.form is None else urlencode(call.form),
            timeout=seconds,
        )


def fail(call: ToolCall, status: int, error: str) -> ToolResult:
    """A call that failed with an HTTP status, as the model reads it: ``{"error": …, "status": …}``."""
    content = json.dumps({"error": error, "status": status}, ensure_ascii=False)
    message = Message(role="tool", tool_call_id=call.id, name=call.name, content=content)
    return ToolResult(message, f"{call.name}: {status} {error}")


def _to_result(call: ToolCall, response: httpx.Response) -> ToolResult:
    plain = response.headers.get("content-type") == "application/json"
    text = response.content.decode(errors="replace") if plain else response.text  # JSON is UTF-8, nothing to look for
    if len(text) > _MAX_RESULT:
        return fail(call, 502, f"the answer has {len(text)} characters, {_MAX_RESULT} at most are taken")
    try:
        body: Any = json.loads(text) if text else {}
    except json.JSONDecodeError as error:
        if response.is_success and "json" in response.headers.get("content-type", ""):
            return fail(call, 502, f"the answer is broken JSON ({error}): {text[:_SHOWN]}")
        body = text
    if response.is_success:
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return ToolResult(Message(role="tool", tool_call_id=call.id, name=call.name, content=content), None)
    error = body.get("error") if isinstance(body, dict) else body
    return fail(call, response.status_code, str(error or response.reason_phrase))
