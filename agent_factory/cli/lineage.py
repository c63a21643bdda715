"""``factory data lineage``: which failures trained a model, which models hold a trace."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from agent_factory.cli.desk import open_desk
from agent_factory.cli.number import MOST, number
from agent_factory.cli.output import JsonFlag, say, show
from agent_factory.contracts.lineage import Lineage, Node

app = typer.Typer()
_KINDS = {"D": "dataset", "M": "model"}


@app.command("lineage")
def tell_lineage(
    name: str,
    kind: Annotated[
        str | None, typer.Option(help="trace, dataset, model, release or deployment; told from the name by default.")
    ] = None,
    failures: Annotated[int, number(0, MOST, "How many failed traces are told one by one.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """What NAME (a trace's id, D1, M3, a release, a deployment) was made from, and what was made from it."""
    from agent_factory.contracts.release import Deployment, Release
    from agent_factory.core.error import InputError
    from agent_factory.data.lineage import Family, find_lineage

    desk = open_desk()
    if kind is None:
        numbered = re.fullmatch(r"([DM])\d+", name)
        served = [word for word, of in (("deployment", Deployment), ("release", Release)) if desk.store.peek(of, name)]
        kind = _KINDS[numbered[1]] if numbered else (served or ["trace"])[0]
    if kind not in ("trace", "dataset", "model", "release", "deployment"):
        raise InputError(f"--kind {kind!r} is not known: expected trace, dataset, model, release or deployment")
    found = find_lineage(Family(desk.store, desk.artifacts, desk.project), kind, name, failures)
    if as_json:
        show(found, True)
        return
    _print(found)


def _print(found: Lineage) -> None:
    say(f"{found.of.kind} {found.of.id}: {found.of.told}{_mark(found.of)}")
    for title, nodes in (("made from", found.made_from), ("went into", found.went_into)):
        if nodes:
            say(title)
            show([_row(node) for node in nodes], False)
    contents = found.contents
    if contents.total:
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(contents.by_outcome.items()))
        say(f"{contents.total} traces: {told}")
    if contents.failures:
        say("failures among them")
        show([line.model_dump(mode="json", exclude={"success"}) for line in contents.failures], False)


def _row(node: Node) -> dict[str, str]:
    return {"kind": node.kind, "id": node.id, "told": f"{node.told}{_mark(node)}", "via": ", ".join(node.via)}


def _mark(node: Node) -> str:
    return f" [holds {node.forgotten} traces of forgotten people]" if node.forgotten else ""
