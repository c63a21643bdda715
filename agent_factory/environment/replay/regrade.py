"""Old episodes by new rules, without a model: from the trace where it holds enough, else from a replay of it.

A trace holds what changed, the answer and the calls, which is all that grading looks at; but behind a shield
these are placeholders and the rules have real values, so such a trace is played again, which reveals them.
Invariant: only the rules may differ between the scenario that was played and the one that grades; nothing that
was recorded is overwritten.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence

from agent_factory.contracts.message import Message, ToolCall
from agent_factory.contracts.replay import Rescored, RescoreReport
from agent_factory.contracts.scenario import Scenario, ScenarioSet, SuccessRules
from agent_factory.contracts.trace import Outcome, Step, Trace
from agent_factory.core.error import ConflictError, FactoryError
from agent_factory.core.played import Found, list_played
from agent_factory.environment.border import end_within
from agent_factory.environment.episode import fail_outcome
from agent_factory.environment.grade import grade_changes
from agent_factory.environment.replay.comparison import compare_steps, is_whole
from agent_factory.environment.replay.origin import Archive
from agent_factory.environment.replay.replay import Job, play_again

RUN_SECONDS = 3600.0
"""How long the replays of a run that is graded anew may take."""
_GRADERS = {"rules", "solution", "created_at"}
"""What of a scenario may be another: it decides the grade, and nothing that an agent meets."""


def regrade(trace: Trace, rules: SuccessRules) -> Outcome | None:
    """The outcome by these rules; None where the trace alone does not tell: hidden values, no changes, broken off."""
    old = trace.outcome
    if trace.pseudonyms or old is None or old.changes is None or not is_whole(trace):
        return None
    answer = trace.steps[-1].action.content or "" if trace.failure is None and trace.steps else None
    found = grade_changes(rules, old.changes, answer, set(_find_succeeded(trace)))
    return found if trace.failure is None else fail_outcome(found, trace.failure)


def rescore_run(archive: Archive, project: str, run: str, scenarios: ScenarioSet) -> RescoreReport:
    """Grade the traces of a build or an ordered run by the scenarios of a set; writes them with their new outcomes.

    NotFoundError where the project has no such run, ConflictError where it has no traces of the set's split,
    DeadlineError where the replays take longer than ``RUN_SECONDS``. Not to be called from inside an event loop.
    """
    files = [
        file
        for file in list_played(archive.store, archive.artifacts, project, run)
        if (known := archive.store.peek(ScenarioSet, file.scenarios)) is not None and known.split == scenarios.split
    ]
    found = [Found(trace, file) for file in files for trace in archive.artifacts.read_traces(file.path)]
    if not found:
        raise ConflictError(f"run {run!r} has no traces on {scenarios.split!r} scenarios, as {scenarios.id!r} has")
    rescored = asyncio.run(rescore_traces(archive, found, archive.read_set(scenarios)))
    path = f"projects/{project}/rescored/{run}/{scenarios.id}.parquet"
    graded = zip(found, rescored, strict=True)
    archive.artifacts.write_traces(
        path, (one.trace.model_copy(update={"outcome": new.new}) for one, new in graded if new.new is not None)
    )
    return _report(run, scenarios, rescored, path)


async def rescore_traces(archive: Archive, found: Sequence[Found], scenarios: dict[str, Scenario]) -> list[Rescored]:
    """Each trace by the rules of its scenario in ``scenarios``, in their order."""
    told: dict[int, Rescored] = {}
    waiting: list[tuple[int, Found]] = []
    for at, one in enumerate(found):
        try:
            scenario = _find_grader(archive, one, scenarios)
        except FactoryError as error:
            told[at] = _left_out(one.trace, str(error))
            continue
        outcome = regrade(one.trace, scenario.rules)
        if outcome is None:
            waiting.append((at, one))
        else:
            told[at] = _rescored(one.trace, outcome, "trace")
    await _replay_rest(archive, waiting, scenarios, told)
    return [told[at] for at in range(len(found))]


async def _replay_rest(
    archive: Archive,
    waiting: Sequence[tuple[int, Found]],
    scenarios: dict[str, Scenario],
    told: dict[int, Rescored],
) -> None:
    places = [at for at, _ in waiting]

    def keep(job: Job, replayed: Trace) -> None:
        differences = compare_steps(job.trace, replayed)
        if differences:
            first = differences[0]
            reason = f"its replay differs from step {first.step} on ({first.field}): how the world stood is not known"
            told[places[job.at]] = _left_out(job.trace, reason)
        elif not is_whole(job.trace) or replayed.outcome is None:
            told[places[job.at]] = _left_out(job.trace, f"it was broken off: {job.trace.failure}")
        else:
            told[places[job.at]] = _rescored(job.trace, replayed.outcome, "replay")

    def leave(at: int, trace: Trace, reason: str) -> None:
        told[places[at]] = _left_out(trace, reason)

    def grade_by(trace: Trace, scenario: Scenario) -> Scenario:
        return scenarios[scenario.id]

    played = [one for _, one in waiting]
    left = len(told)
    async with end_within(
        RUN_SECONDS, lambda: f"{len(told) - left} of {len(waiting)} traces that need it were played again"
    ):
        await play_again(archive, played, keep, leave, choose=grade_by)


def _find_grader(archive: Archive, found: Found, scenarios: dict[str, Scenario]) -> Scenario:
    """The scenario that grades; ConflictError where there is none, or it differs in more than its rules."""
    trace = found.trace
    new = scenarios.get(trace.scenario_id or "")
    if new is None:
        raise ConflictError(f"the set has no scenario {trace.scenario_id!r}")
    old = archive.find_scenario(trace, found.file)
    differing = [name for name in type(old).model_fields if name not in _GRADERS and _of(old, name) != _of(new, name)]
    if differing:
        raise ConflictError(
            f"scenario {new.id!r} of the set differs from the one that was played in {', '.join(differing)}, "
            "not only in its rules"
        )
    return new


def _of(scenario: Scenario, name: str) -> object:
    return getattr(scenario, name)


def _find_succeeded(trace: Trace) -> Iterator[str]:
    """Names of the tools that were called with success."""
    results = {message.tool_call_id: message for message in trace.messages() if message.role == "tool"}
    for step in trace.steps:
        yield from (
            call.name
            for call in step.action.tool_calls
            if call.id in results and not _failed(call, results[call.id], step)
        )


def _failed(call: ToolCall, result: Message, step: Step) -> bool:
    """Whether the step's error tells of this very result; see ``agent.toolbox.fail``."""
    if step.error is None:
        return False
    try:
        told = json.loads(result.content or "")
        return f"{call.name}: {told['status']} {told['error']}" in step.error
    except (ValueError, TypeError, KeyError):
        return False


def _rescored(trace: Trace, outcome: Outcome, by: str) -> Rescored:
    return Rescored.model_validate(
        {"trace": trace.id, "scenario": trace.scenario_id, "old": trace.outcome, "new": outcome, "by": by}
    )


def _left_out(trace: Trace, reason: str) -> Rescored:
    return Rescored(trace=trace.id, scenario=trace.scenario_id, old=trace.outcome, reason=reason)


def _report(run: str, scenarios: ScenarioSet, rescored: Sequence[Rescored], path: str) -> RescoreReport:
    """Shares over the same traces: those that have an outcome of both rules."""
    both = [(one.old.success, one.new.success) for one in rescored if one.old is not None and one.new is not None]
    return RescoreReport(
        run=run,
        scenarios=scenarios.id,
        traces=len(rescored),
        rescored=sum(one.new is not None for one in rescored),
        old_success=sum(old for old, _ in both) / len(both) if both else None,
        new_success=sum(new for _, new in both) / len(both) if both else None,
        path=path,
        changed=tuple(one for one in rescored if one.changed),
        left_out=tuple(one for one in rescored if one.new is None),
    )
