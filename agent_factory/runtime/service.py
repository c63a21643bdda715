"""What serves a deployment: its tools, its world, its shield and its model, opened once and shared.

Invariants: prompt and tools are the release's, not the recipe folder's of today; the model is proved
against the release's digest before it is loaded.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import httpx

from agent_factory.agent.openapi import OpenApiTools, read_tools
from agent_factory.agent.toolbox import Toolbox
from agent_factory.compute.price import Prices, read_prices
from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.record import Json
from agent_factory.contracts.release import Deployment, Release
from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError, ModelError, StorageError
from agent_factory.core.recipe import Recipe, load_recipe
from agent_factory.core.store import Store
from agent_factory.gateway.chat import Engine, Sampling
from agent_factory.privacy.redactor import Redactor, open_redactor
from agent_factory.runtime.promotion import openapi_path

EngineOpener = Callable[[ModelManifest, Artifacts], Engine]
KEPT_SERVICES = 2


class Simulator(Protocol):
    """The recipe's ASGI application, as ``[recipe] simulator`` in build.toml makes it."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    def install(self, episode: str, state: dict[str, Any]) -> None: ...

    def snapshot(self, episode: str) -> dict[str, Any]: ...

    def drop(self, episode: str) -> None: ...


class Service(NamedTuple):
    """One deployment, ready to talk. ``simulator`` is None where a live address answers the tools."""

    release: Release
    prices: Prices
    sampling: Sampling
    engine: Engine
    tools: OpenApiTools
    toolbox: Toolbox
    client: httpx.AsyncClient
    redactor: Redactor
    simulator: Simulator | None
    demo_state: Callable[[], Json]

    def enter(self, session: str, world: Json | None) -> Toolbox:
        """The tools of a session; its own world is set up from a snapshot, or fresh if there is none."""
        if self.simulator is None:
            return self.toolbox.with_headers({"X-Session": session})
        self.simulator.install(session, dict(self.demo_state() if world is None else world))
        return self.toolbox.with_headers({"X-Episode": session})

    def snapshot(self, session: str) -> Json | None:
        """The session's own world as it is now; None where a live service answers."""
        return None if self.simulator is None else self.simulator.snapshot(session)

    def leave(self, session: str) -> None:
        """Forget a session's world."""
        if self.simulator is not None:
            self.simulator.drop(session)

    async def close(self) -> None:
        """Give back the model and the client."""
        await self.client.aclose()
        await self.engine.close()


class ServiceRoom:
    """The services of this process, opened when first asked for; the least recently used idle one is closed."""

    def __init__(self, store: Store, artifacts: Artifacts, open_engine: EngineOpener | None = None) -> None:
        self._store, self._artifacts = store, artifacts
        self._open_engine = open_engine or open_local_engine
        self._services: OrderedDict[str, Service] = OrderedDict()
        self._users: dict[str, int] = {}
        self._opening = asyncio.Lock()

    async def acquire(self, deployment_id: str) -> Service:
        """The service of a deployment, held open until ``release``; ModelError if its model cannot be used."""
        self._users[deployment_id] = self._users.get(deployment_id, 0) + 1
        try:
            if deployment_id not in self._services:
                await self._open_once(deployment_id)
        except BaseException:
            self.release(deployment_id)
            raise
        self._services.move_to_end(deployment_id)
        return self._services[deployment_id]

    def release(self, deployment_id: str) -> None:
        """Let go of a service."""
        self._users[deployment_id] -= 1

    async def close(self) -> None:
        """Close all services."""
        while self._services:
            _, service = self._services.popitem()
            await service.close()

    async def _open_once(self, deployment_id: str) -> None:
        async with self._opening:
            if deployment_id not in self._services:
                self._services[deployment_id] = await asyncio.to_thread(self._open, deployment_id)
        idle = [name for name in self._services if not self._users.get(name)]
        for name in idle[: max(0, len(self._services) - KEPT_SERVICES)]:
            await self._services.pop(name).close()

    def _open(self, deployment_id: str) -> Service:
        deployment = self._store.get(Deployment, deployment_id)
        release = self._store.get(Release, deployment.release)
        settings = self._store.get(BuildSpec, release.build).settings
        model = self._store.get(ModelManifest, release.model)
        if model.digest != release.model_digest:
            raise ModelError(
                f"model {model.id!r} was made again since release {release.id!r}: its digest is {model.digest}, "
                f"released was {release.model_digest}. Deploy another release or evaluate the new model."
            )
        tools = self._read_tools(release)
        recipe = load_recipe(release.recipe)
        simulator, client = _reach_tools(recipe, settings)
        return Service(
            release=release,
            prices=read_prices(settings),
            sampling=_read_sampling(settings),
            engine=self._open_engine(model, self._artifacts),
            tools=tools,
            toolbox=Toolbox(tools, client),
            client=client,
            redactor=open_redactor(recipe),
            simulator=simulator,
            demo_state=lambda: _make_part(recipe, settings, "demo_state"),
        )

    def _read_tools(self, release: Release) -> OpenApiTools:
        path = openapi_path(release.id)
        document = self._artifacts.read_json(path)
        if digest_json(document) != release.openapi_digest:
            raise StorageError(f"{path} is not what release {release.id!r} was made with: release the build again")
        return read_tools(document, path)


def open_local_engine(model: ModelManifest, artifacts: Artifacts) -> Engine:
    """The model's own folder in this process, proved by its digest."""
    from agent_factory.gateway.gateway import open_engine

    return open_engine(artifacts.local(model.path), model.digest)


def _read_sampling(settings: Json) -> Sampling:
    """Greedy, with actions as long as they were in the build's evaluation."""
    rollouts = settings.get("rollouts")
    longest = rollouts.get("max_tokens") if isinstance(rollouts, dict) else None
    if not isinstance(longest, int):
        raise InputError(f"the build's settings have rollouts.max_tokens {longest!r}, expected a whole number")
    return Sampling(temperature=0.0, max_tokens=longest)


def _reach_tools(recipe: Recipe, settings: Json) -> tuple[Simulator | None, httpx.AsyncClient]:
    runtime = settings.get("runtime")
    url = runtime.get("tools_url") if isinstance(runtime, dict) else None
    if isinstance(url, str):
        return None, httpx.AsyncClient(base_url=url, timeout=60.0)
    simulator: Simulator = _make_part(recipe, settings, "simulator")
    transport = httpx.ASGITransport(app=simulator, raise_app_exceptions=False)  # pyright: ignore[reportArgumentType]
    return simulator, httpx.AsyncClient(transport=transport, base_url="http://simulator", timeout=60.0)


def _make_part(recipe: Recipe, settings: Json, part: str) -> Any:
    section = settings.get("recipe")
    target = section.get(part) if isinstance(section, dict) else None
    if not isinstance(target, str):
        raise InputError(
            f"the build's settings name no [recipe] {part} (found {target!r}), expected 'module:function': "
            f"add it to build.toml of {recipe.name!r} and order a new build"
        )
    make = recipe.load(target)
    with recipe.blame(part):
        return make()
