"""``factory data``: what cleaning decided, a person's word against it, and the clusters of tasks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import typer

from agent_factory.cli.build import Key
from agent_factory.cli.desk import open_desk
from agent_factory.cli.number import number
from agent_factory.cli.output import JsonFlag, say, show
from agent_factory.core.error import InputError

app = typer.Typer(no_args_is_help=True)
clusters = typer.Typer(help="Clusters of like tasks: show, refit.", no_args_is_help=True)
app.add_typer(clusters, name="clusters")

_Date = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="A day in UTC.")]
_SHOWN = ("trace_id", "verdict", "rule", "reason", "reviewer")


@app.command("decisions")
def list_decisions(
    day: _Date,
    verdict: Annotated[str | None, typer.Option(help="Only these: kept, flagged or dropped.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only those of this rule, such as poison.")] = None,
    limit: Annotated[int, number(1, 1000)] = 100,
    as_json: JsonFlag = False,
) -> None:
    """What cleaning decided on a day: trace, verdict, rule, reason, and who overruled it when."""
    from agent_factory.api import cleaning

    found = cleaning.list_decisions(open_desk(), day.date(), _verdict(verdict), rule, limit, 0)
    if as_json:
        show(found, True)
        return
    show(list(found.decisions), False, columns=_SHOWN)
    told = ", ".join(f"{count} {name}" for name, count in found.counts.items()) or "no traces"
    say(f"{found.day}: {told}; {len(found.decisions)} of {found.found} shown")


@app.command("overrule")
def overrule(
    trace: str,
    verdict: Annotated[str, typer.Option(help="keep or drop")],
    reason: Annotated[str, typer.Option(help="Why: it stands with the decision.")],
    reviewer: Annotated[str, typer.Option(help="Who says so.")],
    key: Key = None,
    as_json: JsonFlag = False,
) -> None:
    """Keep or drop TRACE whatever the rules say. Its day is made again: by the platform, or `factory data prepare`."""
    from agent_factory.api.cleaning import OverruleRequest, overrule_decision

    body = OverruleRequest.model_validate({"verdict": verdict, "reason": reason, "reviewer": reviewer})
    show(overrule_decision(trace, body, open_desk(), key), as_json)


@app.command("copies")
def list_copies(first_day: _Date, last_day: _Date, as_json: JsonFlag = False) -> None:
    """Traces that are near copies of an earlier one on any of those days, as a dataset of them would leave out."""
    from agent_factory.contracts.build import DataWindow
    from agent_factory.data.cleaning.repeat import find_repeats

    desk = open_desk()
    window = DataWindow(first_day=first_day.date(), last_day=last_day.date())
    found = find_repeats(desk.artifacts, desk.project, window.days())
    rows = [{"trace_id": name, "copy_of": copy.of, "reason": copy.reason} for name, copy in found.items()]
    show(rows, as_json)


@clusters.command("show")
def show_clusters(day: _Date, as_json: JsonFlag = False) -> None:
    """The clusters of a day's clean traces, the largest first."""
    from collections import Counter

    from agent_factory.core.decision import read_clusters

    desk = open_desk()
    sizes = Counter(read_clusters(desk.artifacts, desk.project, day.date().isoformat()).values())
    show([{"cluster": name, "traces": sizes[name]} for name in sorted(sizes, key=lambda n: (-sizes[n], n))], as_json)


@clusters.command("refit")
def refit(first_day: _Date, last_day: _Date, as_json: JsonFlag = False) -> None:
    """Fit new clusters on the clean traces of those days; every day of the project is made again with them."""
    from agent_factory.contracts.build import DataWindow
    from agent_factory.data.cleaning.codebook import refit_codebook

    desk = open_desk()
    window = DataWindow(first_day=first_day.date(), last_day=last_day.date())
    made = refit_codebook(desk.store, desk.artifacts, desk.project, window.days())
    told: dict[str, Any] = {
        "codebook": made.id,
        "traces": made.traces,
        "silhouette": made.silhouette,
        "clusters": {shape.name: shape.members for shape in made.clusters},
    }
    show(told, as_json)


def _verdict(text: str | None) -> Literal["kept", "flagged", "dropped"] | None:
    if text is None or text == "kept" or text == "flagged" or text == "dropped":
        return text
    raise InputError(f"--verdict {text!r}: expected kept, flagged or dropped")
