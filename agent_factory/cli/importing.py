"""``factory data``: files of other systems come in, are prepared day by day, and what could not be read is told."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent_factory.cli.desk import open_desk
from agent_factory.cli.number import Limit
from agent_factory.cli.output import JsonFlag, say, show
from agent_factory.core.error import InputError

if TYPE_CHECKING:
    from agent_factory.data.importing.importer import ImportReport

app = typer.Typer(no_args_is_help=True)

_Tell = Callable[[float, int, int], None]
_LINE_SECONDS = 15.0
_REDRAW_SECONDS = 0.1
_OUTCOMES = {"none": None, "success": True, "failure": False}


@app.command("import")
def import_file(
    file: Path,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="What the file is: traces, openai-chat, openai-responses, otel, inspect, hugging-face, tau-bench; "
            "auto tells by what it holds.",
        ),
    ] = "auto",
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Put the traces under this day.")] = None,
    recipe: Annotated[str | None, typer.Option(help="The recipe that the traces count as, one that there is.")] = None,
    outcome: Annotated[
        str, typer.Option(help="What rows that tell no outcome are taken for: none, success or failure.")
    ] = "none",
    only: Annotated[bool, typer.Option("--only", help="Take the traces in; clean nothing, build nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Take FILE in, clean and label its days, and build an SFT and a preference dataset of them.

    The same file again adds nothing. Rows that could not be read are told, and kept for `data quarantine`.
    """
    from agent_factory.data.importing.importer import import_traces
    from agent_factory.data.importing.row import Origin

    if outcome not in _OUTCOMES:
        raise InputError(f"--outcome {outcome!r}: expected none, success or failure")
    desk = open_desk()
    origin = Origin(file, desk.project, day.date() if day else None, recipe, _OUTCOMES[outcome])
    with _following(file.name, not as_json) as tell:
        report = import_traces(desk.store, desk.artifacts, origin, format_, tell)
    made: dict[str, Any] = report.model_dump(mode="json")
    if not only and report.days:
        made["prepared"] = [_prepare(desk, name) for name in report.days]
        made["datasets"] = _build_datasets(desk, report.days, recipe)
    if as_json:
        show(made, True)
        _require_readable(report)
        return
    say(f"{report.accepted} taken in, {report.duplicates} were there, {report.quarantined} could not be read")
    for notice in report.warnings.listed:
        say(f"  {notice.events} of them: {notice.message}")
    if report.warnings.left_out:
        say(f"  {report.warnings.left_out} of them: recipes and tools beyond those listed are not known here either")
    for item in report.examples:
        say(f"  {item.file}: {item.place}: {item.reason}")
    if report.quarantined:
        say(f"`factory data quarantine {report.id}` lists them")
    for item in made.get("datasets", []):
        say(_tell_dataset(item))
    _require_readable(report)


def _require_readable(report: ImportReport) -> None:
    if report.quarantined and not report.accepted + report.duplicates:
        first = report.examples[0]
        raise InputError(
            f"{report.file!r}: not one of {report.quarantined} rows could be read. The first, {first.place}: "
            f"{first.reason}. Mend the file, or name its --format"
        )


@app.command("quarantine")
def list_quarantine(
    import_: Annotated[str | None, typer.Argument(metavar="IMPORT", help="One import; all by default.")] = None,
    limit: Limit = 100,
    as_json: JsonFlag = False,
) -> None:
    """The imports with rows that could not be read, or the rows of one: file, place and reason."""
    from agent_factory.core.error import NotFoundError
    from agent_factory.data.importing.importer import ImportReport, list_imports
    from agent_factory.data.importing.quarantine import read_quarantine

    desk = open_desk()
    if import_ is None:
        found = [report for report in list_imports(desk.store, desk.project, limit) if report.quarantined]
        show(found, as_json, ("id", "created_at", "file", "format", "accepted", "duplicates", "quarantined"))
        return
    report = desk.store.peek(ImportReport, import_)
    if report is None or report.project != desk.project:
        raise NotFoundError(f"there is no import {import_!r} in project {desk.project!r}")
    path = report.quarantine_path
    rows = read_quarantine(desk.artifacts, path, limit) if path else []
    show(rows, as_json)
    if len(rows) < report.quarantined:
        say(f"{len(rows)} of {report.quarantined} rows; --limit shows more")


@app.command("prepare")
def prepare(days: list[str], as_json: JsonFlag = False) -> None:
    """Write events, clean events and labels of DAYS (YYYY-MM-DD) in this process."""
    from agent_factory.core.day import read_day, require_days

    wanted = [read_day(day) for day in days]
    for day in wanted:
        require_days(day, day)
    desk = open_desk()
    show([_prepare(desk, day.isoformat()) for day in wanted], as_json)


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
    aside = events.set_aside.count + clean.set_aside.count
    made = {"events": events.rows, "clean_events": clean.rows, "labels": labels.rows, "set_aside": aside}
    return {"day": day, **made}


def _require(outcome: Any) -> None:
    """The blocking checks hold here as they do in Dagster."""
    if not outcome.passed:
        raise InputError(outcome.description)


def _build_datasets(desk: Any, days: tuple[str, ...], recipe: str | None) -> list[dict[str, Any]]:
    """An SFT and a preference dataset of the days, of a recipe's traces or of all; why where one has none."""
    from agent_factory.data.dataset import DatasetQuery
    from agent_factory.data.inspection import build_inspected

    made: list[dict[str, Any]] = []
    for kind in ("sft", "preference"):
        try:
            query = DatasetQuery(days=days, project=desk.project, recipe=recipe)
            made.append(build_inspected(desk.store, desk.artifacts, kind, query).model_dump(mode="json"))
        except InputError as error:  # what was taken in is there all the same
            made.append({"kind": kind, "rows": 0, "reason": str(error)})
    return made


def _tell_dataset(made: dict[str, Any]) -> str:
    if "reason" in made:
        return f"no {made['kind']} dataset was built: {made['reason']}"
    failed = "".join(
        f"; {check['check']} did not pass: {check['said']}" for check in made["checks"] if not check["passed"]
    )
    return f"{made['id']}: {made['kind']}, {made['rows']} rows of {made['trace_count']} traces, {made['path']}{failed}"


@contextmanager
def _following(name: str, wanted: bool) -> Generator[_Tell]:
    """A bar on a terminal, a line every quarter of a minute elsewhere, nothing for scripts."""
    if not wanted:
        yield lambda *_: None
        return
    if not sys.stderr.isatty():
        yield _tell_lines(name)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=1.0)
        last = 0.0

        def draw(done: float, taken: int, quarantined: int) -> None:
            nonlocal last
            if done < 1.0 and time.monotonic() - last < _REDRAW_SECONDS:
                return
            last = time.monotonic()
            bar.update(task, completed=done, description=f"{name}: {taken} in, {quarantined} quarantined")

        yield draw


def _tell_lines(name: str) -> _Tell:
    last = time.monotonic()

    def tell(done: float, taken: int, quarantined: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _LINE_SECONDS:
            last = time.monotonic()
            say(f"{name}: {done:.0%}, {taken} in, {quarantined} quarantined")

    return tell
