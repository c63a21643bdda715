"""``factory env serve``: a recipe's environments for others, over OpenEnv's protocol."""

from __future__ import annotations

from typing import Annotated

import typer

from agent_factory.cli.number import Seed, number
from agent_factory.cli.output import say


def serve(
    recipe: str,
    kind: Annotated[str | None, typer.Option(help="Another kind of environment than the recipe's own.")] = None,
    port: Annotated[int, number(1, 65_535)] = 8600,
    host: Annotated[str, typer.Option(help="Beyond loopback it needs AGENT_FACTORY_API_KEY.")] = "127.0.0.1",
    count: Annotated[int, number(5, 5000, "Scenarios, in equal shares of the levels.")] = 100,
    seed: Seed = 0,
    held_out: Annotated[bool, typer.Option("--held-out", help="From the templates kept for evaluation.")] = False,
    sessions: Annotated[int, number(1, 100_000, "Sessions at once.")] = 1024,
) -> None:
    """Serve environments of RECIPE over OpenEnv's protocol until stopped."""
    import uvicorn

    from agent_factory.api.guard import Guard, require_keyed
    from agent_factory.api.keyring import open_keyring
    from agent_factory.api.visitor import Doorman
    from agent_factory.cli.port import require_free
    from agent_factory.core.recipe import load_recipe
    from agent_factory.core.settings import get_settings
    from agent_factory.environment.interop.server import MESSAGE_BYTES, Bounds, create_env_app
    from agent_factory.environment.scenario import draw_scenarios

    settings, found = get_settings(), load_recipe(recipe)
    keyring = open_keyring(settings)
    require_keyed(host, keyring)
    require_free(host, port)
    scenarios = draw_scenarios(found, "eval" if held_out else "train", count, seed)
    app = create_env_app(found, scenarios, kind, Bounds(sessions=sessions))
    say(f"{len(scenarios)} scenarios of {recipe} at ws://{host}:{port}/ws")
    uvicorn.run(
        Guard(app, keyring, Doorman(settings, keyring)),
        host=host,
        port=port,
        log_level="warning",
        ws="websockets-sansio",
        ws_max_size=MESSAGE_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=10,
    )
