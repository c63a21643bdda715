"""Reads result files of τ-bench (https://github.com/sierra-research/tau-bench) as traces.

A file is a JSON list of episodes: ``task_id``, ``trial``, ``reward`` and ``traj``, the conversation in
OpenAI's chat format. Invariant: a trace's id and content follow from its episode alone, so that the
same episode is the same trace whenever it is imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from agent_factory.contracts.message import Message, ToolCall
from agent_factory.contracts.record import DEFAULT_PROJECT, Part
from agent_factory.contracts.trace import Outcome, Step, Trace
from agent_factory.core import clock
from agent_factory.core.day import require_instant
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError
from agent_factory.data.ingest import explain

_DOMAIN = re.compile(r"^#\s*(\w+) agent policy", re.IGNORECASE | re.MULTILINE)
_CURRENT_TIME = re.compile(r"current time is (\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) EST", re.IGNORECASE)
_EST = timedelta(hours=5)


class Quarantined(Part):
    """A row that could not be read: where it stands and why."""

    file: str
    place: str
    reason: str


def read_tau_bench(
    path: Path, project: str = DEFAULT_PROJECT, day: date | None = None
) -> Iterator[Trace | Quarantined]:
    """The episodes of a file in order; one that cannot be read comes as Quarantined, with its place.

    Episodes start at the time that their policy calls the current one, or at midnight (UTC) of ``day``.
    """
    try:
        episodes = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there is no file {str(path)!r}") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{str(path)!r} is not a τ-bench result file: it is not JSON in UTF-8: {error}") from error
    if not isinstance(episodes, list):
        raise InputError(f"{str(path)!r} is not a τ-bench result file: expected a list, got {type(episodes).__name__}")
    for index, episode in enumerate(cast(list[Any], episodes)):
        try:
            yield _read_episode(episode, project, day)
        except ValidationError as error:
            yield Quarantined(file=str(path), place=f"episode {index}", reason=explain(error))
        except (KeyError, TypeError, ValueError, InputError) as error:
            reason = f"no field {error}" if isinstance(error, KeyError) else str(error)
            yield Quarantined(file=str(path), place=f"episode {index}", reason=reason)


def _read_episode(episode: Any, project: str, day: date | None) -> Trace:
    if not isinstance(episode, dict):
        raise InputError(f"expected an object, got {type(episode).__name__}")
    row = cast(dict[str, Any], episode)
    task, trial, reward = str(row["task_id"]), int(row["trial"]), float(row["reward"])
    first, *rest = row["traj"]
    if first["role"] != "system":
        raise InputError(f"traj.0.role is {first['role']!r}, expected 'system'")
    domain = _DOMAIN.search(first["content"])
    scenario = f"tau-{domain[1].lower()}-{task}" if domain else f"tau-{task}"
    steps, closing = _read_steps([_read_message(message) for message in rest])
    started_at = _start(first["content"], day)
    require_instant(started_at)
    content = digest_json({"task": task, "trial": trial, "reward": reward, "traj": row["traj"]})
    return Trace(
        id=f"{scenario}-{trial}-{content[:12]}",
        project=project,
        created_at=clock.now(),
        source="import",
        started_at=started_at,
        scenario_id=scenario,
        system=first["content"],
        steps=steps,
        closing=closing,
        outcome=Outcome(success=reward >= 1.0, reward=reward, graded_by="tau-bench"),
        metadata={"format": "tau-bench", "task_id": task, "trial": trial},
    )


def _start(policy: str, day: date | None) -> datetime:
    if day is not None:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    found = _CURRENT_TIME.search(policy)
    if not found:
        raise InputError("its policy names no current time: give a day to import it under")
    return datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC) + _EST


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


def _read_steps(messages: list[Message]) -> tuple[tuple[Step, ...], tuple[Message, ...]]:
    steps: list[Step] = []
    seen: list[Message] = []
    for message in messages:
        if message.role != "assistant":
            seen.append(message)
            continue
        steps.append(Step(index=len(steps), observation=tuple(seen), action=message))
        seen = []
    return tuple(steps), tuple(seen)
