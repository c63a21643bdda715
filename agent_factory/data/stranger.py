"""What in arriving traces is not known here: recipes that there are none of, tools that a recipe does not have.

Production traffic may be of agents that the factory did not make, so such traces are kept; their sender is
told, and cleaning flags them. Invariant: what is told is bounded, and every event that is not named is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from agent_factory.agent.openapi import read_tools
from agent_factory.contracts.trace import Trace
from agent_factory.core.error import InputError
from agent_factory.core.intake import Notice, NoticeKind, Notices
from agent_factory.core.recipe import Recipe
from agent_factory.core.settings import get_settings
from agent_factory.data.cleaning.finding import Finding

_SHOWN = 20
_Key = tuple[NoticeKind, str, str | None]


def known_tools(recipe: str, recipes: Path | None = None) -> frozenset[str] | None:
    """The tools of a recipe, None where there is no such recipe; InputError where its OpenAPI file cannot be read."""
    folder = (recipes or get_settings().recipes) / recipe
    if not (folder / "build.toml").is_file():
        return None
    try:
        edited = (folder / "openapi.yaml").stat().st_mtime_ns
    except OSError as error:
        raise InputError(
            f"{folder / 'openapi.yaml'} cannot be read: {error.strerror}. Put the recipe's tools there"
        ) from error
    return _read_tools(folder, edited)


def find_stranger(trace: Trace) -> Finding | None:
    """The finding against a trace that calls what its recipe does not have."""
    tools = None if trace.recipe is None else known_tools(trace.recipe)
    unknown = () if tools is None else _find_missing(trace, tools)
    if not unknown:
        return None
    more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
    named = ", ".join(name[:80] for name in unknown[:3])
    return Finding("flagged", "unknown_tool", f"recipe {trace.recipe!r} has no tool {named}{more} in its openapi.yaml")


class Roll:
    """Counts the events of which something is not known."""

    def __init__(self, recipes: Path | None = None) -> None:
        self._recipes = recipes
        self._events: Counter[_Key] = Counter()
        self._left_out = 0

    def add(self, traces: Iterable[Trace]) -> None:
        """Look at traces."""
        for trace in traces:
            if trace.recipe is not None:
                self._events.update(_look(trace, trace.recipe, self._recipes))

    def take(self, notices: Notices) -> None:
        """Add what was told of another part."""
        self._left_out += notices.left_out
        for notice in notices.listed:
            self._events[notice.kind, notice.recipe, notice.tool] += notice.events

    def tell(self) -> Notices:
        """The most frequent of what is not known, and of how many events the rest is."""
        most = sorted(self._events.items(), key=lambda item: (-item[1], item[0][:2], item[0][2] or ""))
        listed = tuple(
            Notice(kind=kind, recipe=recipe, tool=tool, events=events, message=_describe(kind, recipe, tool))
            for (kind, recipe, tool), events in most[:_SHOWN]
        )
        return Notices(listed=listed, left_out=self._left_out + sum(events for _, events in most[_SHOWN:]))


def _look(trace: Trace, recipe: str, recipes: Path | None) -> list[_Key]:
    try:
        tools = known_tools(recipe, recipes)
    except InputError:
        return [("unreadable_recipe", recipe, None)]
    if tools is None:
        return [("unknown_recipe", recipe, None)]
    return [("unknown_tool", recipe, name[:200]) for name in _find_missing(trace, tools)]


def _find_missing(trace: Trace, tools: frozenset[str]) -> tuple[str, ...]:
    """What a trace calls and its recipe does not have."""
    called = {call.name for step in trace.steps for call in step.action.tool_calls}
    return tuple(sorted(called - tools))


def _describe(kind: NoticeKind, recipe: str, tool: str | None) -> str:
    if kind == "unreadable_recipe":
        return f"openapi.yaml of recipe {recipe!r} cannot be read, so its tools were not looked at: mend the file"
    what = f"recipe {recipe!r} is not known here"
    if kind == "unknown_tool":
        what = f"recipe {recipe!r} has no tool {tool!r} in its openapi.yaml"
    return f"{what}: such events are kept, cleaning flags them, and datasets leave them out"


@lru_cache(maxsize=64)
def _read_tools(folder: Path, edited: int) -> frozenset[str]:
    recipe = Recipe(folder)
    return frozenset(read_tools(recipe.openapi, str(folder / "openapi.yaml")).operations)
