"""``factory data``: its commands, by what they are about."""

from __future__ import annotations

from typing import Annotated

import typer

from agent_factory.cli import cleaning, dataset, export, forget, importing, lineage
from agent_factory.cli.build import Key
from agent_factory.cli.desk import open_desk
from agent_factory.cli.number import number
from agent_factory.cli.output import JsonFlag, show

app = typer.Typer(help="Data: import, prepare, label; build and show datasets.", no_args_is_help=True)
app.add_typer(importing.app)
app.add_typer(dataset.app)
app.add_typer(lineage.app)
app.add_typer(export.app)
app.add_typer(forget.app)
app.add_typer(cleaning.app)


@app.command("label")
def label(
    trace: str,
    score: Annotated[float, number(0, 1, "0 bad to 1 good.")],
    labeler: Annotated[str, typer.Option(help="Who says so.")],
    comment: str | None = None,
    key: Key = None,
    as_json: JsonFlag = False,
) -> None:
    """Label TRACE as a person."""
    from agent_factory.api.label import LabelRequest, label_trace

    body = LabelRequest(trace_id=trace, score=score, labeler=labeler, comment=comment, tags=[])
    show(label_trace(body, open_desk(), key), as_json)
