"""``factory env from-trace``: failed traces become scenarios that reproduce them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from agent_factory.cli.desk import open_desk
from agent_factory.cli.output import JsonFlag, say, show
from agent_factory.core.day import read_day
from agent_factory.core.error import InputError

_SHOWN = 20


def from_trace(
    traces: Annotated[list[str] | None, typer.Argument(help="Ids of failed traces, of any source.")] = None,
    day: Annotated[str | None, typer.Option(help="All failed traces that came in of a day, YYYY-MM-DD.")] = None,
    into: Annotated[str | None, typer.Option("--set", help="The set to add to, <recipe>-production.")] = None,
    solution: Annotated[
        Path | None, typer.Option(help="JSON with rules, solution, state in place of what the recipe reads.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make scenarios of failed traces, without personal data; exit 1 where none of them became one."""
    from agent_factory.api.production import FromTraceRequest, admit_traces, make_from_traces
    from agent_factory.contracts.production import Amendment
    from agent_factory.core.tracelog import TraceLog

    if (day is None) == (not traces):
        raise InputError("which traces? Give their ids, or --day with the day of failed ones")
    amendment = None
    if solution is not None:
        try:
            amendment = Amendment.model_validate_json(solution.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"--solution {str(solution)!r}: {error}") from error
    desk = open_desk()
    if day is None:
        body = FromTraceRequest(traces=tuple(traces or ()), set=into, solution=amendment)
        report = make_from_traces(body, desk)
    else:
        logged = TraceLog(desk.store).of_day(read_day(day).isoformat(), desk.project)
        failed = [trace for trace in logged if trace.outcome is not None and not trace.outcome.success]
        report = admit_traces(desk, failed, into, amendment)
    if as_json:
        show(report, True)
    else:
        counts = Counter(one.verdict for one in report.traces)
        told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("admitted", "duplicate", "refused"))
        assumed = sum(one.verdict == "admitted" and bool(one.assumed) for one in report.traces)
        say(f"of {len(report.traces)} traces: {told}; {assumed} with a world that is in part assumed")
        if report.set is not None:
            say(f"set {report.set.id}: {report.set.count} scenarios, {report.set.path}")
        for one in [one for one in report.traces if one.verdict == "refused"][:_SHOWN]:
            say(f"{one.trace}: refused, {one.failed}: {one.reason}")
    if all(one.verdict == "refused" for one in report.traces):
        raise typer.Exit(1)
