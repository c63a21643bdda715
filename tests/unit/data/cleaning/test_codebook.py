"""Tasks have clusters with names that last: fitted once, then assigned, until a person refits."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from agent_factory.contracts import Trace
from agent_factory.contracts.decision import Codebook, Refresh
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.decision import read_clusters
from agent_factory.core.error import InputError
from agent_factory.core.store import Store
from agent_factory.data.clean import clean_day
from agent_factory.data.cleaning.cluster import OTHER, assign, fit_clusters
from agent_factory.data.cleaning.codebook import measure_drift, newest_codebook, refit_codebook
from agent_factory.data.cleaning.picture import draw_clusters

Make = Callable[..., Trace]
Take = Callable[..., None]
DAY, NEXT = "2026-11-20", "2026-11-21"
TASKS = {
    "cancel": "Please cancel order {n}, the lamp is too dark",
    "refund": "I want a refund for the broken kettle, order {n}",
    "address": "Change the delivery address of parcel {n} to my office",
    "invoice": "Send the invoice with our tax number for purchase {n}",
    "退款": "我要退款，订单号{n}，水壶坏了",
}


def _day(trace: Make, day: str, count: int, tasks: dict[str, str] = TASKS) -> list[Trace]:
    rng = Random(f"{day}{count}")
    names = sorted(tasks)
    return [
        trace(
            f"{day}-{i}-{names[i % len(names)]}".replace("退款", "zh"),
            tasks[names[i % len(names)]].format(n=rng.randint(1000, 9999)),
            started_at=f"{day}T09:00:00Z",
        )
        for i in range(count)
    ]


def test_days_are_assigned_to_what_the_first_large_one_fitted(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Take
) -> None:
    take_day(*_day(trace, NEXT, 20), day=NEXT)
    assert read_clusters(artifacts, "default", NEXT) == {}
    take_day(*_day(trace, DAY, 150), day=DAY)
    named = read_clusters(artifacts, "default", DAY)
    assert len(named) == 150
    by_task = {name.rpartition("-")[2]: cluster for name, cluster in named.items()}
    assert len(set(by_task.values())) == 5
    assert all(named[name] == by_task[name.rpartition("-")[2]] for name in named)
    assert "cancel" in by_task["cancel"]
    assert "坏了" in by_task["zh"]
    clean_day(store, artifacts, "default", NEXT)
    later = read_clusters(artifacts, "default", NEXT)
    assert {by_task[name.rpartition("-")[2]] == cluster for name, cluster in later.items()} == {True}
    assert [book.version for book in store.find(Codebook)] == [1]


def test_the_same_day_gives_the_same_codebook_and_digest(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Take
) -> None:
    traces = _day(trace, DAY, 120)
    take_day(*traces, day=DAY)
    take_day(*[one.model_copy(update={"project": "b"}) for one in reversed(traces)], day=DAY, project="b")
    first, second = newest_codebook(store, "default"), newest_codebook(store, "b")
    assert first is not None
    assert second is not None
    assert first.clusters == second.clusters
    made = clean_day(store, artifacts, "default", DAY)
    assert made == clean_day(store, artifacts, "default", DAY)
    assert made.told["clusters"]["drift"] <= 0.06  # type: ignore[index, call-overload, operator]


def test_what_is_like_no_cluster_has_drifted_whatever_the_reach() -> None:
    fields = {"version": 1, "fitted_on": (DAY,), "traces": 9, "weights": {}, "clusters": (), "silhouette": 0}
    vague = Codebook.model_validate({"id": "c", "created_at": clock.now(), "reach": 0.0, **fields})
    assert measure_drift(vague, [0.0, 0.0, 0.4, 0.0]) == 0.75
    assert measure_drift(vague.model_copy(update={"reach": 0.5}), [0.0, 0.4, 0.5, 0.9]) == 0.5
    assert measure_drift(vague, []) is None


def test_new_tasks_drift_and_a_refit_names_them_and_refreshes_the_days(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Take
) -> None:
    take_day(*_day(trace, DAY, 120), day=DAY)
    new = {"warranty": "How long does the warranty of the vacuum {n} last", **TASKS}
    take_day(*_day(trace, NEXT, 120, new), day=NEXT)
    told = clean_day(store, artifacts, "default", NEXT).told["clusters"]
    assert told["drift"] == pytest.approx(1 / 6, abs=0.06)  # type: ignore[index, call-overload]
    assert OTHER in told["sizes"]  # type: ignore[index, call-overload, operator]
    made = refit_codebook(store, artifacts, "default", [DAY, NEXT])
    assert made.version == 2
    assert any("warranty" in shape.name for shape in made.clusters)
    assert {request.day for request in store.find(Refresh)} == {DAY, NEXT}
    clean_day(store, artifacts, "default", NEXT)
    assert OTHER not in read_clusters(artifacts, "default", NEXT).values()


def test_too_few_traces_are_told(store: Store, artifacts: Artifacts, trace: Make, take_day: Take) -> None:
    take_day(*_day(trace, DAY, 30), day=DAY)
    with pytest.raises(InputError, match="30 traces of 2026-11-20 can be clustered, 100 are needed"):
        refit_codebook(store, artifacts, "default", [DAY, NEXT])
    with pytest.raises(InputError, match="none of the days 2026-11-21"):
        refit_codebook(store, artifacts, "default", [NEXT])
    assert draw_clusters(artifacts, "default", DAY) is None


def test_a_day_is_drawn_in_little_room(artifacts: Artifacts, trace: Make, take_day: Take) -> None:
    take_day(*_day(trace, DAY, 120), day=DAY)
    drawn = draw_clusters(artifacts, "default", DAY)
    assert drawn is not None
    assert drawn.startswith("![clusters of 2026-11-20](data:image/png;base64,iVBOR")
    assert len(drawn) < 60_000
    assert drawn == draw_clusters(artifacts, "default", DAY)


def test_what_shares_no_word_is_other() -> None:
    fit = fit_clusters([("lamp", "cancel"), ("kettle", "refund")] * 60)
    assert assign(("zebra",), fit.weights, fit.clusters) == (OTHER, 0.0)
    assert assign((), fit.weights, fit.clusters) == (OTHER, 0.0)
    assert assign(("cancel",), fit.weights, fit.clusters)[1] > 0
