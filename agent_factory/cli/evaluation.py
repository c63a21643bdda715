"""``factory eval``: order an evaluation, read its report."""

from __future__ import annotations

import typer

from agent_factory.cli.build import Key
from agent_factory.cli.desk import open_desk, response
from agent_factory.cli.output import JsonFlag, show

app = typer.Typer(help="Evaluation: run, report.", no_args_is_help=True)


@app.command("run")
def order_evaluation(build: str, key: Key = None, as_json: JsonFlag = False) -> None:
    """Order an evaluation of BUILD's models on its held-out scenarios."""
    from agent_factory.api import evaluation

    body = evaluation.EvalRequest(build=build)
    show(evaluation.order_evaluation(body, response(), open_desk(), key), as_json)


@app.command("report")
def show_report(report: str, as_json: JsonFlag = False) -> None:
    """The report of that id, or the newest one of that build."""
    from agent_factory.api import evaluation

    desk = open_desk()
    found = evaluation.show_report(report, desk)
    if as_json:
        show(found, True)
        return
    from agent_factory.cli.result import print_report

    print_report(found, desk.artifacts)
