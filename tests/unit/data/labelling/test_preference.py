"""What people prefer becomes pairs of a preference dataset, above what scores say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent_factory.contracts import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.store import Store
from agent_factory.data.dataset import DatasetQuery, build_dataset
from agent_factory.data.labelling.feedback import keep, make_preference

DAY = "2026-11-20"
Make = Callable[..., Trace]


@pytest.fixture
def pairs(store: Store, artifacts: Artifacts) -> Callable[..., set[tuple[str, str, str]]]:
    """Pairing, better and worse of the rows of a new preference dataset."""

    def build() -> set[tuple[str, str, str]]:
        found = build_dataset(store, artifacts, "preference", DatasetQuery(days=(DAY,), recipe="desk"))
        rows: list[Any] = artifacts.read_table(found.path).to_pylist()
        return {(row["pairing"], *row["trace_ids"]) for row in rows}

    return build


def say(store: Store, better: str, worse: str, reviewer: str = "ann", choice: Any = "first", **fields: Any) -> None:
    keep(store, make_preference(fields.pop("project", "default"), (better, worse), choice, reviewer, **fields))


def test_peoples_pairs_come_first_and_stand_above_scores(
    store: Store, trace: Make, take_day: Callable[..., None], pairs: Callable[..., Any]
) -> None:
    good = [trace(f"g{n}", answer=f"good {n}", scenario_id="s1") for n in range(2)]
    take_day(*good, trace("bad", answer="bad", scenario_id="s1", success=False))
    assert pairs() == {("task", "g0", "bad"), ("task", "g1", "bad")}
    say(store, "g1", "g0")  # scores cannot tell these two apart
    say(store, "bad", "g0")  # and here a person knows better
    say(store, "g1", "bad", choice="tie")  # neither is better: no pair of them
    say(store, "g0", "g1", project="another")
    say(store, "g0", "gone")
    assert pairs() == {("person", "g1", "g0"), ("person", "bad", "g0")}
    say(store, "bad", "g0", reviewer="bob", choice="second")  # now people are of two minds
    assert pairs() == {("person", "g1", "g0")}


def test_a_models_preference_is_no_persons(
    store: Store, trace: Make, take_day: Callable[..., None], pairs: Callable[..., Any]
) -> None:
    take_day(trace("a", answer="1", scenario_id="s"), trace("b", answer="2", scenario_id="s", success=False))
    say(store, "b", "a", kind="model")
    assert pairs() == {("task", "a", "b")}


def test_a_copy_that_was_compared_makes_no_row_twice(
    store: Store, trace: Make, take_day: Callable[..., None], pairs: Callable[..., Any]
) -> None:
    take_day(
        trace("a", answer="1", scenario_id="s1"),
        trace("copy", answer="1", scenario_id="s2"),
        trace("b", answer="2", scenario_id="s1", success=False),
    )
    say(store, "copy", "b")
    say(store, "a", "b")
    say(store, "a", "copy")
    assert pairs() == {("person", "a", "b")}
