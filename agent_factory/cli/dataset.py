"""``factory data build``, ``list`` and ``show``: datasets of prepared days, and what they hold."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from agent_factory.cli.desk import open_desk
from agent_factory.cli.number import MOST, number
from agent_factory.cli.output import JsonFlag, show
from agent_factory.contracts.dataset import DatasetManifest, Filters
from agent_factory.core.error import InputError

app = typer.Typer()

_Date = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="In UTC.")]
_Names = list[str] | None
_SCORE = Filters.model_fields["min_score"].default


def _repeated(flag: str, text: str) -> Any:
    return typer.Option(flag, help=f"{text} May be repeated.")


@app.command("build")
def build(
    kind: Annotated[str, typer.Option(help="sft, rft, preference or eval")],
    first_day: _Date = None,
    last_day: _Date = None,
    taskset: Annotated[str | None, typer.Option(help="The scenario set of an eval dataset, instead of days.")] = None,
    recipe: str | None = None,
    min_score: Annotated[float | None, number(0, 1, f"{_SCORE} by default.")] = None,
    outcome: Annotated[str | None, typer.Option(help="success, failure or unknown")] = None,
    labels: Annotated[_Names, _repeated("--label", "Scored by: person, outcome, model, rule.")] = None,
    tools: Annotated[_Names, _repeated("--tool", "Called this tool.")] = None,
    levels: Annotated[_Names, _repeated("--level", "Of this level.")] = None,
    clusters: Annotated[_Names, _repeated("--cluster", "In this cluster of like tasks.")] = None,
    rollouts_of: Annotated[_Names, _repeated("--rollouts-of", "Add the rollouts of this build.")] = None,
    flagged: Annotated[bool, typer.Option("--flagged", help="Take also what cleaning flagged.")] = False,
    informing: Annotated[bool, typer.Option("--informing", help="Also by judges that only inform.")] = False,
    form: Annotated[str, typer.Option(help="Of a preference dataset: pairs or scores.")] = "pairs",
    split: Annotated[str | None, typer.Option(help="Shares of train/validation/test, as 80/10/10.")] = None,
    together: Annotated[_Names, _repeated("--together", "Never parted: subject, session, task (default: all).")] = None,
    max_rows: Annotated[int | None, number(1, MOST)] = None,
    max_tokens: Annotated[int | None, number(1, MOST)] = None,
    tokenizer: Annotated[str | None, typer.Option(help="Who counts: a model's number, or a folder.")] = None,
    seed: Annotated[int, number(0, MOST, "Of the budget's choice and of the split.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Build a dataset from prepared days, in this process, and check it; the same request makes it once.

    Exit 1 where a check did not pass: the dataset is there to be looked at, and is not exported.
    """
    asked = {name: value for name, value in locals().items() if value is not None}  # options are named as its fields
    from agent_factory.api.dataset import DatasetRequest, to_query
    from agent_factory.data.inspection import build_inspected, require_passed

    for name in ("as_json", "split", "together"):
        asked.pop(name, None)
    for name in ("first_day", "last_day"):
        asked.update({name: asked[name].date()} if name in asked else {})
    if split is not None:
        asked["split"] = _read_split(split, together, seed)
    body = DatasetRequest.model_validate(asked)
    desk = open_desk()
    made = build_inspected(desk.store, desk.artifacts, body.kind, to_query(body, desk.project))
    show(made, as_json)
    require_passed(made)


def _read_split(text: str, together: list[str] | None, seed: int) -> dict[str, Any]:
    parts = text.split("/")
    try:
        shares = [float(part) for part in parts]
    except ValueError:
        shares = []
    if len(shares) != 3 or sum(shares) <= 0 or min(shares) < 0:
        raise InputError(f"--split {text!r} is not train/validation/test, as in 80/10/10 or 0.9/0.1/0")
    names = ("train", "validation", "test")
    told: dict[str, Any] = {name: share / sum(shares) for name, share in zip(names, shares, strict=True)}
    return {**told, "seed": seed, **({"together": together} if together else {})}


@app.command("list")
def list_datasets(as_json: JsonFlag = False) -> None:
    """The datasets of the project, oldest first, and whether they passed their checks."""
    from agent_factory.api.dataset import list_datasets

    found = list_datasets(open_desk())
    if as_json:
        show(found, True)
        return
    rows = [{**made.model_dump(mode="json"), "checks": _tell_checks(made)} for made in found]
    show(rows, False, ("id", "kind", "rows", "checks", "trace_count", "build", "digest", "path"))


def _tell_checks(made: DatasetManifest) -> str | None:
    if failed := made.failed():
        return f"FAILED: {', '.join(verdict.check for verdict in failed)}"
    return "passed" if made.checks else None


@app.command("show")
def show_dataset(dataset: str, as_json: JsonFlag = False) -> None:
    """A DATASET's manifest: kind, rows, where its files are, what was asked for and left out."""
    from agent_factory.api.dataset import show_dataset

    show(show_dataset(dataset, open_desk()), as_json)
