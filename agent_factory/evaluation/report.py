"""The report of a build: every model of it on the same held-out tasks, and the verdict on its candidate.

Reads ``builds/<build>/evaluation/<model>.parquet`` (the traces of an evaluation run) for the build's
base, sft and policy models and for the model that serves now; writes ``results.parquet`` (a row for
each model and scenario), ``report.json`` and ``report.html`` beside them, and the EvalReport last.
Invariant: the same inputs give the same report; a report that stands for them is returned as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import pyarrow as pa

from agent_factory.compute.price import Prices, read_prices
from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.evaluation import Comparison, EvalReport, ModelScore
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario, ScenarioSet
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.champion import find_champion
from agent_factory.core.digest import digest_bytes
from agent_factory.core.error import NotFoundError, StorageError
from agent_factory.core.lineup import find_models
from agent_factory.core.store import Store
from agent_factory.evaluation.comparison import Role, compare
from agent_factory.evaluation.failure import cluster_failures, find_reason
from agent_factory.evaluation.gate import decide
from agent_factory.evaluation.measure import Episode, count_tokens, count_tool_calls, pair_episodes, score_model

_RESULT_SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("stage", pa.string()),
        ("scenario_id", pa.string()),
        ("level", pa.string()),
        ("kind", pa.string()),
        ("trace_id", pa.string()),
        ("success", pa.bool_()),
        ("reward", pa.float64()),
        ("steps", pa.int32()),
        ("calls_succeeded", pa.int32()),
        ("calls_refused", pa.int32()),
        ("calls_faulted", pa.int32()),
        ("policy_violations", pa.list_(pa.string())),
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("reason", pa.string()),
    ]
)


class Evaluated(NamedTuple):
    """One model with its counted episodes, how many were left out, and the digest of its traces."""

    model: ModelManifest
    episodes: list[Episode]
    left_out: int
    digest: str


def report_id(build: str) -> str:
    """The id of a build's report."""
    return f"{build}-report"


def evaluate(store: Store, artifacts: Artifacts, build: BuildSpec) -> EvalReport:
    """Score the build's models, compare the candidate, decide by the gate, and keep the report.

    Raises NotFoundError where models, task set or evaluation runs are missing, ModelError where no
    episode of a model can be counted, InputError where the gate asks for what was not measured.
    """
    taskset = store.get(ScenarioSet, f"{build.id}-eval")
    scenarios = read_taskset(artifacts, taskset)
    manifests = find_models(store, build)
    candidate = manifests[-1]
    champion = find_champion(store, build.recipe, build.project)
    rival = champion if champion and champion.id != candidate.id else None
    known = store.peek(EvalReport, report_id(build.id))
    if known and rival is None and champion is not None and "champion" in known.settings:
        rival = _recorded_champion(store, known)  # the candidate serves by now; its verdict was given before
    models = [*manifests, *([rival] if rival and rival.id not in {model.id for model in manifests} else [])]
    folder = f"builds/{build.id}/evaluation"
    evaluated = [read_model(artifacts, folder, model, scenarios) for model in models]
    inputs = _describe_inputs(build, taskset, evaluated, rival)
    if known and known.settings == inputs and artifacts.exists(known.html_path):
        return known
    report = _make_report(build, taskset, evaluated, rival, inputs)
    write_report(store, artifacts, report, evaluated)
    return report


def read_taskset(artifacts: Artifacts, taskset: ScenarioSet) -> list[Scenario]:
    """The scenarios of a set in their order; StorageError where their number is not the set's."""
    lines = artifacts.read_text(taskset.path).splitlines()
    scenarios = [Scenario.model_validate_json(line) for line in lines if line]
    if len(scenarios) != taskset.count:
        raise StorageError(
            f"{taskset.path} has {len(scenarios)} scenarios, the set {taskset.id!r} has {taskset.count}: make it again"
        )
    return scenarios


def read_model(artifacts: Artifacts, folder: str, model: ModelManifest, scenarios: list[Scenario]) -> Evaluated:
    """A model with its episodes on the scenarios, from ``<model>.parquet``; NotFoundError where it was not run."""
    path = f"{folder}/{model.id}.parquet"
    if not artifacts.exists(path):
        raise NotFoundError(
            f"model {model.id} ({model.stage}) was not run on these tasks: there is no {path}. "
            "Run the worker of this evaluation again: `python -m agent_factory.environment.worker --help`."
        )
    episodes, left_out = pair_episodes(model.id, scenarios, artifacts.read_traces(path))
    return Evaluated(model, episodes, left_out, digest_bytes(artifacts.read_bytes(path)))


def _recorded_champion(store: Store, report: EvalReport) -> ModelManifest | None:
    name = report.settings["champion"]
    return store.get(ModelManifest, name) if isinstance(name, str) else None


def _describe_inputs(
    build: BuildSpec, taskset: ScenarioSet, evaluated: list[Evaluated], rival: ModelManifest | None
) -> Json:
    return {
        "taskset_digest": taskset.digest,
        "gate": build.gate.model_dump(mode="json"),
        "candidate": next(one.model.id for one in reversed(evaluated) if one.model.build == build.id),
        "champion": rival.id if rival else None,
        "model_digests": {one.model.id: one.model.digest for one in evaluated},
        "trace_digests": {one.model.id: one.digest for one in evaluated},
        "prices": build.settings.get("prices"),
    }


def _make_report(
    build: BuildSpec, taskset: ScenarioSet, evaluated: list[Evaluated], rival: ModelManifest | None, inputs: Json
) -> EvalReport:
    candidate = next(one for one in reversed(evaluated) if one.model.build == build.id)
    scores = score_all(build, evaluated)
    comparisons = tuple(compare_all(candidate, evaluated, rival))
    score = next(score for score in scores if score.model == candidate.model.id)
    verdict, reasons = decide(build.gate, score, comparisons, rival.id if rival else None)
    return EvalReport(
        id=report_id(build.id),
        project=build.project,
        created_at=clock.now(),
        build=build.id,
        recipe=build.recipe,
        candidate=candidate.model.id,
        taskset=taskset.id,
        taskset_digest=taskset.digest,
        scores=scores,
        comparisons=comparisons,
        failures=cluster_failures(candidate.episodes),
        verdict=verdict,
        reasons=reasons,
        results_path=f"builds/{build.id}/evaluation/results.parquet",
        html_path=f"builds/{build.id}/evaluation/report.html",
        settings=inputs,
    )


def score_all(build: BuildSpec, evaluated: list[Evaluated]) -> tuple[ModelScore, ...]:
    """The scores of the models, at the prices of the build."""
    prices: Prices | None = read_prices(build.settings) if "prices" in build.settings else None
    return tuple(score_model(one.model.id, one.model.stage, one.episodes, one.left_out, prices) for one in evaluated)


def compare_all(candidate: Evaluated, evaluated: list[Evaluated], rival: ModelManifest | None) -> Iterable[Comparison]:
    """The candidate against the model that serves, its parent and the base, as far as they were run."""
    roles: list[tuple[Role, str | None]] = [
        ("champion", rival.id if rival else None),
        ("parent", candidate.model.parent),
        ("base", next((one.model.id for one in evaluated if one.model.stage == "base"), None)),
    ]
    by_id = {one.model.id: one for one in evaluated}
    for role, name in roles:
        other = by_id.get(name or "")
        if other and other is not candidate:
            yield compare(candidate.model.id, candidate.episodes, other.model.id, other.episodes, role)


def write_report(store: Store, artifacts: Artifacts, report: EvalReport, evaluated: list[Evaluated]) -> None:
    """Keep the rows, the report as JSON and as a page, and the record last."""
    from agent_factory.evaluation.page import draw_page

    rows = [_to_row(one.model, episode) for one in evaluated for episode in one.episodes]
    artifacts.write_table(report.results_path, pa.Table.from_pylist(rows, schema=_RESULT_SCHEMA))
    artifacts.write_text(report.html_path.replace(".html", ".json"), report.model_dump_json(indent=2))
    artifacts.write_text(report.html_path, draw_page(report))
    store.put(report, replace=True)


def _to_row(model: ModelManifest, episode: Episode) -> dict[str, Any]:
    scenario, trace, outcome = episode
    calls, tokens = count_tool_calls(trace), count_tokens(trace)
    return {
        "model": model.id,
        "stage": model.stage,
        "scenario_id": scenario.id,
        "level": scenario.level,
        "kind": scenario.kind,
        "trace_id": trace.id,
        "success": outcome.success,
        "reward": outcome.reward,
        "steps": len(trace.steps),
        "calls_succeeded": calls.succeeded,
        "calls_refused": calls.refused,
        "calls_faulted": calls.faulted,
        "policy_violations": list(outcome.policy_violations),
        "prompt_tokens": tokens[0] if tokens else None,
        "completion_tokens": tokens[1] if tokens else None,
        "reason": None if outcome.success else find_reason(episode),
    }
