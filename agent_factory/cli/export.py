"""``factory data export``: datasets for TRL and Hugging Face, traces as OpenTelemetry spans."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from agent_factory.cli.desk import open_desk
from agent_factory.cli.output import JsonFlag, show
from agent_factory.core.error import InputError

app = typer.Typer()
_Date = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Of traces, in UTC.")]


@app.command("export")
def export(
    dataset: Annotated[str | None, typer.Argument(help="D1, D2, …; leave it out to export the traces of days.")] = None,
    format_: Annotated[
        str, typer.Option("--format", help="trl, hf or otlp (label-studio: factory label export)")
    ] = "hf",
    out: Annotated[Path | None, typer.Option(help="The folder to write; ./<dataset>-<format> by default.")] = None,
    file_type: Annotated[str, typer.Option("--as", help="parquet or jsonl, of trl and hf.")] = "parquet",
    first_day: _Date = None,
    last_day: _Date = None,
    with_forgotten: Annotated[
        bool, typer.Option("--with-forgotten", help="Also a dataset that is marked with forgotten people's traces.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write DATASET, or the clean traces of days, in the shape that another tool reads; no personal data leaves.

    A dataset that people were forgotten out of since is refused: build it again.

    `datasets.load_dataset(FOLDER)` reads trl and hf; otlp is one export request a line.
    """
    from agent_factory.data.export import FORMATS

    if format_ not in FORMATS:
        hint = ": use `factory label export`" if format_ == "label-studio" else f"; there are: {', '.join(FORMATS)}"
        raise InputError(f"--format {format_!r} is not written here{hint}")
    if file_type not in ("parquet", "jsonl"):
        raise InputError(f"--as {file_type!r} is not known: expected parquet or jsonl")
    days = [] if first_day is None or last_day is None else [first_day.date(), last_day.date()]
    if (dataset is None) == (not days):
        raise InputError("name a dataset, as in `factory data export D1`, or --first-day and --last-day")
    place = out or Path(f"{dataset or 'traces'}-{format_}")
    show(_export(dataset, format_, place, file_type, days, with_forgotten), as_json)


def _export(dataset: str | None, format_: Any, out: Path, file_type: Any, days: list[Any], with_forgotten: bool) -> Any:
    from agent_factory.contracts.build import DataWindow
    from agent_factory.contracts.dataset import DatasetManifest
    from agent_factory.data.export import export_dataset, export_traces, read_days, read_traces_of
    from agent_factory.data.inspection import require_passed, require_unmarked

    desk = open_desk()
    if dataset is None:
        if format_ != "otlp":
            raise InputError(f"--format {format_!r} is of datasets: name one, or build one of these days first")
        named = DataWindow(first_day=days[0], last_day=days[1]).days()
        return export_traces(read_days(desk.artifacts, desk.project, named), out)
    manifest = desk.get(DatasetManifest, dataset)
    if format_ == "otlp":  # of days as they are now: who was forgotten is in none
        return export_traces(read_traces_of(desk.artifacts, manifest), out)
    require_passed(manifest)
    if not with_forgotten:
        require_unmarked(desk.store, manifest)
    return export_dataset(desk.artifacts, manifest, format_, out, file_type)
