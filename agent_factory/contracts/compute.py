"""What is asked of compute, what is held, and what was spent by which build, project and factory."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from agent_factory.contracts.record import Count, Instant, Name, Part, Record, Seconds

FactoryName = Literal["compute", "data", "environment", "training", "evaluation", "runtime"]


class ResourceSpec(Part):
    """What a worker asks for: one or more slots of a pool."""

    pool: Name
    slots: int = Field(default=1, ge=1)


class Pool(Part):
    """A pool from ``recipes/pools.toml``: how many slots it has and how many are held."""

    name: Name
    limit: Count
    held: Count


class Lease(Record):
    """Slots that are held until ``expires_at`` or release.

    A lease past ``expires_at`` holds nothing, even before its state is written as "expired".
    """

    resource: ResourceSpec
    holder: str
    build: Name | None = None
    state: Literal["held", "released", "expired"] = "held"
    expires_at: Instant
    released_at: Instant | None = None

    @model_validator(mode="before")
    @classmethod
    def _pass_over_priority(cls, found: Any) -> Any:
        # Leases of before had one, which ordered nothing; those that a store still holds must be readable.
        match found:
            case {"resource": {"priority": _, **resource}}:
                return {**found, "resource": resource}
            case _:
                return found


class Usage(Record):
    """What one piece of work spent. CPU seconds count user and system time of it and its children.

    ``currency`` "none" marks work that no price table was given for; its ``cost`` is then 0.
    """

    factory: FactoryName
    activity: str
    build: Name | None = None
    model: Name | None = None
    started_at: Instant
    wall_seconds: Seconds
    cpu_seconds: Seconds
    peak_memory_bytes: Count | None
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    cost: float = Field(ge=0)
    currency: str
