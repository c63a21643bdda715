"""An engine behind OpenAI's chat completions over HTTP: vLLM, or any server that speaks it.

The server renders and encodes the conversation itself, so ``context`` is not sent. With
``return_token_ids`` (vLLM's extension) the result carries the server's exact ids and log-probabilities.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

import httpx
from pydantic import SecretStr

from agent_factory.contracts.message import Message, ToolCall
from agent_factory.contracts.trace import TokenUsage
from agent_factory.core.error import AccessError, BusyError, ContextError, DeadlineError, FactoryError, ModelError
from agent_factory.gateway.chat import ChatRequest, ChatResult
from agent_factory.gateway.parser import FinishReason, holds_part_of_call, make_call

_QUOTE = 300
# As OpenAI says it, and vLLM of several ages.
_TOO_LONG = re.compile(r"maximum context length|context_length_exceeded|longer than the maximum model length", re.I)


class RemoteEngine:
    """An Engine over the server at ``base_url`` (with its ``/v1``)."""

    def __init__(
        self,
        base_url: str,
        api_key: SecretStr | None = None,
        *,
        return_token_ids: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.return_token_ids = return_token_ids
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key.get_secret_value()}"}
        self._client = httpx.AsyncClient(headers=headers, transport=transport)

    async def chat(self, request: ChatRequest, *, deadline_seconds: float) -> ChatResult:
        """One assistant message; see ``Engine``. BusyError where the server asks to come back later."""
        started = time.perf_counter()
        try:
            response = await self._client.post(
                f"{self.base_url}/chat/completions", json=self._to_body(request), timeout=deadline_seconds
            )
        except httpx.TimeoutException:
            raise DeadlineError(
                f"the model server at {self.base_url!r} gave no answer in {deadline_seconds} s"
            ) from None
        except httpx.HTTPError as error:
            raise ModelError(
                f"the model server at {self.base_url!r} cannot be reached: {type(error).__name__}: {error}. "
                "Check that it runs and that the address is right."
            ) from error
        if response.status_code != 200:
            raise _to_error(self.base_url, request.model, response)
        try:
            return _to_result(response.json(), request, time.perf_counter() - started)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise ModelError(
                f"the model server at {self.base_url!r} answered what is not a chat completion "
                f"({type(error).__name__}: {error}): {response.text[:_QUOTE]!r}"
            ) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _to_body(self, request: ChatRequest) -> dict[str, Any]:
        system = [] if request.system is None else [{"role": "system", "content": request.system}]
        body: dict[str, Any] = {
            "model": request.model,
            "messages": [*system, *(message.to_wire() for message in request.messages)],
            "temperature": request.sampling.temperature,
            "max_tokens": request.sampling.max_tokens,
        }
        if request.tools:
            body["tools"] = [tool.to_wire() for tool in request.tools]
        if request.sampling.seed is not None:
            body["seed"] = request.sampling.seed
        if self.return_token_ids:
            body |= {"return_token_ids": True, "logprobs": True}
        return body


def _to_result(body: dict[str, Any], request: ChatRequest, seconds: float) -> ChatResult:
    choice = body["choices"][0]
    message, reason = _read_message(choice)
    ids = choice.get("token_ids")
    logprobs = (choice.get("logprobs") or {}).get("content")
    usage = body["usage"]
    return ChatResult(
        message=message,
        finish_reason=reason,
        usage=TokenUsage(prompt_tokens=usage["prompt_tokens"], completion_tokens=usage["completion_tokens"]),
        latency_seconds=seconds,
        prompt_ids=body.get("prompt_token_ids"),
        completion_ids=ids,
        logprobs=None if not ids or not logprobs else tuple(entry["logprob"] for entry in logprobs),
    )


def _read_message(choice: dict[str, Any]) -> tuple[Message, FinishReason]:
    told = choice["message"]
    content = told.get("content")
    calls: list[ToolCall] = []
    for call in told.get("tool_calls") or []:
        function = call["function"]
        try:
            arguments = json.loads(function["arguments"] or "{}")
        except (ValueError, RecursionError):
            arguments = None
        read = make_call(call["id"], function["name"], arguments)
        if read is None:
            text = f"{content or ''}<tool_call>{json.dumps(function)}</tool_call>"
            return Message(role="assistant", content=text), "malformed"
        calls.append(read)
    if calls:
        return Message(role="assistant", content=content or None, tool_calls=tuple(calls)), "tool_calls"
    reason: FinishReason = "malformed" if holds_part_of_call(content or "") else "stop"
    if choice["finish_reason"] == "length":
        reason = "length"
    return Message(role="assistant", content=content or ""), reason


def _to_error(base_url: str, model: str, response: httpx.Response) -> FactoryError:
    said = response.text[:_QUOTE]
    where = f"the model server at {base_url!r} refused {model!r} with status {response.status_code}: {said!r}"
    if response.status_code in (401, 403):
        return AccessError(f"{where}. Check the key of the model server.")
    if response.status_code == 429:
        wait = response.headers.get("retry-after", "")
        return BusyError(f"{where}. Try again later.", retry_after=float(wait) if wait.isdigit() else 1.0)
    if response.status_code in (408, 504):
        return DeadlineError(where)
    if response.status_code == 400 and _TOO_LONG.search(response.text):
        return ContextError(where)
    return ModelError(where)
