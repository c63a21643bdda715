"""Our own traces, one a line: what ``POST /data/events`` takes as NDJSON, from a file."""

from __future__ import annotations

from typing import Any

from agent_factory.contracts.trace import Trace
from agent_factory.core.error import InputError
from agent_factory.data.importing.row import Format, Origin
from agent_factory.data.importing.text import read_lines
from agent_factory.data.ingest import read_trace


def read_traces(value: Any, origin: Origin) -> tuple[Trace, ...]:
    """The trace of a line; the day, recipe and outcome of the import are not laid over its own."""
    if origin.day or origin.recipe or origin.success is not None:
        raise InputError("a trace tells its own day, recipe and outcome: leave --day, --recipe and --outcome out")
    return (read_trace(value, origin.project),)


FORMAT = Format("traces", "traces as POST /data/events takes them, one a line", read_lines, read_traces)
