"""What is told of rollouts in Dagster: counts, and links to the timelines of some that failed and some that did not."""

from datetime import UTC, datetime
from pathlib import Path

from agent_factory.contracts import Outcome, Trace
from agent_factory.core.artifact import Artifacts
from factory_assets.environment.rollouts import SHOWN_TRACES, describe_rollouts

THEN = datetime(2026, 11, 1, tzinfo=UTC)


def make_trace(name: str, success: bool | None) -> Trace:
    outcome = None if success is None else Outcome(success=success, reward=float(success), graded_by="rules")
    return Trace(id=name, project="shop", created_at=THEN, started_at=THEN, source="rollout", steps=(), outcome=outcome)


def test_some_failed_and_some_solved_traces_are_linked(tmp_path: Path) -> None:
    artifacts = Artifacts(str(tmp_path))
    traces = [make_trace(f"t{n}", n % 2 == 0) for n in range(4 * SHOWN_TRACES)]
    artifacts.write_traces("a.parquet", [*traces, make_trace("lost", None)])
    told = describe_rollouts(artifacts, ["a.parquet"]).metadata

    assert (told["dagster/row_count"], told["graded"], told["successes"]) == (21, 20, 10)
    failed, solved = told["failed_traces"].value, told["solved_traces"].value
    assert failed.count("\n") == solved.count("\n") == SHOWN_TRACES - 1
    assert "[t1](http://127.0.0.1:8400/env/trace/t1/timeline?project=shop)" in failed
    assert "[t0]" in solved
    assert "lost" not in failed + solved


def test_where_none_failed_none_is_linked(tmp_path: Path) -> None:
    artifacts = Artifacts(str(tmp_path))
    artifacts.write_traces("a.parquet", [make_trace("t", True)])

    assert describe_rollouts(artifacts, ["a.parquet"]).metadata["failed_traces"].value == "none"
