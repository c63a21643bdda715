"""Replay and re-scoring: recorded episodes again, without a model."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from agent_factory.api.context import Context, Ctx
from agent_factory.api.error import tell
from agent_factory.contracts.record import Name, Part
from agent_factory.contracts.replay import Replay, RescoreReport
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.core.played import Found, find_trace, list_played

router = APIRouter(prefix="/env", tags=["environment"])


class ReplayRequest(Part):
    """A trace of any source; ``kind`` plays it in another kind of environment than it was played in."""

    trace: Name
    kind: Name | None = None


class RescoreRequest(Part):
    """A build or an ordered run, and the scenario set whose rules grade."""

    run: Name
    scenarios: Name


@router.post("/replay", summary="Play a trace again", responses=tell(404, 422, 502))
def replay_trace(body: ReplayRequest, context: Ctx) -> Replay:
    """The recorded actions in a fresh environment, compared byte by byte; no model is asked.

    ``refused`` says what has changed since, where there is nothing left to compare with.
    """
    return _replay(context, [find_trace(context.store, context.artifacts, context.project, body.trace)], body.kind)[0]


def replay_run(context: Context, run: str, kind: str | None) -> list[Replay]:
    """Every trace of a build or an ordered run."""
    files = list_played(context.store, context.artifacts, context.project, run)
    found = [Found(trace, file) for file in files for trace in context.artifacts.read_traces(file.path)]
    return _replay(context, found, kind)


@router.post("/rescore", summary="Grade a run by other rules", responses=tell(404, 409, 422, 502, 504))
def rescore(body: RescoreRequest, context: Ctx) -> RescoreReport:
    """Old and new success of a run's traces, without inference; what was recorded stays as it is."""
    from agent_factory.environment.replay.origin import Archive
    from agent_factory.environment.replay.regrade import rescore_run

    chosen = context.get(ScenarioSet, body.scenarios)
    return rescore_run(Archive(context.store, context.artifacts), context.project, body.run, chosen)


def _replay(context: Context, found: list[Found], kind: str | None) -> list[Replay]:
    from agent_factory.environment.replay.origin import Archive
    from agent_factory.environment.replay.replay import replay_traces

    return asyncio.run(replay_traces(Archive(context.store, context.artifacts), found, kind))
