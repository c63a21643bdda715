"""A live session as a scenario: what the user said, turn by turn, in the world that the recipe's demo_state begins.

Only a session whose tools a simulator answered can be played again, and only while what the user said is known:
closing a session erases it, unless nothing in it was personal. Invariant: what cannot be played is named, with why.
"""

from __future__ import annotations

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.message import Message
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Reply, Scenario, Solution, SuccessRules
from agent_factory.contracts.session import SessionMemory
from agent_factory.contracts.trace import Trace
from agent_factory.core.error import ConflictError
from agent_factory.core.recipe import Recipe
from agent_factory.core.store import Store


def make_session_scenario(store: Store, recipe: Recipe, build: BuildSpec | None, trace: Trace) -> Scenario:
    """The scenario; ConflictError says why there is none."""
    _require_simulated(recipe, build, trace)
    first, *more = _read_said(store, trace)
    demo_state = recipe.load_part("demo_state")
    with recipe.blame("demo_state"):
        state: Json = demo_state()
    return Scenario(
        id=trace.id,
        project=trace.project,
        created_at=trace.created_at,
        recipe=recipe.name,
        level="L1",
        kind="session",
        template="session",
        split="train",
        seed=0,
        opening=(Message(role="user", content=first),),
        replies=tuple(Reply(asks="", says=text) for text in more),  # each matches any answer, and is said once
        tools=tuple(tool.name for tool in trace.tools),
        state=state,
        rules=SuccessRules(),
        solution=Solution(calls=(), answer=""),
    )


def _require_simulated(recipe: Recipe, build: BuildSpec | None, trace: Trace) -> None:
    where = f"trace {trace.id!r} of session {trace.session_id!r} cannot be replayed"
    if build is None or build.project != trace.project:
        raise ConflictError(f"{where}: its build {trace.build!r} is not known, nor what answered its tools")
    runtime = build.settings.get("runtime")
    if isinstance(runtime, dict) and runtime.get("tools_url"):
        raise ConflictError(f"{where}: a live service answered its tools, and it is not called again")
    if build.recipe_digest != recipe.digest:
        raise ConflictError(
            f"{where}: it is of an older recipe, the folder of {recipe.name!r} has the digest {recipe.digest}, "
            f"its build {build.id!r} was ordered with {build.recipe_digest}"
        )
    if trace.failure is not None and trace.failure.startswith("interrupted"):
        raise ConflictError(f"{where}: {trace.failure}")
    for before, step in zip(trace.steps, trace.steps[1:], strict=False):
        spoken = any(message.role == "user" for message in step.observation)
        if spoken and (before.action.tool_calls or before.error):
            raise ConflictError(f"{where}: its turn that ended with step {before.index} failed, and was taken up again")


def _read_said(store: Store, trace: Trace) -> list[str]:
    """What the user said in truth, by turns: as the trace has it, or as the session remembers where that is hidden."""
    told = [message.content or "" for message in trace.messages() if message.role == "user"]
    if not trace.pseudonyms:
        return told
    memory = store.peek(SessionMemory, f"{trace.session_id}-memory")
    heard = [] if memory is None else [one.text for one in memory.heard if one.method == "message"]
    if len(heard) < len(told):
        raise ConflictError(
            f"trace {trace.id!r} of session {trace.session_id!r} cannot be replayed: what was personal in it is "
            "erased, so that what its tools were given is not known"
        )
    return heard[: len(told)]
