"""``factory train``: order, status, reward mix."""

from __future__ import annotations

from typing import Annotated

import typer

from agent_factory.cli.build import order, show_build
from agent_factory.cli.desk import open_desk
from agent_factory.cli.number import MOST, number
from agent_factory.cli.output import JsonFlag, show

app = typer.Typer(help="Training jobs: order, status, reward-config.", no_args_is_help=True)
app.command("order")(order)
app.command("status")(show_build)

Penalty = Annotated[float, number(-MOST, 0, "Added for each, so not above 0.")]


@app.command("reward-config")
def reward_config(
    build: str,
    reward_model: Annotated[float, number(0, MOST, "What the reward model's score is multiplied by.")] = 1.0,
    tool_error: Penalty = 0.0,
    step: Penalty = 0.0,
    as_json: JsonFlag = False,
) -> None:
    """Set the weights that rank solved episodes, until the build's reinforcement (its policy model) begins."""
    from agent_factory.api.training import RewardRequest, set_rewards

    body = RewardRequest(reward_model=reward_model, tool_error=tool_error, step=step)
    show(set_rewards(build, body, open_desk()), as_json)
