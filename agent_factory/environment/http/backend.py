"""What answers behind the tools: a simulator, a cassette or a live service, each with a world an episode.

Invariant: requests name their episode in the header ``X-Episode``, and no backend lets one episode see
another's world.
"""

from __future__ import annotations

from typing import Any, Protocol

import httpx

from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.recipe import Recipe
from agent_factory.environment.http.application import ApplicationTransport, Receive, Scope, Send
from agent_factory.environment.http.fault import START


class Backend(Protocol):
    """Who answers; ``base_url`` is put before the paths of the document, ``rewinds`` tells of stale reads."""

    @property
    def base_url(self) -> str: ...

    @property
    def transport(self) -> httpx.AsyncBaseTransport: ...

    @property
    def rewinds(self) -> bool:
        """Whether the episode ``<name>-start`` shows the world as it stood at the start of ``<name>``."""
        ...

    async def install(self, episode: str, scenario: Scenario) -> None:
        """Give an episode its world; InputError where that cannot be."""
        ...

    async def snapshot(self, episode: str) -> Json:
        """How the world stands."""
        ...

    async def drop(self, episode: str) -> None:
        """Forget a world; one that is not there is no fault."""
        ...


class Simulator(Protocol):
    """What ``[recipe] simulator`` in build.toml makes: an ASGI application with a world an episode.

    Requests name their episode in the header ``X-Episode``.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def install(self, episode: str, state: dict[str, Any]) -> None:
        """Give an episode its world, a copy of ``state``."""
        ...

    def snapshot(self, episode: str) -> dict[str, Any]:
        """A copy of the world as it is now."""
        ...

    def drop(self, episode: str) -> None:
        """Forget a world; one that is not there is no fault."""
        ...


class SimulatorBackend:
    """The recipe's simulator in this process, reached by HTTP semantics without a socket."""

    base_url = "http://simulator"
    rewinds = True

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        make = recipe.load_part("simulator")
        with recipe.blame("simulator"):
            self.simulator: Simulator = make()
        self.transport: httpx.AsyncBaseTransport = ApplicationTransport(self._answer)

    async def install(self, episode: str, scenario: Scenario) -> None:
        """See ``Backend``. The simulator knows no chance: what a world draws stands in the scenario's state."""
        with self._recipe.blame("simulator"):
            self.simulator.install(episode, dict(scenario.state))
            if any(fault.kind == "stale" for fault in scenario.faults):
                self.simulator.install(episode + START, dict(scenario.state))

    async def snapshot(self, episode: str) -> Json:
        """See ``Backend``."""
        with self._recipe.blame("simulator"):
            return self.simulator.snapshot(episode)

    async def drop(self, episode: str) -> None:
        """See ``Backend``."""
        with self._recipe.blame("simulator"):
            self.simulator.drop(episode)
            self.simulator.drop(episode + START)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._recipe.blame("simulator"):
            await self.simulator(scope, receive, send)
