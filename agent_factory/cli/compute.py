"""``factory compute``: pools, usage, leases."""

from __future__ import annotations

from typing import Annotated

import typer

from agent_factory.cli.build import Key
from agent_factory.cli.desk import open_desk
from agent_factory.cli.number import number
from agent_factory.cli.output import JsonFlag, show

app = typer.Typer(help="Compute: pools, usage, allocate, release.", no_args_is_help=True)


@app.command("pools")
def list_pools(as_json: JsonFlag = False) -> None:
    """The pools and what is held of them."""
    from agent_factory.api import compute

    show(compute.list_pools(open_desk()), as_json)


@app.command("usage")
def show_usage(
    by: Annotated[str, typer.Option(help="build, project, factory, day, activity or model")] = "build",
    build: str | None = None,
    day: str | None = None,
    as_json: JsonFlag = False,
) -> None:
    """What was spent: one row for each value of --by."""
    from typing import cast, get_args

    from agent_factory.compute.usage import Dimension, summarize
    from agent_factory.core.error import InputError

    if by not in get_args(Dimension):
        raise InputError(f"--by {by!r}: expected one of {', '.join(get_args(Dimension))}")
    desk = open_desk()
    show(list(summarize(desk.store, desk.project, cast("Dimension", by), build=build, day=day)), as_json)


@app.command("allocate")
def allocate(
    pool: str,
    holder: str,
    slots: Annotated[int, number(1, 1000)] = 1,
    ttl: Annotated[float, number(1, 86_400, "Seconds until it ends by itself.")] = 60.0,
    key: Key = None,
    as_json: JsonFlag = False,
) -> None:
    """Hold slots of POOL for HOLDER."""
    from agent_factory.api import compute

    body = compute.AllocateRequest(pool=pool, holder=holder, slots=slots, ttl_seconds=ttl)
    show(compute.allocate_slots(body, open_desk(), key), as_json)


@app.command("release")
def release(lease: str, as_json: JsonFlag = False) -> None:
    """Give the slots of LEASE back."""
    from agent_factory.api import compute

    show(compute.release_slots(compute.ReleaseRequest(lease_id=lease), open_desk()), as_json)
