"""``factory eval``: order an evaluation, read its report."""

from __future__ import annotations

from typing import Annotated

import typer

from agent_factory.cli.build import Key
from agent_factory.cli.desk import open_desk, response
from agent_factory.cli.output import JsonFlag, show

app = typer.Typer(help="Evaluation: run, report.", no_args_is_help=True)


@app.command("run")
def order_evaluation(
    build: Annotated[str | None, typer.Argument(help="The build whose models are evaluated.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model; needs a task set.")] = None,
    taskset: Annotated[str | None, typer.Option(help="A set of `env scenarios --held-out`; decides no gate.")] = None,
    key: Key = None,
    as_json: JsonFlag = False,
) -> None:
    """Order an evaluation of BUILD's models on its held-out scenarios, or on a task set for its own sake."""
    from agent_factory.api import evaluation

    body = evaluation.EvalRequest(build=build, model=model, taskset=taskset)
    show(evaluation.order_evaluation(body, response(), open_desk(), key), as_json)


@app.command("report")
def show_report(report: str, as_json: JsonFlag = False) -> None:
    """The report of that id or order, or the newest one of that build."""
    from agent_factory.api import evaluation

    desk = open_desk()
    found = evaluation.show_report(report, desk)
    if as_json:
        show(found, True)
        return
    from agent_factory.cli.result import print_report

    print_report(found, desk.artifacts)
