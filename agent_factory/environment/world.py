"""What an environment is: one small async protocol, spoken by every kind of world an agent acts in.

A *world* is a kind opened once for many episodes (a simulator, a pool of browsers); it makes
*environments*, one an episode. Kinds are found by entry point (group ``agent_factory.environments``),
so that a package of its own can bring one. Invariants: what an environment tells and how it stands
depend on nothing but scenario, seed and the calls so far; environments of one world never see each
other; an agent's wrong call comes back as a tool result, only a broken environment raises.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

from agent_factory.agent.toolbox import ToolResult
from agent_factory.contracts.message import Tool, ToolCall
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe

GROUP = "agent_factory.environments"


class Environment(Protocol):
    """The world of one episode, from ``reset`` to ``close``."""

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What an agent may call here, known after ``reset``: arguments as JSON Schema."""
        ...

    async def reset(self, scenario: Scenario, seed: int) -> None:
        """Begin anew as the scenario says; what is left to chance is drawn from ``seed``.

        InputError where the scenario asks for what this kind does not have; RecipeError or ToolError where
        the world could not be set up.
        """
        ...

    async def step(self, call: ToolCall, deadline_seconds: float) -> ToolResult:
        """Act, and tell what came of it, within the deadline.

        A call that does not fit, that fails or that takes too long is a result that says so.
        """
        ...

    async def state(self) -> Json:
        """How the world stands, as JSON objects by string keys without ``/``: what grading compares."""
        ...

    async def close(self) -> None:
        """Give back what the episode held; a second time is no fault."""
        ...


@runtime_checkable
class Listener(Protocol):
    """An environment that is also told what the agent answers the user: its grade goes by the user's turns."""

    async def hear(self, answer: str) -> None:
        """The agent has ended a turn with this answer; comes before the user replies."""
        ...


@runtime_checkable
class Photographed(Protocol):
    """An environment that can take a screenshot at each step: it does while somebody keeps them."""

    photographs: bool


class World(Protocol):
    """A kind of environment, opened for many episodes at once."""

    def make(self) -> Environment:
        """An environment for one episode; what is scarce is taken at ``reset``."""
        ...


@runtime_checkable
class Scarce(Protocol):
    """A world that holds only so many episodes at once: no more are begun than ``capacity``."""

    @property
    def capacity(self) -> int: ...


def count_places(world: World, wanted: int) -> int:
    """How many episodes are played at once in a world: those that are wanted, as far as it holds them."""
    return min(wanted, world.capacity) if isinstance(world, Scarce) else wanted


OpenWorld = Callable[[Recipe, Json], AbstractAsyncContextManager[World]]
"""What an entry point names: a recipe's world for a block; the settings are ``[environment.settings.<kind>]``."""


@asynccontextmanager
async def open_world(
    recipe: Recipe, section: EnvironmentSection | None = None, kind: str | None = None
) -> AsyncGenerator[World]:
    """A world of the recipe for the block: of its own kind, or of another that is named.

    ``section`` is ``[environment]`` of a build, the recipe's as it stands without it. InputError lists the
    kinds that are installed where there is none of that name.
    """
    chosen = section or EnvironmentSection.read(recipe.settings)
    name = kind or chosen.kind
    async with find_kind(name)(recipe, chosen.settings_of(name)) as world:
        yield world


def find_kind(name: str) -> OpenWorld:
    """What opens worlds of a kind; InputError lists those that are installed."""
    installed = {point.name: point for point in entry_points(group=GROUP)}
    if name not in installed:
        raise InputError(
            f"there is no kind of environment {name!r}; installed are: {', '.join(sorted(installed)) or 'none'}. "
            f"A package brings one by an entry point of the group {GROUP!r}."
        )
    try:
        return installed[name].load()
    except Exception as error:  # the package's own code runs here: it may raise anything
        raise InputError(
            f"the kind of environment {name!r} ({installed[name].value}) cannot be loaded: "
            f"{type(error).__name__}: {error}. Install what it needs (docs/factories/environment.md)."
        ) from error
