"""What training learns from, read from artifacts: clean traces, datasets, rollouts, scenarios.

Everything is read as messages or as exact token ids; each source knows its digest, so that a model
can name what it was made from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.dataset import DatasetKind, DatasetManifest
from agent_factory.contracts.message import Message, Tool, ToolCall
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.scenario import Scenario, ScenarioSet
from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.core.decision import read_flagged_beside
from agent_factory.core.digest import digest_bytes, digest_json
from agent_factory.core.error import InputError, NotFoundError
from agent_factory.core.lineup import rollout_path
from agent_factory.core.session import find_superseded
from agent_factory.core.store import Store


class Dialogue(NamedTuple):
    """A conversation to learn from."""

    system: str | None
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()


class Source(NamedTuple):
    """An artifact that a stage reads: its name (a dataset's id, or the path), its place and digest."""

    name: str
    path: str
    digest: str


def find_clean_days(artifacts: Artifacts, build: BuildSpec) -> list[Source]:
    """The clean events of the build's window; InputError where no day has any.

    Their digest covers what is flagged in them, as that is not read.
    """
    paths = [day_path(build.project, day, "clean_events") for day in build.window.days()]
    found = [Source(path, path, _digest_day(artifacts, path)) for path in paths if artifacts.exists(path)]
    if not found:
        window = f"{build.window.first_day} to {build.window.last_day}"
        raise InputError(
            f"build {build.id!r} has no clean events from {window}: none of {paths} exists. "
            "Materialize data/clean_events for these days, or order a build with another window."
        )
    return found


def read_clean_dialogues(artifacts: Artifacts, build: BuildSpec, days: Sequence[Source]) -> list[Dialogue]:
    """All conversations of the build's recipe and project in those days, good and bad; of a session the last.

    What was flagged when its day was cleaned is left out.
    """
    told: list[Dialogue] = []
    superseded = find_superseded(artifacts, [day.path for day in days], recipe=build.recipe)
    for day in days:
        left_out = superseded | read_flagged_beside(artifacts, day.path)
        for trace in artifacts.read_traces(day.path):
            own = trace.project == build.project and trace.recipe == build.recipe
            if own and trace.id not in left_out and trace.messages():
                told.append(Dialogue(trace.system, trace.messages(), trace.tools))
    if not told:
        raise InputError(
            f"the clean events of build {build.id!r} hold no trace of recipe {build.recipe!r} "
            f"in project {build.project!r}: {[day.path for day in days]}"
        )
    return told


def _digest_day(artifacts: Artifacts, path: str) -> str:
    digest, flagged = digest_bytes(artifacts.read_bytes(path)), read_flagged_beside(artifacts, path)
    return digest_json([digest, sorted(flagged)]) if flagged else digest


def find_dataset(store: Store, build: BuildSpec, kind: DatasetKind) -> DatasetManifest:
    """The build's newest dataset of that kind; NotFoundError where there is none."""
    made = store.find(DatasetManifest, project=build.project, build=build.id, newest_first=True)
    for manifest in made:
        if manifest.kind == kind:
            return manifest
    raise NotFoundError(f"build {build.id!r} has no {kind} dataset; materialize data/{kind}_dataset first")


def read_dialogues(artifacts: Artifacts, dataset: DatasetManifest) -> list[Dialogue]:
    """The rows of an SFT dataset."""
    rows = artifacts.read_table(dataset.path).to_pylist()
    return [read_dialogue(row["messages"], row.get("tools")) for row in rows]


def read_dialogue(messages: str, tools: str | None = None) -> Dialogue:
    """A conversation from OpenAI's wire format as JSON; a system message in front becomes ``system``."""
    wire = json.loads(messages)
    system = wire[0]["content"] if wire and wire[0]["role"] == "system" else None
    told = tuple(read_message(entry) for entry in wire[system is not None :])
    schemas = tuple(Tool.model_validate(entry["function"]) for entry in json.loads(tools)) if tools else ()
    return Dialogue(system, told, schemas)


def read_message(wire: dict[str, Any]) -> Message:
    """A message from OpenAI's wire format."""
    calls = tuple(
        ToolCall(id=c["id"], name=c["function"]["name"], arguments=json.loads(c["function"]["arguments"]))
        for c in wire.get("tool_calls") or []
    )
    return Message(
        role=wire["role"],
        content=wire.get("content"),
        tool_calls=calls,
        tool_call_id=wire.get("tool_call_id"),
        name=wire.get("name"),
    )


def find_rollouts(artifacts: Artifacts, model: ModelManifest) -> list[Source]:
    """The model's own rollouts, none where it has played none: what a superseded model did teaches nothing."""
    path = rollout_path(model)
    return [Source(path, path, digest_bytes(artifacts.read_bytes(path)))] if artifacts.exists(path) else []


def read_rollouts(artifacts: Artifacts, files: Sequence[Source]) -> Iterator[Trace]:
    """The graded rollouts that carry their exact tokens."""
    for file in files:
        for trace in artifacts.read_traces(file.path):
            if trace.outcome is not None and trace.tokens is not None and trace.scenario_id is not None:
                yield trace


def read_scenario_kinds(store: Store, artifacts: Artifacts, build: BuildSpec) -> dict[str, tuple[str, str]]:
    """Level and kind of each of the build's training scenarios, by scenario id."""
    made = store.get(ScenarioSet, f"{build.id}-train")
    lines = artifacts.read_text(made.path).splitlines()
    scenarios = [Scenario.model_validate_json(line) for line in lines if line.strip()]
    return {scenario.id: (scenario.level, scenario.kind) for scenario in scenarios}
