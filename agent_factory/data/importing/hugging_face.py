"""Conversation and preference datasets as Hugging Face has them: a parquet file, or JSON lines.

A row is a conversation (``messages``, or ``conversations`` with ``from`` and ``value``), a prompt with its
``completion``, or a preference: ``chosen`` and ``rejected``, as texts after a ``prompt`` or as whole
conversations (https://huggingface.co/docs/trl/dataset_formats).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, cast

from agent_factory.contracts.trace import Outcome, Trace
from agent_factory.core.error import InputError
from agent_factory.data.importing import openai_chat
from agent_factory.data.importing.openai_chat import make_conversation, make_pair, read_time
from agent_factory.data.importing.row import Format, Origin, Row, require_object

_BATCH = 200
_NAME = "hf"


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a parquet file, a batch in memory at a time, or of a JSON file."""
    if is_parquet(path):
        yield from _read_parquet(path)
    else:
        yield from openai_chat.read_rows(path)


def is_parquet(path: Path) -> bool:
    """Whether the file begins as parquet does."""
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            count, number = max(file.metadata.num_rows, 1), 0
            for batch in file.iter_batches(batch_size=_BATCH):
                for value in batch.to_pylist():
                    yield Row(f"row {number}", _drop_empty(value), (number + 1) / count)
                    number += 1
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{str(path)!r} cannot be read as parquet: {error}. What came before is kept") from error


def _drop_empty(value: Any) -> Any:
    """A table gives every object the keys of all rows: those that this row does not have are None."""
    if isinstance(value, dict):
        return {key: _drop_empty(item) for key, item in value.items() if item is not None}
    return [_drop_empty(item) for item in value] if isinstance(value, list) else value


def read_traces(value: Any, origin: Origin) -> tuple[Trace, ...]:
    """The conversation of a row, or the two of a preference."""
    row = require_object(value)
    for key in ("images", "image", "audio"):
        if row.get(key):
            raise InputError(f"it has {key}: only text is taken")
    if "chosen" in row and "rejected" in row:
        return _read_preference(row, origin)
    if "conversations" in row or "conversation" in row:
        found = row.get("conversations") or row.get("conversation")
        messages = [*_system(row), *_read_turns(found)]
        return (make_conversation(_NAME, row, messages, origin, tools=row.get("tools")),)
    if "messages" in row:
        return (make_conversation(_NAME, row, row["messages"], origin, tools=row.get("tools")),)
    if "prompt" in row and "completion" in row:
        messages = [*_as_messages(row["prompt"], "user"), *_as_messages(row["completion"], "assistant")]
        return (make_conversation(_NAME, row, messages, origin, tools=row.get("tools"), outcome=_read_label(row)),)
    raise InputError(
        f"its columns are {', '.join(sorted(row))}: expected messages, conversations, prompt and completion, "
        "or chosen and rejected"
    )


def _read_preference(row: dict[str, Any], origin: Origin) -> tuple[Trace, ...]:
    prompt = _as_messages(row["prompt"], "user") if row.get("prompt") else []
    if prompt and row["prompt"] is not None and isinstance(row["prompt"], str) and not isinstance(row["chosen"], str):
        prompt = []  # the conversations begin with it
    sides: dict[Literal["chosen", "rejected"], list[Any]] = {
        "chosen": [*_system(row), *prompt, *_as_messages(row["chosen"], "assistant")],
        "rejected": [*_system(row), *prompt, *_as_messages(row["rejected"], "assistant")],
    }
    asked = prompt or _common(sides["chosen"], sides["rejected"])
    scores = {
        side: float(row[key])
        for side, key in (("chosen", "score_chosen"), ("rejected", "score_rejected"))
        if key in row
    }
    return make_pair(_NAME, asked, sides, origin, told=read_time(row), tools=row.get("tools"), scores=scores)


def _common(left: list[Any], right: list[Any]) -> list[Any]:
    """What both conversations begin with."""
    shared: list[Any] = []
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        shared.append(one)
    return shared


def _read_label(row: dict[str, Any]) -> Outcome | None:
    label = row.get("label")
    if not isinstance(label, bool):
        return None
    return Outcome(success=label, reward=float(label), graded_by=f"{_NAME}:label")


def _system(row: dict[str, Any]) -> list[Any]:
    found = row.get("system") or row.get("system_prompt")
    return [{"role": "system", "content": found}] if isinstance(found, str) and found else []


def _as_messages(found: Any, role: str) -> list[Any]:
    if isinstance(found, str):
        return [{"role": role, "content": found}]
    if isinstance(found, list):
        return _read_turns(cast("list[Any]", found))
    raise InputError(f"a conversation is {type(found).__name__}, expected text or a list of messages")


def _read_turns(found: Any) -> list[Any]:
    """Turns of ``from`` and ``value`` as messages of ``role`` and ``content``; others as they are."""
    if not isinstance(found, list):
        raise InputError(f"conversations are {type(found).__name__}, expected a list")
    told: list[Any] = []
    for turn in cast("list[Any]", found):
        if not isinstance(turn, dict) or "from" not in turn:
            told.append(turn)
        elif turn["from"] in ("function_call", "tool_call"):
            call = json.loads(turn["value"])
            calls = cast("list[Any]", call) if isinstance(call, list) else [call]
            named = [{**one, "id": f"call_{len(told)}_{number}"} for number, one in enumerate(calls)]
            told.append({"role": "assistant", "tool_calls": named})
        else:
            told.append({"role": turn["from"], "content": turn["value"]})
    return told


FORMAT = Format(
    "hugging-face",
    "Hugging Face datasets, parquet or JSONL: messages, conversations, prompt/completion, chosen/rejected",
    read_rows,
    read_traces,
)
