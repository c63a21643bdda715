from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent_factory.cli import follow as following
from agent_factory.cli.desk import open_desk
from agent_factory.cli.display import Lines, describe, stage_name
from agent_factory.cli.follow import Watch, follow, read_stages
from agent_factory.cli.kpi import read_kpis
from agent_factory.cli.memo import RoundMemo, memo_path
from agent_factory.cli.result import print_report, show_result
from agent_factory.cli.returned import show_return
from agent_factory.contracts import (
    BuildSpec,
    CheckRun,
    Comparison,
    DataWindow,
    Deployment,
    EvalReport,
    Measure,
    Message,
    ModelScore,
    Release,
    StageRun,
    Step,
    Trace,
)
from agent_factory.core import clock
from agent_factory.core.error import DeadlineError, WorkerError
from agent_factory.core.order import make_build_spec, move_order, order_build
from agent_factory.core.store import Store, open_store
from agent_factory.core.tracelog import TraceLog
from agent_factory.runtime.end import find_end

SHARE = Measure(value=0.725, low=0.67, high=0.77, n=300)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path / 'factory.db'}")


@pytest.fixture
def build(store: Store) -> BuildSpec:
    window = DataWindow(first_day=date(2026, 10, 29), last_day=date(2026, 10, 30))
    spec = make_build_spec("support_desk", "default", window, build_id="b1")
    order_build(store, spec)
    return spec


def stage(name: str = "b1.training.sft_model", state: Any = "running", age: float = 0.0, **changes: Any) -> StageRun:
    scope, factory, thing = name.rsplit(".", 2)
    at = clock.now() - timedelta(seconds=age)
    fields = {
        "id": name,
        "created_at": at,
        "factory": factory,
        "stage": thing,
        "build": scope if scope == "b1" else None,
        "state": state,
        "started_at": at,
        "updated_at": at,
        "finished_at": at if state != "running" else None,
        **changes,
    }
    return StageRun(**fields)


def report(verdict: Any = "PASS") -> EvalReport:
    score = ModelScore(
        model="M3",
        stage="policy",
        success=SHARE,
        by_level={"L1": SHARE},
        by_kind={},
        tool_call_success=SHARE,
        policy_violation=Measure(value=0.01, low=0.0, high=0.03, n=300),
        tokens_per_solved=123.4,
        cost_per_solved=None,
        episodes=300,
        seconds=None,
    )
    gain = Comparison(candidate="M3", other="M0", role="base", difference=0.41, low=0.35, high=0.47, n=300)
    return EvalReport(
        id="b1-report",
        created_at=clock.now(),
        build="b1",
        recipe="support_desk",
        candidate="M3",
        taskset="b1-eval",
        taskset_digest="t",
        scores=(score,),
        comparisons=(gain,),
        failures=(),
        verdict=verdict,
        reasons=("success is 72.5 % [67.0, 77.0]",),
        results_path="r",
        html_path="builds/b1/evaluation/report.html",
    )


def deploy(store: Store, agent: str = "support_desk") -> None:
    now = clock.now()
    release = Release(
        id="b1-release",
        created_at=now,
        build="b1",
        recipe="support_desk",
        model="M3",
        model_digest="d",
        report="b1-report",
        system_prompt="p",
        openapi_digest="o",
        tools=(),
        memory_schema={},
    )
    deployment = Deployment(
        id=f"b1-release-{agent}",
        created_at=now,
        agent=agent,
        release="b1-release",
        model="M3",
        traffic=1.0,
        state="serving",
        updated_at=now,
    )
    store.put(release, replace=True)
    store.put(deployment)


WHO = {"requested_by": "refresh_day_data", "reported_by": "refresh_days"}


def test_a_pass_ends_only_with_its_deployment(store: Store, build: BuildSpec) -> None:
    assert find_end(store, build) is None
    store.put(report())
    assert find_end(store, build) is None
    deploy(store)
    end = follow(store, build, deadline_seconds=5)
    assert end.exit_code == 0
    assert end.deployment is not None


def test_it_ends_with_the_recipes_own_agent_whoever_else_it_serves(store: Store, build: BuildSpec) -> None:
    store.put(report())
    deploy(store, "kiosk")
    assert find_end(store, build) is None
    deploy(store)
    deploy(store, "night_shift")
    end = find_end(store, build)
    assert end is not None
    assert end.deployment is not None
    assert end.deployment.agent == "support_desk"


def test_a_fail_ends_with_three(store: Store, build: BuildSpec, capsys: Any) -> None:
    store.put(report("FAIL"))
    end = follow(store, build, deadline_seconds=5)
    assert end.exit_code == 3
    show_result(store, build, end, open_desk().artifacts)
    told = capsys.readouterr().out
    assert "72.5 % [67.0, 77.0]" in told
    assert "+41.0 points [+35.0, +47.0]" in told
    assert "FAIL" in told
    assert "not released" in told


def test_a_report_prints_what_was_not_measured_as_a_dash(capsys: Any) -> None:
    print_report(report(), open_desk().artifacts)
    told = capsys.readouterr().out
    row = next(line for line in told.splitlines() if "M3 policy" in line)
    assert row.split()[-1] == "-"
    assert "report.html" in told


def test_a_refused_order_ends_it(store: Store, build: BuildSpec) -> None:
    move_order(store, order_build(store, build), "refused", "there is no day partition")
    with pytest.raises(WorkerError, match="refused: there is no day partition"):
        follow(store, build, deadline_seconds=5)


def test_a_failed_stage_ends_it_once_nobody_takes_it_up(store: Store, build: BuildSpec, monkeypatch: Any) -> None:
    monkeypatch.setattr(following, "RETRY_SECONDS", 0.0)
    watch = Watch(store, 60.0, "build 'b1'")
    watch.look([stage(state="failed", age=60, error="of an earlier round")])
    with pytest.raises(WorkerError, match=r"b1\.training\.sft_model failed: out of memory"):
        watch.look([stage(state="failed", error="out of memory")])


def failed_check(build: str | None, age: float = 0.0) -> CheckRun:
    asset, partition = ("data/sft_dataset", build) if build else ("data/clean_events", "2026-10-30")
    return CheckRun(
        id="b1.data.sft_dataset.enough_rows" if build else "2026-10-30.default.data.clean_events.no_pii",
        created_at=clock.now() - timedelta(seconds=age),
        check="enough_rows" if build else "no_pii",
        asset=asset,
        partition=partition or "",
        build=build,
        state="failed",
        said="2 EMAIL are left",
    )


@pytest.mark.parametrize(("build_id", "age"), [("b1", 0.0), (None, 0.0), (None, 3600.0)])
def test_a_blocking_check_that_did_not_pass_ends_it_at_once(
    store: Store, build: BuildSpec, build_id: str | None, age: float
) -> None:
    store.put(failed_check(build_id, age or -1.0))
    with pytest.raises(WorkerError, match=r"check '(enough_rows|no_pii)' on data/.* did not pass: 2 EMAIL are left"):
        follow(store, build, deadline_seconds=5)


def test_a_check_whose_asset_is_made_again_ends_nothing(store: Store, build: BuildSpec) -> None:
    day = failed_check(None, age=10)
    watch = Watch(store, 60.0, "build 'b1'")
    watch.look([stage("2026-10-30.default.data.clean_events", age=5)], [day])
    watch.look([], [failed_check("b1", age=10)])  # of an attempt before this one
    with pytest.raises(WorkerError, match="no_pii"):
        watch.look([stage("2026-10-30.default.data.clean_events", age=15)], [day])


def test_every_wait_ends(store: Store, monkeypatch: Any) -> None:
    with pytest.raises(DeadlineError, match="did not end within"):
        Watch(store, -1.0, "build 'b1'").look([])
    watch = Watch(store, 60.0, "build 'b1'")
    still = [stage(state="done")]
    watch.look(still)
    monkeypatch.setattr(following, "STALL_SECONDS", -1.0)
    with pytest.raises(DeadlineError, match="has not moved"):
        watch.look(still)


def test_a_platform_that_dies_ends_it(store: Store, build: BuildSpec) -> None:
    def check() -> None:
        raise WorkerError("dagster-daemon ended by itself")

    with pytest.raises(WorkerError, match="dagster-daemon"):
        follow(store, build, deadline_seconds=5, check=check)


def test_a_build_that_stands_still_is_asked_for_again_once(store: Store, build: BuildSpec, monkeypatch: Any) -> None:
    monkeypatch.setattr(following, "RESUME_SECONDS", 0.0)
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    asked: list[str] = []
    with pytest.raises(DeadlineError):
        follow(store, build, deadline_seconds=0.3, resume=lambda: asked.append("again"))
    assert asked == ["again"]


def test_stages_of_the_days_and_the_build_are_read_in_order(store: Store, build: BuildSpec) -> None:
    store.put(stage("b1.training.sft_model", age=1))
    store.put(stage("2026-10-30.default.data.events", age=9))
    store.put(stage("2026-10-30.other.data.events", age=7))
    store.put(stage("2026-10-31.default.data.events", age=5))
    found = read_stages(store, build)
    assert [run.id for run in found] == ["2026-10-30.default.data.events", "b1.training.sft_model"]
    assert stage_name(found[0]) == "data/events 2026-10-30"


def test_lines_tell_begin_and_end_once(capsys: Any) -> None:
    lines = Lines()
    running = stage(done=3, total=9, measured={"loss": 0.31, "requested_by": "x"})
    lines.update([running])
    lines.update([running])
    lines.update([running.model_copy(update={"state": "done"})])
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert "training/sft_model: running" in told[0]
    assert "3/9  loss 0.31" in told[0]
    assert "requested_by" not in told[0]
    assert "no room" in describe(stage(state="failed", error="no room"))


def test_a_memo_survives_and_a_broken_one_is_none(tmp_path: Path) -> None:
    path = memo_path(tmp_path, "shop", "desk")
    assert path != memo_path(tmp_path, "default", "desk")
    memo = RoundMemo(days=("2026-10-30",), sent=True, build="b1")
    memo.write(path)
    assert RoundMemo.read(path) == memo
    path.write_text("{")
    assert RoundMemo.read(path) == RoundMemo()


def test_figures_come_from_the_records(store: Store, build: BuildSpec) -> None:
    store.put(report())
    deploy(store)
    for name in ("training.base_model", "training.sft_model", "environment.rollouts", "training.reward_model"):
        run = stage(f"b1.{name}", "done", earlier_seconds=2.0)
        store.put(run.model_copy(update={"finished_at": run.started_at + timedelta(seconds=10)}))
    assert next(kpi for kpi in read_kpis(store, "default") if kpi.name == "training_cycle_time").value is None
    store.put(stage("b1.training.policy_model", "done", age=500))
    found = {kpi.name: kpi for kpi in read_kpis(store, "default")}
    assert found["training_cycle_time"].value == pytest.approx(48.0)
    assert (found["success_gain"].value, found["success_gain"].low) == (pytest.approx(41.0), pytest.approx(35.0))
    assert found["tool_call_success"].value == pytest.approx(72.5)
    assert found["order_to_deployment_time"].value is not None
    assert found["answered_steps"].value is None


def session_trace(name: str) -> Trace:
    now = datetime(2026, 10, 30, 10, tzinfo=UTC)
    heard = (Message(role="user", content="hi"),)
    step = Step(index=0, observation=heard, action=Message(role="assistant", content=f"hello {name}"))
    return Trace(id=name, created_at=now, started_at=now, source="production", steps=(step,), session_id="s1")


def test_the_return_is_proved_by_the_days_clean_events(store: Store, capsys: Any) -> None:
    artifacts = open_desk().artifacts
    TraceLog(store).add([session_trace("t1"), session_trace("t2")])
    since = clock.now() - timedelta(seconds=5)
    with pytest.raises(DeadlineError, match="did not come back"):
        show_return(store, artifacts, "default", "s1", since, check=lambda: None, deadline_seconds=-1)
    for thing in ("events", "labels"):
        store.put(stage(f"2026-10-30.default.data.{thing}", "done", measured=WHO))
    artifacts.write_traces("projects/default/days/2026-10-30/clean_events.parquet", [session_trace("t1")])
    with pytest.raises(WorkerError, match="has 1 of the session's 2"):
        show_return(store, artifacts, "default", "s1", since, check=lambda: None, deadline_seconds=5)
    artifacts.write_traces(
        "projects/default/days/2026-10-30/clean_events.parquet", [session_trace("t1"), session_trace("t2")]
    )
    show_return(store, artifacts, "default", "s1", since, check=lambda: None, deadline_seconds=5)
    told = capsys.readouterr().err
    assert "partition 2026-10-30" in told
    assert "refresh_day_data" in told
    assert "reported by refresh_days" in " ".join(told.split())
    with pytest.raises(WorkerError, match="left no trace"):
        show_return(store, artifacts, "default", "s9", since, check=lambda: None)
