"""The worker: what it plays with which model, that it goes on where it stopped, and what it tells."""

from datetime import UTC, datetime

import pytest

from agent_factory.compute.usage import read_usage
from agent_factory.contracts import (
    BuildSpec,
    DataWindow,
    Deployment,
    EvaluationSpec,
    GateSpec,
    ModelManifest,
    Release,
    StageRun,
    StageSpec,
)
from agent_factory.core.artifact import open_artifacts
from agent_factory.core.error import InputError, NotFoundError, WorkerError
from agent_factory.core.order import place_order
from agent_factory.core.recipe import load_recipe
from agent_factory.core.store import open_store
from agent_factory.environment import worker
from agent_factory.environment.scenario import draw_scenarios, make_scenario_set

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECIPE = load_recipe("support_desk")
SETTINGS = {
    "rollouts": {"episodes": 12, "samples": 2, "temperature": 1.0, "concurrency": 8, "max_tokens": 50},
    "prices": {"currency": "EUR", "cpu_core_hour": 1, "prompt_million_tokens": 1, "completion_million_tokens": 1},
}


def model(name, stage, build="b"):
    facts = {"recipe": "support_desk", "path": f"models/{name}", "digest": name, "parameters": 1}
    return ModelManifest(id=name, created_at=NOW, stage=stage, build=build, **facts)


@pytest.fixture
def build():
    return BuildSpec(
        id="b",
        created_at=NOW,
        recipe="support_desk",
        recipe_digest="d",
        base_model="nano",
        window=DataWindow(first_day="2026-01-01", last_day="2026-01-02"),
        min_rows=1,
        train_scenarios=10,
        stages=(StageSpec(kind="sft"),),
        evaluation=EvaluationSpec(scenarios=5, seed=4),
        gate=GateSpec(min_success=0.5),
        settings=SETTINGS,
    )


@pytest.fixture
def home(tmp_path, build):
    store, artifacts = open_store(f"sqlite:///{tmp_path}/f.db"), open_artifacts(str(tmp_path / "artifacts"))
    store.put(build)
    for split, count, seed in (("train", 10, 0), ("eval", 5, 4)):
        make_scenario_set(store, artifacts, RECIPE, set_id=f"b-{split}", build="b", split=split, count=count, seed=seed)
    for manifest in (model("M0", "base"), model("M1", "sft"), model("M2", "reward"), model("M3", "policy")):
        store.put(manifest)
    return store, artifacts


@pytest.fixture
def opened(monkeypatch, by_scenario):
    """Which models were opened; each plays the reference solutions."""
    from agent_factory.gateway import gateway

    names, scenarios = [], [*draw_scenarios(RECIPE, "train", 10, 0), *draw_scenarios(RECIPE, "eval", 5, 4)]
    shields = "agent_factory.environment.rollout.open_shields"
    monkeypatch.setattr(shields, lambda recipe: __import__("agent_factory.agent.shielding", fromlist=["x"]).NoShield)

    def open_one(place, digest, api_key):
        names.append(digest)
        return by_scenario(scenarios)

    monkeypatch.setattr(gateway, "open_engine", open_one)
    return names


def test_rollouts_are_samples_of_the_sft_model(home, build, opened):
    paths = worker.run_rollouts(*home, build)
    traces = list(home[1].read_traces(paths[0]))

    assert (paths, opened) == (["builds/b/rollouts/M1.parquet"], ["M1"])
    assert len(traces) == 12
    assert {t.metadata["sample"] for t in traces} == {0, 1}
    assert {(t.source, t.model, t.build) for t in traces} == {("rollout", "M1", "b")}


def test_what_is_there_is_not_made_again(home, build, opened):
    paths = worker.run_rollouts(*home, build)
    told = home[0].get(StageRun, "b.environment.rollouts")
    assert worker.run_rollouts(*home, build) == paths
    assert opened == ["M1"]
    again = home[0].get(StageRun, "b.environment.rollouts")
    assert again.model_copy(update={"updated_at": told.updated_at}) == told


def test_evaluation_runs_the_builds_models_and_the_one_that_serves(home, build, opened):
    champion = model("M9", "policy", build="older")
    release = {"report": "r", "model_digest": "d", "system_prompt": "", "openapi_digest": "", "tools": ()}
    home[0].put(champion)
    home[0].put(
        Release(id="R1", created_at=NOW, build="older", recipe="support_desk", model="M9", memory_schema={}, **release)
    )
    home[0].put(
        Deployment(
            id="P1", created_at=NOW, agent="a", release="R1", model="M9", traffic=1, state="serving", updated_at=NOW
        )
    )

    paths = worker.run_evaluation(*home, build)

    assert opened == ["M0", "M1", "M3", "M9"]
    assert paths == [f"builds/b/evaluation/{name}.parquet" for name in opened]
    assert {t.source for path in paths for t in home[1].read_traces(path)} == {"evaluation"}


@pytest.fixture
def order(home, build):
    """Places an order of a kind, on the sets ``train-x`` and ``eval-x`` of five scenarios each."""
    for split, seed in (("train", 0), ("eval", 4)):
        make_scenario_set(*home, RECIPE, set_id=f"{split}-x", build=None, split=split, count=5, seed=seed)

    def place(kind, **request):
        return place_order(home[0], kind, {"build": "b", **request}, project="default", build="b")

    return place


def test_an_ordered_rollout_is_a_run_of_its_own(home, build, opened, order):
    worker.run_rollouts(*home, build)
    paths = [worker.run_order(*home, order("rollout", scenarios="train-x"))[0] for _ in range(2)]
    runs = [list(home[1].read_traces(path)) for path in paths]

    assert opened == ["M1", "M1", "M1"]
    assert [len(run) for run in runs] == [10, 10]  # the whole set, each scenario as often as the build samples it
    assert not {t.id for t in runs[0]} & {t.id for t in runs[1]}
    assert len(list(home[1].files.ls(home[1].locate("builds/b/rollouts")))) == 1
    assert home[0].find(StageRun, build="b") == [home[0].get(StageRun, "b.environment.rollouts")]


def test_an_ordered_evaluation_plays_the_set_that_it_names(home, build, opened, order):
    whole, alone = order("evaluation", scenarios="eval-x"), order("evaluation", scenarios="eval-x", model="M1")
    paths = worker.run_order(*home, whole)
    assert paths == [f"orders/{whole.id}/{name}.parquet" for name in ("M0", "M1", "M3")]
    assert worker.run_order(*home, alone) == [f"orders/{alone.id}/M1.parquet"]
    assert opened == ["M0", "M1", "M3", "M1"]
    assert worker.run_order(*home, alone)
    assert len(opened) == 4
    traces = list(home[1].read_traces(paths[0]))
    assert {(t.source, t.build) for t in traces} == {("evaluation", "b")}
    assert not home[1].exists("builds/b/evaluation")


def test_without_a_set_an_ordered_rollout_plays_the_builds_own(home, build, opened, order):
    (path,) = worker.run_order(*home, order("rollout", model="M3"))
    assert opened == ["M3"]
    assert len(list(home[1].read_traces(path))) == 20


def test_progress_and_spending_are_recorded(home, build, opened):
    worker.run_rollouts(*home, build)

    run = home[0].get(StageRun, "b.environment.rollouts")
    assert (run.state, run.done, run.total, run.measured["success_M1"]) == ("done", 12, 12, 1.0)
    assert [(u.factory, u.activity, u.model) for u in read_usage(home[0], build="b")] == [
        ("environment", "rollout M1", "M1")
    ]


def test_a_model_that_cannot_be_loaded_fails_the_stage_and_writes_nothing(home, build, monkeypatch):
    from agent_factory.core.error import ModelError
    from agent_factory.gateway import gateway

    def refuse(place, digest, api_key):
        raise ModelError("the checkpoint is corrupt")

    monkeypatch.setattr(gateway, "open_engine", refuse)
    with pytest.raises(ModelError, match="corrupt"):
        worker.run_rollouts(*home, build)

    assert home[0].get(StageRun, "b.environment.rollouts").state == "failed"
    assert not home[1].exists("builds/b/rollouts/M1.parquet")


def test_episodes_that_all_broke_are_no_result(home, build, opened, monkeypatch, by_scenario):
    from agent_factory.gateway import gateway

    scenarios = draw_scenarios(RECIPE, "train", 10, 0)
    monkeypatch.setattr(gateway, "open_engine", lambda *_: by_scenario(scenarios, broken=scenarios))
    with pytest.raises(WorkerError, match=r"none of the 12 episodes of M1 .*out of memory"):
        worker.run_rollouts(*home, build)


def test_settings_that_are_not_there_are_named(home, build):
    with pytest.raises(InputError, match=r"(?s)\[rollouts\] .*temperature"):
        worker.run_rollouts(*home, build.model_copy(update={"settings": {"rollouts": {"episodes": 1}}}))


def test_a_build_without_models_is_told_what_to_do(home, build):
    with pytest.raises(NotFoundError, match="train one first"):
        worker.run_rollouts(*home, build.model_copy(update={"id": "other"}))


def test_the_command_tells_an_unknown_build_without_a_traceback(tmp_path, monkeypatch, capsys):
    store = open_store(f"sqlite:///{tmp_path}/g.db")
    monkeypatch.setattr(worker, "open_store", lambda: store)

    assert worker.main(["rollouts", "--build", "nobody"]) == 2
    assert capsys.readouterr().err == "NotFoundError: there is no build 'nobody'\n"
    assert worker.main(["order", "--order", "nothing"]) == 2
    assert capsys.readouterr().err == "NotFoundError: there is no order 'nothing'\n"
