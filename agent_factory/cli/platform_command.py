"""``factory platform``, ``factory api`` and ``factory round``: what runs, and one whole turn of it."""

from __future__ import annotations

from typing import Annotated

import typer

from agent_factory.cli.build import Set
from agent_factory.cli.desk import read_overrides
from agent_factory.cli.number import Deadline, number
from agent_factory.cli.output import JsonFlag, say, show

platform = typer.Typer(help="The platform on this machine: up, down, status.", no_args_is_help=True)
api = typer.Typer(help="The HTTP API.", no_args_is_help=True)
_COLUMNS = ("name", "pid", "url", "owner", "log")


@platform.command("up")
def up(as_json: JsonFlag = False) -> None:
    """Start all services, wait until they are ready, and print their addresses."""
    from agent_factory.cli.platform import Platform
    from agent_factory.core.settings import get_settings

    found = Platform(get_settings(), say)
    found.up("up", webserver=True)
    if as_json:
        show(found.status(), True)
        return
    pages = {"dagster-webserver": "Dagster UI", "mlflow": "MLflow", "api": "API"}
    for running in found.status():
        if running.name in pages:
            typer.echo(f"{pages[running.name]:<12}{running.url}{'/docs' if running.name == 'api' else ''}")
    say(f"logs are in {found.folder.logs}; `make down` ends it")


@platform.command("down")
def down() -> None:
    """End what `platform up` started."""
    from agent_factory.cli.platform import Platform
    from agent_factory.core.settings import get_settings

    ended = Platform(get_settings(), say).down()
    say(f"ended: {', '.join(ended)}" if ended else "nothing was running")


@platform.command("status")
def status(as_json: JsonFlag = False) -> None:
    """What runs, and where."""
    from agent_factory.cli.platform import Platform
    from agent_factory.core.settings import get_settings

    show(Platform(get_settings(), say).status(), as_json, _COLUMNS)


@api.command("serve")
def serve(
    port: Annotated[int, number(1, 65_535)] = 8400,
    host: Annotated[str, typer.Option(help="Beyond loopback it needs AGENT_FACTORY_API_KEY.")] = "127.0.0.1",
) -> None:
    """Serve the HTTP API until it is stopped."""
    import uvicorn

    from agent_factory.api.app import create_app
    from agent_factory.api.guard import require_keyed
    from agent_factory.api.keyring import open_keyring
    from agent_factory.cli.port import require_free
    from agent_factory.core.settings import get_settings

    settings = get_settings()
    require_keyed(host, open_keyring(settings))
    require_free(host, port)
    uvicorn.run(create_app(settings), host=host, port=port, log_level="info", timeout_graceful_shutdown=10)


@api.command("schema")
def schema() -> None:
    """Print the OpenAPI document."""
    from agent_factory.api.app import create_app

    show(create_app().openapi(), True)


def run_round(
    recipe: str = "support_desk",
    deadline: Deadline = 2700.0,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="Order a new build though the last one is finished; of new traffic, if the world was edited.",
        ),
    ] = False,
    set_: Set = None,
) -> None:
    """One whole round for RECIPE: traffic, build, evaluation, deployment, conversation.

    Exits 0 when the agent is deployed, 3 when the gate said FAIL, 1 on a fault. Started again after it
    was stopped, it goes on with the same build.
    """
    from agent_factory.cli.round import Round

    overrides = read_overrides(set_ or [])
    raise typer.Exit(Round(recipe, deadline_seconds=deadline, fresh=fresh, overrides=overrides).run())
