"""The first traffic of a recipe, sent through the API as any production trace is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import httpx

from agent_factory.cli.talk import open_client, read_reply
from agent_factory.contracts.trace import Trace
from agent_factory.core import clock
from agent_factory.core.buildfile import RecipeSettings
from agent_factory.core.recipe import Recipe
from agent_factory.core.tracelog import Receipt

_BATCH = 200


def past_days(count: int) -> list[str]:
    """The ``count`` days before today, in UTC, oldest first."""
    today = clock.now().date()
    return [(today - timedelta(days=back)).isoformat() for back in range(count, 0, -1)]


def make_first_traffic(recipe: Recipe, settings: RecipeSettings, days: Sequence[str], project: str) -> list[Trace]:
    """What the recipe's predecessor did on those days; the same for the same recipe and days."""
    from agent_factory.environment.first_traffic import make_traffic
    from agent_factory.environment.scenario import draw_scenarios

    wanted = settings.first_traffic
    scenarios = draw_scenarios(recipe, "train", wanted.episodes, wanted.seed)
    return make_traffic(recipe, scenarios, days, wanted.seed, project)


def send_traces(url: str, traces: Sequence[Trace]) -> Receipt:
    """Send traces as NDJSON; sent again, the same ones are duplicates. FactoryError with the API's message."""

    def lines() -> Iterator[bytes]:
        for start in range(0, len(traces), _BATCH):
            yield "".join(f"{trace.model_dump_json()}\n" for trace in traces[start : start + _BATCH]).encode()

    headers = {"Content-Type": "application/x-ndjson"}
    with open_client(url) as client:
        reply = read_reply(client.post("/data/events", content=lines(), headers=headers, timeout=httpx.Timeout(300.0)))
    return Receipt.model_validate(reply)
