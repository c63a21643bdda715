"""``factory data``: traces come in, labels are given, days are prepared, datasets are built."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from agent_factory.cli import cleaning, dataset
from agent_factory.cli.build import Key
from agent_factory.cli.desk import open_desk
from agent_factory.cli.output import JsonFlag, say, show
from agent_factory.core.error import InputError

app = typer.Typer(help="Data: import, prepare, label; build and show datasets.", no_args_is_help=True)
app.add_typer(dataset.app)
app.add_typer(cleaning.app)

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day of traces, in UTC.")]


@app.command("import")
def import_file(
    file: Path,
    format_: Annotated[str, typer.Option("--format", help="What the file is: tau-bench.")],
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Put the traces under this day.")] = None,
    only: Annotated[bool, typer.Option("--only", help="Take the traces in; clean nothing, build nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Take FILE in, clean and label its days, and build an SFT and a preference dataset of them.

    The same file again adds nothing. What could not be read is listed, with the reason.
    """
    from agent_factory.data.importer import FORMATS, import_traces

    if format_ not in FORMATS:
        raise InputError(f"--format {format_!r} is not known; there are: {', '.join(FORMATS)}")
    if not file.is_file():
        raise InputError(f"there is no file {str(file)!r}: give the path of a {format_} file")
    desk = open_desk()
    report = import_traces(desk.store, file, format_, desk.project, day.date() if day else None)
    made: dict[str, Any] = report.model_dump(mode="json")
    if not only and report.days:
        made["prepared"] = [_prepare(desk, name) for name in report.days]
        made["datasets"] = [
            _build(desk, kind, report.days).model_dump(mode="json") for kind in ("sft", "preference")
        ]
    if as_json:
        show(made, True)
        return
    say(f"{report.accepted} taken in, {report.duplicates} were there, {len(report.quarantined)} could not be read")
    for item in report.quarantined:
        say(f"  {item}")
    for item in made.get("datasets", []):
        say(f"{item['id']}: {item['kind']}, {item['rows']} rows of {item['trace_count']} traces, {item['path']}")


@app.command("prepare")
def prepare(days: list[str], as_json: JsonFlag = False) -> None:
    """Write events, clean events and labels of DAYS (YYYY-MM-DD) in this process."""
    from agent_factory.core.day import read_day, require_days

    wanted = [read_day(day) for day in days]
    for day in wanted:
        require_days(day, day)
    desk = open_desk()
    show([_prepare(desk, day.isoformat()) for day in wanted], as_json)


@app.command("label")
def label(
    trace: str,
    score: Annotated[float, typer.Option(min=0.0, max=1.0, help="0 bad to 1 good.")],
    labeler: Annotated[str, typer.Option(help="Who says so.")],
    comment: str | None = None,
    key: Key = None,
    as_json: JsonFlag = False,
) -> None:
    """Label TRACE as a person."""
    from agent_factory.api.label import LabelRequest, label_trace

    body = LabelRequest(trace_id=trace, score=score, labeler=labeler, comment=comment)
    show(label_trace(body, open_desk(), key), as_json)


def _prepare(desk: Any, day: str) -> dict[str, Any]:
    from agent_factory.data.check import check_no_pii, check_schema
    from agent_factory.data.clean import clean_day
    from agent_factory.data.event import write_events_day
    from agent_factory.data.label import label_day

    events = write_events_day(desk.store, desk.artifacts, desk.project, day)
    _require(check_schema(desk.artifacts, desk.project, day))
    clean = clean_day(desk.store, desk.artifacts, desk.project, day)
    _require(check_no_pii(desk.artifacts, desk.project, day))
    labels = label_day(desk.store, desk.artifacts, desk.project, day)
    return {"day": day, "events": events.rows, "clean_events": clean.rows, "labels": labels.rows}


def _require(outcome: Any) -> None:
    """The blocking checks hold here as they do in Dagster."""
    if not outcome.passed:
        raise InputError(outcome.description)


def _build(desk: Any, kind: Any, days: tuple[str, ...]) -> Any:
    from agent_factory.data.dataset import DatasetQuery, build_dataset

    query = DatasetQuery(days=days, project=desk.project)
    return build_dataset(desk.store, desk.artifacts, kind, query)
