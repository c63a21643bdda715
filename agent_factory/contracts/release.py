"""What may serve users, and what does: a Release locks model, prompt, tools and memory together."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

from agent_factory.contracts.record import DEFAULT_PROJECT, Instant, Json, Name, Record, Share

DeploymentState = Literal["serving", "replaced", "withdrawn"]


class Release(Record):
    """A model with the prompt and tools that it was evaluated with; only a PASS makes one."""

    build: Name
    recipe: Name
    model: Name
    model_digest: str
    report: Name
    system_prompt: str
    openapi_digest: str
    tools: tuple[str, ...]
    memory_schema: Json


class Deployment(Record):
    """A release that takes ``traffic`` (share of the agent's sessions); ``agent`` names the service."""

    agent: Name
    release: Name
    model: Name
    traffic: Share
    state: DeploymentState
    predecessor: Name | None = None
    updated_at: Instant


class Agent(Record):
    """A service that applications talk to: its recipe and how long its sessions may be.

    ``id`` is the name that its project gave it: another project may have one of the same name.
    """

    recipe: Name
    max_steps: int = 12
    step_timeout_seconds: float = 30.0

    @classmethod
    def row_of(cls, record_id: str, project: str) -> str:
        """The name itself in the default project, else a digest (of a fixed length, and no name of anyone's)."""
        if project == DEFAULT_PROJECT:
            return record_id
        return f"/{sha256(f'{project}/{record_id}'.encode()).hexdigest()[:40]}"


class Session(Record):
    """A conversation with a deployed agent."""

    agent: Name
    deployment: Name
    state: Literal["open", "closed"]
    user: str | None = None
