"""Lineage is told from records and files, both ways, and within a project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent_factory.contracts import BuildSpec, Deployment, ModelManifest, Outcome, Release, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import NotFoundError
from agent_factory.core.store import Store
from agent_factory.data.dataset import DatasetQuery, build_dataset
from agent_factory.data.lineage import Family, find_lineage

Make = Callable[..., Trace]
DAY = "2026-11-20"
WHEN = "2026-11-20T12:00:00Z"
QUERY = DatasetQuery(days=(DAY,), recipe="desk")


@pytest.fixture
def plant(store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]) -> None:
    """Three traces of a day, two rollouts, two datasets, base, SFT, reward and policy models, one deployed."""
    lost = Outcome(
        success=False, reward=0, graded_by="rules", reasons=("the order stands",), policy_violations=("lied",)
    )
    take_day(
        trace("good", scenario_id="s1"),
        trace("bad", answer="No.", scenario_id="s1", outcome=lost, metadata={"level": "L2", "kind": "cancel"}),
        trace("alone", answer="Yes.", scenario_id="s3", success=None),
    )
    path = "builds/B1/rollouts/part-0.parquet"
    rolled = [trace("r-good", source="rollout"), trace("r-bad", answer="Hm.", source="rollout", success=False)]
    artifacts.write_traces(path, rolled)
    spec = {"recipe": "desk", "recipe_digest": "d", "base_model": "nano", "min_rows": 1, "train_scenarios": 1}
    rest = {"stages": [{"kind": "sft"}], "evaluation": {"scenarios": 5, "seed": 1}, "gate": {"min_success": 0.5}}
    window = {"first_day": DAY, "last_day": DAY}
    store.put(BuildSpec.model_validate({"id": "B1", "created_at": WHEN, "window": window, **spec, **rest}))
    sft = build_dataset(store, artifacts, "sft", QUERY, build="B1")
    pairs = build_dataset(store, artifacts, "preference", QUERY, build="B1")
    day = f"projects/default/days/{DAY}/clean_events.parquet"
    for name, stage, parent, sources in (
        ("M0", "base", None, (day,)),
        ("M1", "sft", "M0", (sft.id,)),
        ("M2", "reward", "M1", (pairs.id, path)),
        ("M3", "policy", "M1", (sft.id, path)),
        ("M4", "sft", None, ("D9",)),
    ):
        told = {"recipe": "desk", "build": "B1", "path": "p", "digest": "d", "parameters": 1, "dataset_ids": sources}
        made = {"id": name, "created_at": WHEN, "stage": stage, "parent": parent, **told}
        store.put(ModelManifest.model_validate(made))
    release = {"build": "B1", "recipe": "desk", "model_digest": "d", "report": "B1-report", "system_prompt": ""}
    served = {"openapi_digest": "d", "tools": (), "memory_schema": {}}
    store.put(Release.model_validate({"id": "R1", "created_at": WHEN, "model": "M3", **release, **served}))
    deployed = {"agent": "desk", "release": "R1", "model": "M3", "traffic": 1, "state": "serving", "updated_at": WHEN}
    store.put(Deployment.model_validate({"id": "desk-1", "created_at": WHEN, **deployed}))


@pytest.fixture
def ask(store: Store, artifacts: Artifacts, plant: None) -> Callable[..., Any]:
    return lambda kind, name, project="default": find_lineage(Family(store, artifacts, project), kind, name)


def test_a_policy_descends_from_the_reward_model_that_ranked_for_it_and_no_other(
    ask: Callable[..., Any], store: Store
) -> None:
    told = store.get(ModelManifest, "M2")
    store.put(told.model_copy(update={"id": "M5"}))
    store.put(store.get(ModelManifest, "M3").model_copy(update={"scorer": "M5"}), replace=True)
    assert {"model:M1", "model:M5"} <= set(names(ask("model", "M3").made_from))
    assert "model:M2" not in names(ask("model", "M3").made_from)
    assert "model:M3" not in names(ask("model", "M2").went_into)


def names(nodes: Any) -> list[str]:
    return [f"{node.kind}:{node.id}" for node in nodes]


def test_which_failures_trained_this_model(ask: Any) -> None:
    found = ask("model", "M3")
    assert {"build:B1", "model:M1", "model:M0", "model:M2", "dataset:D1", "dataset:D2"} <= set(names(found.made_from))
    assert "rollouts:builds/B1/rollouts/part-0.parquet" in names(found.made_from)
    failures = {(line.id, line.role) for line in found.contents.failures}
    assert failures == {("bad", "worse of a pair"), ("bad", "read in pretraining"), ("r-bad", "rollout")}
    (worse,) = [line for line in found.contents.failures if line.role == "worse of a pair"]
    assert (worse.source, worse.level, worse.kind, worse.reasons) == (
        "D2",
        "L2",
        "cancel",
        ("the order stands", "lied"),
    )
    assert found.contents.by_outcome == {"success": 4, "failure": 3, "unknown": 1}
    assert found.contents.total == 8
    assert names(found.went_into) == ["release:R1", "deployment:desk-1"]


def test_which_models_hold_this_trace(ask: Any) -> None:
    good = ask("trace", "good")
    assert names(good.went_into)[:3] == [f"day:{DAY}", "dataset:D1", "dataset:D2"]
    assert {node.id for node in good.went_into if node.kind == "model"} == {"M0", "M1", "M2", "M3"}
    assert names(good.went_into)[-2:] == ["release:R1", "deployment:desk-1"]
    bad = {node.id: node.via for node in ask("trace", "bad").went_into if node.kind == "model"}
    assert bad["M2"] == ("D2",)
    assert "D1" not in {node.id for node in ask("trace", "bad").went_into}
    rolled = ask("trace", "r-bad")
    assert {node.id for node in rolled.went_into if node.kind == "model"} == {"M2", "M3"}


def test_a_dataset_both_ways(ask: Any) -> None:
    found = ask("dataset", "D2")
    assert names(found.made_from) == [f"day:{DAY}"]
    assert {node.id for node in found.went_into if node.kind == "model"} == {"M2", "M3"}
    assert found.contents.by_outcome == {"success": 1, "failure": 1}
    assert [line.id for line in found.contents.failures] == ["bad"]


def test_what_serves_is_asked_like_its_model(ask: Any) -> None:
    for kind, name in (("deployment", "desk-1"), ("release", "R1")):
        found = ask(kind, name)
        assert "model:M3" in names(found.made_from)
        assert found.contents.total == 8


@pytest.mark.parametrize(
    ("kind", "name"),
    [("trace", "good"), ("dataset", "D1"), ("model", "M3"), ("release", "R1"), ("deployment", "desk-1")],
)
def test_of_another_project_there_is_nothing(ask: Any, kind: str, name: str) -> None:
    with pytest.raises(NotFoundError, match=f"no {kind} '{name}' in project 'shop'"):
        ask(kind, name, "shop")
    with pytest.raises(NotFoundError):
        ask(kind, "nothing")
