"""Declared levels beside measured success: an order that the intervals contradict is told, chance is not."""

from datetime import UTC, datetime

import pytest

from agent_factory.contracts import Measure, Order, Outcome, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import NotFoundError
from agent_factory.core.store import open_store
from agent_factory.evaluation.level import check_build_levels, check_levels, count_levels, describe_levels, find_easier

THEN = datetime(2026, 11, 1, tzinfo=UTC)


def traces(level, solved, count, model="M1", graded=True, start=0):
    return [
        Trace(
            id=f"order-1-{model}-{level}-{start + i}",
            created_at=THEN,
            started_at=THEN,
            source="rollout",
            model=model,
            steps=(),
            outcome=Outcome(success=i < solved, reward=float(i < solved), graded_by="t") if graded else None,
            metadata={"level": level},
        )
        for i in range(count)
    ]


def tally_of(*groups):
    tally = {}
    for group in groups:
        count_levels(tally, group)
    return tally


def test_a_harder_level_that_is_easier_is_told_with_both():
    check = check_levels("b", tally_of(traces("L2", 10, 50), traces("L1", 45, 50), traces("L4", 40, 50)))

    assert [(one.level, one.success.n) for one in check.levels] == [("L1", 50), ("L2", 50), ("L4", 50)]
    assert [(one.model, one.level, one.before) for one in check.easier] == [("M1", "L4", "L2")]
    rows = describe_levels(check)
    assert [row["easier than"] for row in rows] == ["", "", "L2"]
    assert rows[1]["success"] == "20.0 %"


def test_what_may_be_chance_is_not_told():
    assert check_levels("b", tally_of(traces("L1", 5, 10), traces("L2", 7, 10))).easier == ()


@pytest.mark.parametrize(("low", "easier"), [(0.5, []), (0.51, [("L1", "L2")])])
def test_intervals_must_be_apart(low, easier):
    found = {
        "L1": Measure(value=0.4, low=0.3, high=0.5, n=9),
        "L2": Measure(value=0.6, low=low, high=0.7, n=9),
    }
    assert find_easier(found) == easier


def test_models_are_apart_and_what_was_not_counted_says_nothing():
    groups = [traces("L1", 10, 50), traces("L2", 45, 50, model="M2"), traces("L2", 0, 30, graded=False, start=90)]
    check = check_levels("b", tally_of(*groups))

    assert [(one.model, one.level, one.success.n) for one in check.levels] == [("M1", "L1", 50), ("M2", "L2", 50)]
    assert check.easier == ()


def test_a_runs_files_are_read(tmp_path):
    store, artifacts = open_store(f"sqlite:///{tmp_path / 'f.db'}"), Artifacts(str(tmp_path / "a"))
    store.put(Order(id="order-1", created_at=THEN, kind="rollout", request={"build": "b1", "scenarios": "s"}))
    with pytest.raises(NotFoundError, match="no graded episodes yet"):
        check_build_levels(store, artifacts, "order-1", "default")
    artifacts.write_traces("orders/order-1/M1.parquet", [*traces("L1", 1, 20), *traces("L2", 19, 20)])

    assert [one.level for one in check_build_levels(store, artifacts, "order-1", "default").easier] == ["L2"]
    with pytest.raises(NotFoundError):
        check_build_levels(store, artifacts, "order-1", "other")
    store.engine.dispose()
