"""Reads result files of τ-bench (https://github.com/sierra-research/tau-bench) as traces.

A file is a JSON list of episodes: ``task_id``, ``trial``, ``reward`` and ``traj``, the conversation in
OpenAI's chat format. Invariant: a trace's id and content follow from its episode alone, so that the
same episode is the same trace whenever it is imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from agent_factory.contracts.message import Message, ToolCall
from agent_factory.contracts.trace import Outcome, Trace
from agent_factory.core import clock
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError
from agent_factory.data.importing.conversation import arrange
from agent_factory.data.importing.row import Format, Origin, Row, require_object
from agent_factory.data.importing.text import read_document

_DOMAIN = re.compile(r"^#\s*(\w+) agent policy", re.IGNORECASE | re.MULTILINE)
_CURRENT_TIME = re.compile(r"current time is (\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) EST", re.IGNORECASE)
_EST = timedelta(hours=5)


def read_rows(path: Path) -> Iterator[Row]:
    """The episodes of a file in order; InputError where it is no list."""
    episodes = read_document(path)
    if not isinstance(episodes, list):
        raise InputError(f"{str(path)!r} is not a τ-bench result file: expected a list, got {type(episodes).__name__}")
    count = len(cast("list[Any]", episodes))
    for index, episode in enumerate(cast("list[Any]", episodes)):
        yield Row(f"episode {index}", episode, (index + 1) / count)


def read_traces(value: Any, origin: Origin) -> tuple[Trace, ...]:
    """The trace of an episode. It starts at the time that its policy calls the current one, unless a day is given."""
    row = require_object(value)
    task, trial, reward = str(row["task_id"]), int(row["trial"]), float(row["reward"])
    first, *rest = row["traj"]
    if first["role"] != "system":
        raise InputError(f"traj.0.role is {first['role']!r}, expected 'system'")
    domain = _DOMAIN.search(first["content"])
    scenario = f"tau-{domain[1].lower()}-{task}" if domain else f"tau-{task}"
    told = arrange([_read_message(message) for message in rest])
    content = digest_json({"task": task, "trial": trial, "reward": reward, "traj": row["traj"]})
    trace = Trace(
        id=f"{scenario}-{trial}-{content[:12]}",
        project=origin.project,
        created_at=clock.now(),
        source="import",
        recipe=origin.recipe,
        started_at=origin.start(_read_time(first["content"])),
        scenario_id=scenario,
        system=first["content"],
        steps=told.steps,
        closing=told.closing,
        outcome=Outcome(success=reward >= 1.0, reward=reward, graded_by="tau-bench"),
        metadata={"format": "tau-bench", "task_id": task, "trial": trial},
    )
    return (trace,)


def _read_time(policy: str) -> datetime | None:
    found = _CURRENT_TIME.search(policy)
    return datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC) + _EST if found else None


def _read_message(wire: dict[str, Any]) -> Message:
    calls = tuple(
        ToolCall(id=call["id"], name=call["function"]["name"], arguments=json.loads(call["function"]["arguments"]))
        for call in wire.get("tool_calls") or ()
    )
    return Message(
        role=wire["role"],
        content=wire["content"],
        tool_calls=calls,
        tool_call_id=wire.get("tool_call_id"),
        name=wire.get("name"),
    )


FORMAT = Format("tau-bench", "τ-bench result files", read_rows, read_traces)
