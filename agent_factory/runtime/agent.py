"""Agents: the services that applications talk to, one or more for a recipe."""

from __future__ import annotations

from agent_factory.contracts.record import DEFAULT_PROJECT
from agent_factory.contracts.release import Agent
from agent_factory.core import clock
from agent_factory.core.error import NotFoundError
from agent_factory.core.store import Store


def create_agent(
    store: Store,
    agent_id: str,
    recipe: str,
    *,
    project: str = DEFAULT_PROJECT,
    max_steps: int = 12,
    step_timeout_seconds: float = 30.0,
) -> Agent:
    """Register a service; the same one twice is one, another one of that id in the project raises ConflictError."""
    agent = Agent(
        id=agent_id,
        project=project,
        created_at=clock.now(),
        recipe=recipe,
        max_steps=max_steps,
        step_timeout_seconds=step_timeout_seconds,
    )
    store.put(agent)
    return store.get(Agent, agent_id, project)


def default_agent_id(recipe: str, project: str) -> str:
    """The id of a recipe's own agent: the recipe's name, with the project before it unless it is the default."""
    return recipe if project == DEFAULT_PROJECT else f"{project}-{recipe}"


def find_agent(store: Store, agent_id: str, recipe: str, project: str) -> Agent:
    """The project's agent; a recipe's own is made where it is not there yet, any other must exist (NotFoundError)."""
    found = store.peek(Agent, agent_id, project)
    if found is not None:
        return found
    if agent_id != default_agent_id(recipe, project):
        raise NotFoundError(f"there is no agent {agent_id!r}: make it first (POST /agents)")
    return create_agent(store, agent_id, recipe, project=project)
