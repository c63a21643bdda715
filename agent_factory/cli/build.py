"""``factory build``: order a build of a recipe, look at it, follow it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from agent_factory.cli.desk import open_desk, read_overrides, response
from agent_factory.cli.number import Deadline
from agent_factory.cli.output import JsonFlag, say, show

app = typer.Typer(help="Builds: order, show, follow.", no_args_is_help=True)

Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="A day of traces, in UTC.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Override of build.toml, as rollouts.episodes=50.")]
Key = Annotated[str | None, typer.Option(help="The same key orders the same thing once.")]


@app.command("order")
def order(
    recipe: str, first_day: Day, last_day: Day, set_: Set = None, key: Key = None, as_json: JsonFlag = False
) -> None:
    """Order a build of RECIPE from the traces of some days; the platform must run to make it."""
    from agent_factory.api.training import JobRequest, order_job

    body = JobRequest(
        recipe=recipe, first_day=first_day.date(), last_day=last_day.date(), overrides=read_overrides(set_ or [])
    )
    placed = order_job(body, response(), open_desk(), key)
    show(placed, as_json)
    if not as_json:
        say(f"follow it with: factory build follow {placed.build}")


@app.command("show")
def show_build(build: str, as_json: JsonFlag = False) -> None:
    """A build's state, its stages and what they measured."""
    from agent_factory.api.training import show_status

    status = show_status(build, open_desk())
    if as_json:
        show(status, True)
        return
    from agent_factory.cli.display import describe

    for run in status.stages:
        typer.echo(describe(run))
    show({"state": status.state, "verdict": status.verdict, "reason": status.reason}, False)


@app.command("follow")
def follow_build(build: str, deadline: Deadline = 2700.0) -> None:
    """Show a build's progress until it is deployed (exit 0), fails its gate (3) or fails (1)."""
    from agent_factory.cli.follow import follow
    from agent_factory.cli.result import show_result
    from agent_factory.contracts.build import BuildSpec

    desk = open_desk()
    spec = desk.get(BuildSpec, build)
    end = follow(desk.store, spec, deadline_seconds=deadline)
    show_result(desk.store, spec, end)
    raise typer.Exit(end.exit_code)


@app.command("list")
def list_builds(as_json: JsonFlag = False) -> None:
    """The builds of the project, newest first."""
    from agent_factory.contracts.build import BuildSpec

    desk = open_desk()
    found = desk.store.find(BuildSpec, project=desk.project, newest_first=True)
    show(found, as_json, ("id", "recipe", "created_at", "base_model"))
