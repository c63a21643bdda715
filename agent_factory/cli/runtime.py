"""``factory models`` and ``factory agent``: promote, make, deploy, talk."""

from __future__ import annotations

from typing import Annotated

import typer

from agent_factory.cli.build import Key
from agent_factory.cli.desk import open_desk, response
from agent_factory.cli.number import number
from agent_factory.cli.output import JsonFlag, say, show

models = typer.Typer(help="Models: promote what passed its gate.", no_args_is_help=True)
agents = typer.Typer(help="Agents: create, show, deploy, chat.", no_args_is_help=True)


@models.command("promote")
def promote(build: str, key: Key = None, as_json: JsonFlag = False) -> None:
    """Order the release of BUILD, which must have passed its gate."""
    from agent_factory.api import runtime

    show(runtime.promote(runtime.PromoteRequest(build=build), response(), open_desk(), key), as_json)


@models.command("list")
def list_models(build: str | None = None, as_json: JsonFlag = False) -> None:
    """The models of the project, or of a build; ``forgotten``: traces of forgotten people that they learned from."""
    from agent_factory.api.forget import marks_of
    from agent_factory.contracts.model import ModelManifest

    desk = open_desk()
    found = desk.store.find(ModelManifest, project=desk.project, build=build)
    told = [{**made.to_json(), "forgotten": sum(mark.traces for mark in marks_of(desk, made.id))} for made in found]
    show(told, as_json, ("id", "stage", "build", "parent", "parameters", "forgotten", "digest"))


@agents.command("create")
def create(
    agent: str,
    recipe: str,
    max_steps: Annotated[int, number(1, 100)] = 12,
    step_timeout: Annotated[
        float, number(0.1, 600, "Seconds that an answer may take, with all its steps and tool calls.")
    ] = 30.0,
    as_json: JsonFlag = False,
) -> None:
    """Make an AGENT that serves the releases of RECIPE."""
    from agent_factory.api import runtime

    body = runtime.AgentRequest(id=agent, recipe=recipe, max_steps=max_steps, step_timeout_seconds=step_timeout)
    show(runtime.create_agent(body, open_desk()), as_json)


@agents.command("show")
def show_agent(agent: str, as_json: JsonFlag = False) -> None:
    """An AGENT and what serves it."""
    from agent_factory.api import runtime

    show(runtime.show_agent(agent, open_desk()), as_json)


@agents.command("deploy")
def deploy(agent: str, build: str, key: Key = None, as_json: JsonFlag = False) -> None:
    """Order BUILD, which must have passed its gate, to serve AGENT."""
    from agent_factory.api import runtime

    show(runtime.deploy(agent, runtime.DeployRequest(build=build), response(), open_desk(), key), as_json)


@agents.command("chat")
def chat(
    agent: str,
    message: Annotated[list[str] | None, typer.Option("--message", "-m", help="Say this and end; may repeat.")] = None,
    url: Annotated[str | None, typer.Option(help="The API's address; the running platform's by default.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Talk to a deployed AGENT through the HTTP API; an empty line ends the conversation."""
    from agent_factory.cli.talk import Conversation, find_api

    with Conversation(url or find_api(), agent) as talk:
        if message:
            replies = [talk.say(text) for text in message]
            if as_json:
                show({"session": talk.session, "replies": replies}, True)
                return
            for text, reply in zip(message, replies, strict=True):
                say(f"you: {text}")
                typer.echo(reply["answer"] or f"(no answer: {reply['failure']})")
            return
        while text := typer.prompt("you", default="", show_default=False):
            reply = talk.say(text)
            typer.echo(reply["answer"] or f"(no answer: {reply['failure']})")
