"""``factory label``: the reviewers' queue, agreement, Label Studio, and models as judges."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from agent_factory.cli.desk import open_desk
from agent_factory.cli.number import MOST, Deadline, Limit, number
from agent_factory.cli.output import JsonFlag, say, show
from agent_factory.core.error import InputError

app = typer.Typer(help="Labels: queue, agreement, Label Studio, judges.", no_args_is_help=True)
Reviewer = Annotated[str, typer.Option(help="Who works; their name is kept with every label.")]
Kind = Annotated[str, typer.Option(help="score or compare")]


@app.command("queue")
def show_queue(kind: Kind = "score", limit: Limit = 20, as_json: JsonFlag = False) -> None:
    """What waits for reviewers, the most informative first, and why."""
    from agent_factory.api.label import show_queue as read

    found = [item.model_dump(mode="json") for item in read(open_desk(), _kind(kind), limit)]
    show(found, as_json)


@app.command("next")
def take(reviewer: Reviewer, kind: Kind = "score", as_json: JsonFlag = False) -> None:
    """Hand REVIEWER an item; nobody else gets it until it is answered or its time is over."""
    from agent_factory.api.label import TakeRequest, take_item

    show(take_item(TakeRequest(kind=_kind(kind), reviewer=reviewer), open_desk()), as_json)


@app.command("score")
def score(
    trace: str,
    rating: Annotated[int, typer.Argument(min=1, max=5, help="1 bad to 5 exemplary.")],
    reviewer: Reviewer,
    comment: str | None = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be given again.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Score TRACE; the same reviewer's next score replaces it."""
    from agent_factory.api.label import require_traces
    from agent_factory.data.labelling import queue
    from agent_factory.data.labelling.feedback import make_feedback, read_comment

    desk = open_desk()
    require_traces(desk, [trace])
    word = make_feedback(desk.project, trace, reviewer, rating, comment=read_comment(comment), tags=tag or ())
    queue.answer(desk.store, word)
    show(word, as_json)


@app.command("prefer")
def prefer(
    first: str,
    second: str,
    choice: Annotated[str, typer.Argument(help="first, second or tie")],
    reviewer: Reviewer,
    comment: str | None = None,
    as_json: JsonFlag = False,
) -> None:
    """Say which of two traces is better."""
    from agent_factory.api.label import PreferenceRequest
    from agent_factory.api.label import prefer as give

    told = {"first": first, "second": second, "choice": choice, "labeler": reviewer, "comment": comment}
    show(give(PreferenceRequest.model_validate(told), open_desk()), as_json)


@app.command("skip")
def skip(traces: list[str], reviewer: Reviewer, as_json: JsonFlag = False) -> None:
    """Pass one trace, or two to compare, on to others."""
    from agent_factory.api.label import SkipRequest, skip_item

    kind = "score" if len(traces) == 1 else "compare"
    show(skip_item(SkipRequest(kind=kind, trace_ids=tuple(traces), reviewer=reviewer), open_desk()), as_json)


@app.command("undo")
def undo(reviewer: Reviewer, kind: Kind = "score", as_json: JsonFlag = False) -> None:
    """Take REVIEWER's last answer or skip back."""
    from agent_factory.api.label import TakeRequest, undo_item

    show(undo_item(TakeRequest(kind=_kind(kind), reviewer=reviewer), open_desk()), as_json)


@app.command("policy")
def policy(
    overlap: Annotated[float | None, number(0, 1, "Share of items for several people.")] = None,
    overlap_reviewers: Annotated[int | None, number(2, 20)] = None,
    lease_seconds: Annotated[float | None, number(1, 86_400)] = None,
    days: Annotated[int | None, number(1, 3660, "The newest labelled days looked through.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show how the queue hands out work, after changing what is given."""
    from agent_factory.api.label import PolicyRequest, change_policy

    body = PolicyRequest(overlap=overlap, overlap_reviewers=overlap_reviewers, lease_seconds=lease_seconds, days=days)
    show(change_policy(body, open_desk()), as_json)


@app.command("agreement")
def agreement(as_json: JsonFlag = False) -> None:
    """How far reviewers agree: Krippendorff's alpha over all, Cohen's kappa of each two."""
    from agent_factory.api.label import show_agreement

    report = show_agreement(open_desk())
    if as_json:
        show(report, True)
        return
    rows: list[dict[str, Any]] = []
    for what, found in (("ratings", report.ratings), ("preferences", report.preferences)):
        rows += [_row(what, "all", one) for one in found.alphas]
        rows += [_row(what, f"{pair.first}, {pair.second}", one) for pair in found.pairs for one in pair.kappas]
    show(rows, False)


@app.command("calibrate")
def calibrate(
    judge: Annotated[str | None, typer.Option(help="One judge by name; all by default.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure judges, those by rules too, against what people labelled; exits 0 whatever it finds."""
    from agent_factory.data.labelling import calibration

    desk = open_desk()
    found = calibration.calibrate(desk.store, desk.artifacts, desk.project, judge)
    if as_json:
        show(found, True)
        return
    rows = [
        {**_row(one.task, one.judge, one.kappa), "usable_as_gate": one.usable_as_gate, "why": one.reason}
        for one in found
    ]
    show(rows, False, ("labels", "who", "value", "interval", "items", "usable_as_gate", "why"))


@app.command("judge")
def judge(
    model: Annotated[str, typer.Option(help="The model's name at its server.")],
    url: Annotated[str, typer.Option(help="An OpenAI-compatible server, with its /v1.")],
    task: Annotated[str, typer.Option(help="rubric, summary or pair")] = "rubric",
    golden: Annotated[bool, typer.Option("--golden", help="Judge what people labelled, to calibrate.")] = False,
    limit: Limit = 100,
    key_variable: Annotated[str | None, typer.Option(help="The environment variable with the server's key.")] = None,
    currency: str | None = None,
    prompt_price: Annotated[float, number(0, MOST, "Per million prompt tokens.")] = 0.0,
    completion_price: Annotated[float, number(0, MOST, "Per million completion tokens.")] = 0.0,
    deadline_seconds: Deadline = 60.0,
    total_seconds: Deadline = 3600.0,
    as_json: JsonFlag = False,
) -> None:
    """Let a model judge the most informative traces, or with --golden those that people labelled.

    What it has answered before under the same prompt is not asked again. Without a model a judge by
    rules stands in by itself, under its own name.
    """
    from agent_factory.compute.price import Prices
    from agent_factory.data.labelling.judge import JudgeSpec, judge_traces
    from agent_factory.data.labelling.selection import select_items
    from agent_factory.gateway.gateway import open_gateway

    if task not in ("rubric", "summary", "pair"):
        raise InputError(f"--task {task!r}: expected rubric, summary or pair")
    key = _key(url, key_variable)
    prices = None
    if currency is not None:
        told = {"prompt_million_tokens": prompt_price, "completion_million_tokens": completion_price}
        prices = Prices.model_validate({"currency": currency, "cpu_core_hour": 0, **told})
    desk = open_desk()
    items = select_items(desk.store, desk.artifacts, desk.project, task, golden=golden, limit=limit)
    spec = JudgeSpec(model=model, prices=prices, deadline_seconds=deadline_seconds, total_seconds=total_seconds)
    engine = open_gateway({model: url}, api_key=key)
    report = judge_traces(desk.store, desk.project, engine, spec, task, items)
    show(report, as_json)
    if report.failed:
        say(f"{report.failed} of {report.questions} questions got no answer; the same command asks those again")
        raise typer.Exit(1)


@app.command("export")
def export(
    file: Path,
    kind: Kind = "score",
    limit: Limit = 100,
    config: Annotated[Path | None, typer.Option(help="Write the labelling configuration here.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the most informative items to FILE as Label Studio tasks."""
    from agent_factory.api.label import export_tasks
    from agent_factory.data.labelling.label_studio import make_config

    tasks = export_tasks(open_desk(), _kind(kind), limit)
    file.write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")
    if config is not None:
        config.write_text(make_config(_kind(kind)), encoding="utf-8")
    show({"tasks": len(tasks), "file": str(file), "config": None if config is None else str(config)}, as_json)


@app.command("import")
def import_file(
    file: Path,
    reviewer: Annotated[list[str] | None, typer.Option(help="ID_OR_EMAIL=NAME; may be given again.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Take a JSON export of Label Studio in; the same file again changes nothing."""
    from agent_factory.data.labelling.label_studio import take_annotations

    if not file.is_file():
        raise InputError(f"there is no file {str(file)!r}: give the path of a JSON export of Label Studio")
    named = dict(text.split("=", 1) for text in reviewer or [] if "=" in text)
    if len(named) != len(reviewer or []):
        raise InputError(f"--reviewer {reviewer!r}: expected ID_OR_EMAIL=NAME, each once")
    try:
        tasks = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{str(file)!r} is not JSON in UTF-8: {error}") from error
    desk = open_desk()
    show(take_annotations(desk.store, desk.project, tasks, named), as_json)


def _kind(text: str) -> Any:
    if text not in ("score", "compare"):
        raise InputError(f"--kind {text!r}: expected score or compare")
    return text


def _key(url: str, variable: str | None) -> Any:
    """The key of the server at ``url``, None where it needs none; InputError where either is not as it must be."""
    from pydantic import SecretStr

    if not url.startswith(("http://", "https://")):
        raise InputError(f"--url {url!r} is no address: expected one such as http://127.0.0.1:8000/v1")
    if variable is None:
        return None
    if not os.environ.get(variable):
        raise InputError(f"--key-variable {variable!r}: that variable is not set")
    return SecretStr(os.environ[variable])


def _row(labels: str, who: str, found: Any) -> dict[str, Any]:
    between = None if found.interval is None else f"{found.interval.low:.2f} to {found.interval.high:.2f}"
    told = {"labels": labels, "who": who, "coefficient": found.name, "value": found.value, "interval": between}
    return {**told, "items": found.items, "reason": found.reason}
