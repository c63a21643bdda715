"""The kind ``bfcl``: a scenario names a case, and the agent calls that case's classes.

Invariants: an episode has instances of its own; cases are an evaluation set, so that a scenario of the
training split is refused. The classes draw from the seed in the case's own configuration, as the reference
does, and not from the episode's. Calls run in this process: they cannot be interrupted, their numbers are bounded.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import ValidationError

from agent_factory.agent.argument import ArgumentCheck
from agent_factory.agent.toolbox import ToolResult, fail
from agent_factory.contracts.message import Message, Tool, ToolCall
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.buildfile import Section
from agent_factory.core.error import InputError, ToolError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.bfcl.instance import Instances
from agent_factory.environment.bfcl.package import DEFAULT_FOLDER, Case, Package
from agent_factory.environment.bfcl.progress import Progress, ReferenceTurn, replay_reference

MET = "~met"
"""The part of the state that tells which turns of the reference were met; no class has such a name."""


class BfclSection(Section):
    """``[environment.settings.bfcl]``: where ``bfcl-eval`` is installed, without its dependencies."""

    folder: Path = DEFAULT_FOLDER


class BfclWorld:
    """The package, and the references that were replayed so far."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.arguments = ArgumentCheck()
        self._references: dict[str, tuple[ReferenceTurn, ...]] = {}

    def make(self) -> BfclEnvironment:
        """An environment for one episode."""
        return BfclEnvironment(self)

    def reference(self, case: Case) -> tuple[ReferenceTurn, ...]:
        """The case's reference by turns, replayed once."""
        if case.id not in self._references:
            self._references[case.id] = replay_reference(self.package, case, self.arguments)
        return self._references[case.id]

    def tools(self, case: Case) -> tuple[Tool, ...]:
        """What the case gives the agent: the documented functions of its classes, but for those it leaves out."""
        found = (tool for name in case.classes for tool in self.package.tools(name))
        return tuple(tool for tool in found if tool.name not in case.excluded)


class BfclEnvironment:
    """The instances of one episode."""

    def __init__(self, world: BfclWorld) -> None:
        self.tools: tuple[Tool, ...] = ()
        self._world = world
        self._instances: Instances | None = None
        self._progress = Progress(())

    async def reset(self, scenario: Scenario, seed: int) -> None:
        """See ``Environment``: ``seed`` changes nothing, the case has its own."""
        case = find_case(self._world.package, scenario)
        offered = {tool.name: tool for tool in self._world.tools(case)}
        unknown = [name for name in scenario.tools if name not in offered]
        if unknown:
            raise InputError(
                f"scenario {scenario.id!r} gives the tool {unknown[0]!r}, which case {case.id!r} does not have; "
                f"it has: {', '.join(offered)}"
            )
        self.tools = tuple(offered[name] for name in scenario.tools)
        self._progress = Progress(self._world.reference(case))
        self._instances = Instances(self._world.package, case, self._world.arguments)

    async def step(self, call: ToolCall, deadline_seconds: float) -> ToolResult:
        """See ``Environment``."""
        instances = self._running()
        names = [tool.name for tool in self.tools]
        if call.name not in names:
            return fail(call, 404, f"there is no tool {call.name}; there are: {', '.join(names)}")
        response = instances.call(call.name, call.arguments)
        self._progress.add(response.text)
        message = Message(role="tool", tool_call_id=call.id, name=call.name, content=response.text)
        error = None if response.error is None else f"{call.name}: {response.status} {response.error}"
        return ToolResult(message, error)

    async def hear(self, answer: str) -> None:
        """See ``Listener``: a turn of the user's is over."""
        self._progress.end_turn(self._running().state())

    async def state(self) -> Json:
        """See ``Environment``: the public attributes by class, and the turns of the reference that were met."""
        return {**self._running().state(), MET: self._progress.to_json()}

    async def close(self) -> None:
        """See ``Environment``."""
        self._instances = None

    def _running(self) -> Instances:
        if self._instances is None:
            raise ToolError("a BFCL environment was used before reset or after close")
        return self._instances


def find_case(package: Package, scenario: Scenario) -> Case:
    """The case that a scenario names, as it was when the scenario was made; InputError where it is another by now."""
    if scenario.faults:
        raise InputError(f"scenario {scenario.id!r} has faults, which the kind 'bfcl' cannot put in: leave them out")
    if scenario.split != "eval":
        raise InputError(
            f"scenario {scenario.id!r} is of the split {scenario.split!r}: BFCL's cases are for evaluation only"
        )
    case = package.case(str(scenario.state.get("case")))
    if scenario.state.get("digest") != case.digest:
        raise InputError(
            f"scenario {scenario.id!r} was made of case {case.id!r} with digest {scenario.state.get('digest')!r}, "
            f"{str(package.folder)!r} has {case.digest!r}: make the set again with the installed package"
        )
    return case


@asynccontextmanager
async def open_bfcl_world(recipe: Recipe, settings: Json) -> AsyncGenerator[BfclWorld]:
    """The installed package for the block; see ``OpenWorld``."""
    try:
        section = BfclSection.model_validate(settings)
    except ValidationError as error:
        raise InputError(f"recipe {recipe.name!r}: [environment.settings.bfcl] in build.toml: {error}") from error
    yield BfclWorld(Package(section.folder.resolve()))
