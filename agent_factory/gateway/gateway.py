"""The one way to a model: an engine for each model id, opened when it is first asked.

Invariant: every token that a model read or wrote through the gateway is in ``usage``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import SecretStr

from agent_factory.contracts.trace import TokenUsage
from agent_factory.core.error import ConflictError, NotFoundError
from agent_factory.gateway.chat import ChatRequest, ChatResult, Engine

ModelPlace = Path | str
"""A checkpoint's folder, or the address of an OpenAI-compatible server, as ``http://host:8000/v1``."""


class Gateway:
    """An Engine that hands each request to the engine of its model."""

    def __init__(self, engines: Mapping[str, Engine] | None = None) -> None:
        self.usage: dict[str, TokenUsage] = {}
        self._engines: dict[str, Engine] = dict(engines or {})
        self._openers: dict[str, Callable[[], Engine]] = {}
        self._opening = asyncio.Lock()

    def add(
        self, model: str, place: ModelPlace, *, digest: str | None = None, api_key: SecretStr | None = None
    ) -> None:
        """Make ``model`` known; a folder is verified against ``digest`` when it is opened.

        ConflictError where the id is known already.
        """
        if model in self._engines or model in self._openers:
            raise ConflictError(f"the gateway knows a model {model!r} already; use another id")
        self._openers[model] = lambda: open_engine(place, digest, api_key)

    def __contains__(self, model: str) -> bool:
        return model in self._engines or model in self._openers

    async def chat(self, request: ChatRequest, *, deadline_seconds: float) -> ChatResult:
        """See ``Engine``; NotFoundError where no engine has that model. Opening is not in the deadline."""
        engine = self._engines.get(request.model) or await self.open(request.model)
        result = await engine.chat(request, deadline_seconds=deadline_seconds)
        spent = self.usage.get(request.model, TokenUsage(prompt_tokens=0, completion_tokens=0))
        self.usage[request.model] = TokenUsage(
            prompt_tokens=spent.prompt_tokens + result.usage.prompt_tokens,
            completion_tokens=spent.completion_tokens + result.usage.completion_tokens,
        )
        return result

    async def open(self, model: str) -> Engine:
        """The engine of that model, loaded if it is not yet (in a thread, so that others are served meanwhile)."""
        async with self._opening:
            if model not in self._engines:
                if model not in self._openers:
                    known = ", ".join(sorted({*self._engines, *self._openers})) or "none"
                    raise NotFoundError(f"the gateway has no model {model!r}; it has: {known}")
                self._engines[model] = await asyncio.to_thread(self._openers[model])
            return self._engines[model]

    async def remove(self, model: str) -> None:
        """Forget a model and give back what its engine holds; does nothing where it is not known."""
        self._openers.pop(model, None)
        engine = self._engines.pop(model, None)
        if engine is not None:
            await engine.close()

    async def close(self) -> None:
        """Close all engines."""
        for model in [*self._engines]:
            await self.remove(model)


def open_engine(place: ModelPlace, digest: str | None = None, api_key: SecretStr | None = None) -> Engine:
    """The engine for a folder or an address."""
    if isinstance(place, str) and place.startswith(("http://", "https://")):
        from agent_factory.gateway.remote import RemoteEngine

        return RemoteEngine(place, api_key)
    from agent_factory.gateway.local import LocalEngine

    return LocalEngine(Path(place), digest=digest)


def open_gateway(
    models: Mapping[str, ModelPlace], *, digests: Mapping[str, str] | None = None, api_key: SecretStr | None = None
) -> Gateway:
    """A gateway for these models; nothing is loaded before it is asked for or ``open`` is called."""
    gateway = Gateway()
    for model, place in models.items():
        gateway.add(model, place, digest=(digests or {}).get(model), api_key=api_key)
    return gateway
