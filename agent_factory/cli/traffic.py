"""The first traffic of a recipe, sent through the API as any production trace is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta

import httpx

from agent_factory.cli.talk import open_client, read_reply
from agent_factory.contracts.trace import Trace
from agent_factory.core import clock
from agent_factory.core.buildfile import RecipeSettings
from agent_factory.core.day import FIRST_DAY
from agent_factory.core.error import ConflictError
from agent_factory.core.intake import Receipt
from agent_factory.core.recipe import Recipe

_BATCH = 200


def free_days(count: int, taken: Collection[str]) -> list[str]:
    """The newest ``count`` days in a row before today, in UTC, of which none is ``taken``; oldest first.

    A build's window over such days holds the traffic that is sent on them, and nothing else.
    """
    today = clock.now().date()
    for back in range(1, (today - FIRST_DAY).days - count + 2):
        days = [(today - timedelta(days=back + more)).isoformat() for more in reversed(range(count))]
        if not any(day in taken for day in days):
            return days
    raise ConflictError(f"no {count} days in a row since {FIRST_DAY} are without traces: set a new AGENT_FACTORY_HOME")


def make_first_traffic(recipe: Recipe, settings: RecipeSettings, days: Sequence[str], project: str) -> list[Trace]:
    """What the recipe's predecessor did on those days; the same for the same recipe and days."""
    from agent_factory.environment.first_traffic import make_traffic
    from agent_factory.environment.scenario import draw_scenarios

    wanted = settings.first_traffic
    scenarios = draw_scenarios(recipe, "train", wanted.episodes, wanted.seed)
    return make_traffic(recipe, scenarios, days, wanted.seed, project)


def require_same_makers(days: Sequence[str], made_by: Mapping[str, str], now: Mapping[str, str]) -> None:
    """ConflictError, with what was edited, where the traffic that stands was made by other makers than those of now."""
    edited = sorted(name for name in {*made_by, *now} if made_by.get(name) != now.get(name))
    if edited:
        raise ConflictError(
            f"the first traffic of {days[0]} to {days[-1]} was made before {', '.join(edited)} of the recipe changed: "
            "a build would learn from the tool results of both. `factory round --fresh` sends new traffic on days of "
            "its own and orders a build of these; or begin with a new AGENT_FACTORY_HOME"
        )


def send_traces(url: str, traces: Sequence[Trace]) -> Receipt:
    """Send traces as NDJSON; sent again, the same ones are duplicates. FactoryError with the API's message."""

    def lines() -> Iterator[bytes]:
        for start in range(0, len(traces), _BATCH):
            yield "".join(f"{trace.model_dump_json()}\n" for trace in traces[start : start + _BATCH]).encode()

    headers = {"Content-Type": "application/x-ndjson"}
    with open_client(url) as client:
        reply = read_reply(client.post("/data/events", content=lines(), headers=headers, timeout=httpx.Timeout(300.0)))
    return Receipt.model_validate(reply)
