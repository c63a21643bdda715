"""``factory report``: the figures of the factory."""

from __future__ import annotations

import typer

from agent_factory.cli.desk import open_desk
from agent_factory.cli.output import JsonFlag, show

app = typer.Typer(help="Reports: kpi.", no_args_is_help=True)


@app.callback()
def reports() -> None:
    """Reports from the records alone."""


@app.command("kpi")
def kpi(as_json: JsonFlag = False) -> None:
    """Training time, success gain, tool-call success, order to deployment, answered steps; null if not measured."""
    from agent_factory.cli.kpi import read_kpis

    desk = open_desk()
    show(read_kpis(desk.store, desk.project), as_json, ("name", "value", "unit", "low", "high", "n", "source"))
