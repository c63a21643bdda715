"""Which format a file is of, by what it holds. Invariant: where two would read it differently, neither is guessed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any, cast

from agent_factory.core.error import InputError
from agent_factory.data.importing import (
    hugging_face,
    inspect_log,
    openai_chat,
    openai_responses,
    otel,
    tau_bench,
    trace_line,
)
from agent_factory.data.importing.row import Format
from agent_factory.data.importing.text import read_head, read_objects

FORMATS: dict[str, Format] = {
    found.name: found
    for found in (
        trace_line.FORMAT,
        openai_chat.FORMAT,
        openai_responses.FORMAT,
        otel.FORMAT,
        inspect_log.FORMAT,
        hugging_face.FORMAT,
        tau_bench.FORMAT,
    )
}
AUTO = "auto"
_FINE_TUNING = frozenset({"messages", "tools", "functions", "parallel_tool_calls", "function_call", "metadata"})


def find_format(name: str, path: Path) -> Format:
    """The format of that name, or by ``auto`` the one that the file is of. InputError where there is none."""
    if name != AUTO and name not in FORMATS:
        raise InputError(f"--format {name!r} is not known; there are: {', '.join((AUTO, *FORMATS))}")
    if not path.is_file():
        raise InputError(f"there is no file {str(path)!r}")
    if name != AUTO:
        return FORMATS[name]
    found = _detect(path)
    if found is None:
        raise InputError(f"what {str(path)!r} is cannot be told from it: give --format, one of {', '.join(FORMATS)}")
    return found


def _detect(path: Path) -> Format | None:
    if zipfile.is_zipfile(path):
        return inspect_log.FORMAT
    if hugging_face.is_parquet(path):
        return hugging_face.FORMAT
    for row in read_objects(path):
        found = _by_fields(row, alone=True)
        if found is not None:
            return found
    head = read_head(path).decode(errors="replace").lstrip()
    row = _first_object(head)
    if row is not None:
        return _by_fields(row, alone=not head.startswith("["))
    # A document that is longer than what was read of it, or spread over lines: by the names that only one has.
    for mark, found in (('"resourceSpans"', otel.FORMAT), ('"traj"', tau_bench.FORMAT)):
        if mark in head:
            return found
    return inspect_log.FORMAT if '"eval_id"' in head and '"task_id"' in head else None


def _first_object(head: str) -> dict[str, Any] | None:
    """The document as an object, or the first item of a list, where it is whole."""
    try:
        found, _ = json.JSONDecoder().raw_decode(head.removeprefix("[").lstrip())
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _by_fields(row: dict[str, Any], *, alone: bool) -> Format | None:
    fields = set(row)
    if "resourceSpans" in fields:
        return otel.FORMAT
    if {"task_id", "traj"} <= fields:
        return None if alone else tau_bench.FORMAT
    if {"eval", "version"} <= fields and alone:
        return inspect_log.FORMAT
    if {"id", "source", "started_at", "steps"} <= fields:
        return trace_line.FORMAT
    if row.get("object") == "response" or {"request", "response"} <= fields or {"input", "output"} <= fields:
        return openai_responses.FORMAT
    if "preferred_output" in fields:
        return openai_chat.FORMAT
    if "conversations" in fields or {"chosen", "rejected"} <= fields or {"prompt", "completion"} <= fields:
        return hugging_face.FORMAT
    if "messages" in fields:
        return openai_chat.FORMAT if fields <= _FINE_TUNING else hugging_face.FORMAT
    return None
