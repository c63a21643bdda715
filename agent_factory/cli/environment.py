"""``factory env``: scenarios, rollouts, traces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent_factory.cli.build import Key
from agent_factory.cli.desk import open_desk, response
from agent_factory.cli.env_server import serve
from agent_factory.cli.number import MOST, Seed, number
from agent_factory.cli.output import JsonFlag, show
from agent_factory.cli.production import from_trace
from agent_factory.cli.replay import replay, rescore
from agent_factory.core.error import InputError

if TYPE_CHECKING:
    from agent_factory.contracts.scenario import ScenarioSet

app = typer.Typer(help="Environments: scenarios, run, trace, replay, rescore, serve.", no_args_is_help=True)
app.command("replay")(replay)
app.command("rescore")(rescore)
app.command("from-trace")(from_trace)
app.command("serve")(serve)


@app.command("scenarios")
def make_scenarios(
    recipe: str,
    count: Annotated[int, number(5, 5000, "How many, in equal shares of the levels.")] = 100,
    seed: Seed = 0,
    held_out: Annotated[bool, typer.Option("--held-out", help="From the templates kept for evaluation.")] = False,
    file: Annotated[Path | None, typer.Option(help="Scenarios written by hand, .jsonl or .yaml, all of it.")] = None,
    key: Key = None,
    as_json: JsonFlag = False,
) -> None:
    """Make scenarios of RECIPE and prove each: solvable by its solution, and not by doing nothing."""
    from agent_factory.api.environment import ScenarioRequest, make_set

    if file is not None:
        show(_take(recipe, file, held_out, key), as_json)
        return
    body = ScenarioRequest(recipe=recipe, count=count, seed=seed)
    path = "/eval/taskset" if held_out else "/env/scenarios"
    show(make_set(body, open_desk(), key, "eval" if held_out else "train", path), as_json)


def _take(recipe: str, file: Path, held_out: bool, key: str | None) -> ScenarioSet:
    from agent_factory.api.environment import WrittenRequest, take_scenarios

    if file.suffix not in (".jsonl", ".yaml", ".yml"):
        raise InputError(f"{file} is neither .jsonl nor .yaml: its name says how it is read")
    body = WrittenRequest(recipe=recipe, file=file.name, text=_read(file), held_out=held_out)
    return take_scenarios(body, open_desk(), key)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read as UTF-8 text: {error}") from error


@app.command("run")
def order_rollout(
    build: Annotated[str | None, typer.Argument(help="The build whose SFT model plays.")] = None,
    model: Annotated[str | None, typer.Option(help="The model that plays, of any build.")] = None,
    scenarios: Annotated[str | None, typer.Option(help="A set of `env scenarios`; the build's own without it.")] = None,
    key: Key = None,
    as_json: JsonFlag = False,
) -> None:
    """Order a run of its own: episodes of BUILD's model, or of one that is named, on training scenarios."""
    from agent_factory.api.environment import RunRequest, order_run

    body = RunRequest(build=build, model=model, scenarios=scenarios)
    show(order_run(body, response(), open_desk(), key), as_json)


@app.command("levels")
def show_levels(
    build: Annotated[str, typer.Argument(help="A build, or a run that was ordered.")], as_json: JsonFlag = False
) -> None:
    """Compare declared levels with measured success; exit 1 where one is measurably easier than the one before."""
    from agent_factory.api import environment as room
    from agent_factory.evaluation.level import describe_levels

    found = room.show_levels(build, open_desk())
    show(found if as_json else describe_levels(found), as_json)
    if found.easier:
        raise typer.Exit(1)


@app.command("trace")
def show_trace(
    run: str,
    offset: Annotated[int, number(0, MOST)] = 0,
    limit: Annotated[int, number(1, 500)] = 20,
    as_json: JsonFlag = False,
) -> None:
    """Traces of a RUN that was ordered, page by page."""
    from agent_factory.api.environment import show_traces

    page = show_traces(run, open_desk(), offset, limit)
    if as_json:
        show(page, True)
        return
    rows = [
        {
            "trace": trace.id,
            "scenario": trace.scenario_id,
            "steps": len(trace.steps),
            "solved": trace.outcome and trace.outcome.success,
            "failure": trace.failure,
        }
        for trace in page.traces
    ]
    show(rows, False)
