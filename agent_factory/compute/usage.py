"""What was spent: one Usage for each piece of work, by build, project and factory.

Invariant: work that raised is recorded like work that did not; it was paid for all the same.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import UTC
from typing import Any, Literal

from sqlalchemy import select

from agent_factory.compute.price import Prices
from agent_factory.contracts.compute import FactoryName, Usage
from agent_factory.contracts.record import DEFAULT_PROJECT, Count, Part, Seconds
from agent_factory.core import clock, table
from agent_factory.core.store import Store

UNPRICED = "none"
Dimension = Literal["build", "project", "factory", "day", "activity", "model"]


class Meter:
    """The running count of a piece of work: tell it the tokens as they are used."""

    def __init__(self) -> None:
        self.prompt_tokens = 0
        self.completion_tokens = 0

    def add_tokens(self, prompt: int, completion: int) -> None:
        """Count the tokens of model calls."""
        self.prompt_tokens += prompt
        self.completion_tokens += completion


class UsageSummary(Part):
    """Sums of the usages that share ``key`` (None: those that name none), in one currency.

    ``cost`` is None where no price table was given; ``peak_memory_bytes`` is the largest of them.
    """

    by: Dimension
    key: str | None
    pieces: Count
    wall_seconds: Seconds
    cpu_seconds: Seconds
    peak_memory_bytes: Count | None
    prompt_tokens: Count
    completion_tokens: Count
    cost: float | None
    currency: str | None


@contextmanager
def meter(
    store: Store,
    factory: FactoryName,
    activity: str,
    *,
    build: str | None = None,
    model: str | None = None,
    prices: Prices | None = None,
    project: str = DEFAULT_PROJECT,
) -> Generator[Meter]:
    """Measure the block and write its Usage, also where it raises.

    CPU time is that of this process and of the children that ended in the block; it is meant for a
    worker that does one thing at a time. The peak of memory is the process's own since it began plus
    its largest child's.
    """
    count = Meter()
    started_at, began, cpu = clock.now(), time.perf_counter(), read_cpu_seconds()
    try:
        yield count
    finally:
        wall = time.perf_counter() - began
        spent = max(0.0, read_cpu_seconds() - cpu)
        priced = prices.of_work(spent, count.prompt_tokens, count.completion_tokens) if prices else 0.0
        record_usage(
            store,
            Usage(
                id=clock.new_id("usage"),
                project=project,
                created_at=clock.now(),
                factory=factory,
                activity=activity,
                build=build,
                model=model,
                started_at=started_at,
                wall_seconds=wall,
                cpu_seconds=spent,
                peak_memory_bytes=read_peak_memory(),
                prompt_tokens=count.prompt_tokens,
                completion_tokens=count.completion_tokens,
                cost=priced,
                currency=prices.currency if prices else UNPRICED,
            ),
        )


def read_cpu_seconds() -> float:
    """User and system time of this process and of its ended children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def read_peak_memory() -> int:
    """Peak resident bytes of this process plus those of its largest ended child."""
    unit = 1 if sys.platform == "darwin" else 1024
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(one).ru_maxrss for one in who) * unit


def record_usage(store: Store, usage: Usage) -> None:
    """Keep a Usage; returns after the database has committed."""
    row = {
        "id": usage.id,
        "project": usage.project,
        "factory": usage.factory,
        "build": usage.build,
        "day": usage.started_at.astimezone(UTC).date().isoformat(),
        "wall_seconds": usage.wall_seconds,
        "cost": usage.cost,
        "body": usage.model_dump_json(),
    }
    with store.begin() as connection:
        connection.execute(table.usage.insert().values(**row))


def read_usage(
    store: Store,
    *,
    project: str | None = None,
    build: str | None = None,
    factory: FactoryName | None = None,
    day: str | None = None,
) -> list[Usage]:
    """The usages that match, in the order in which the work began."""
    return sorted(
        (_to_usage(body) for body in _bodies(store, project, build, factory, day)),
        key=lambda usage: (usage.started_at, usage.id),
    )


def summarize(
    store: Store,
    project: str | None = None,
    by: Dimension = "build",
    *,
    build: str | None = None,
    factory: FactoryName | None = None,
    day: str | None = None,
) -> tuple[UsageSummary, ...]:
    """Sums of what was spent for each value of ``by``, one row a currency, sorted by key."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for body in _bodies(store, project, build, factory, day):
        groups.setdefault((body[by] or "", body["currency"]), []).append(body)
    return tuple(_sum(by, key or None, currency, bodies) for (key, currency), bodies in sorted(groups.items()))


def _sum(by: Dimension, key: str | None, currency: str, bodies: list[dict[str, Any]]) -> UsageSummary:
    peaks = [body["peak_memory_bytes"] for body in bodies if body["peak_memory_bytes"] is not None]
    priced = currency != UNPRICED
    return UsageSummary(
        by=by,
        key=key,
        pieces=len(bodies),
        wall_seconds=sum(body["wall_seconds"] for body in bodies),
        cpu_seconds=sum(body["cpu_seconds"] for body in bodies),
        peak_memory_bytes=max(peaks) if peaks else None,
        prompt_tokens=sum(body["prompt_tokens"] for body in bodies),
        completion_tokens=sum(body["completion_tokens"] for body in bodies),
        cost=sum(body["cost"] for body in bodies) if priced else None,
        currency=currency if priced else None,
    )


def _to_usage(body: dict[str, Any]) -> Usage:
    return Usage.model_validate({key: value for key, value in body.items() if key != "day"})


def _bodies(
    store: Store, project: str | None, build: str | None, factory: str | None, day: str | None
) -> Iterable[dict[str, Any]]:
    column = table.usage.c
    query = select(column.day, column.body)
    for where, value in (
        (column.project, project),
        (column.build, build),
        (column.factory, factory),
        (column.day, day),
    ):
        if value is not None:
            query = query.where(where == value)
    with store.begin(read_only=True) as connection:
        return [{**json.loads(row.body), "day": row.day} for row in connection.execute(query)]
