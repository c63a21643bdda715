"""The report of an order: measured like the gate's report, and nothing is decided by it."""

from typing import Any

import pytest
from pydantic import ValidationError

from agent_factory.contracts import EvalReport, Order, ScenarioSet, TasksetReport
from agent_factory.core.error import ConflictError, NotFoundError
from agent_factory.core.order import place_order
from agent_factory.evaluation.report import evaluate
from agent_factory.evaluation.taskset import evaluate_taskset
from agent_factory.runtime.promotion import require_pass


@pytest.fixture
def asked(bench: Any, kit: Any) -> Any:
    """An order of the build's models on the task set ``mine``, and its runs: M0 and M1 solve 10 and 40 of 50."""
    for name, stage, parent in (("M0", "base", None), ("M1", "sft", "M0")):
        bench.add_model(name, stage, parent)
    mine = bench.store.get(ScenarioSet, "b1-eval").model_copy(update={"id": "mine", "digest": "mine", "build": None})
    bench.store.put(mine)

    def order(**request: Any) -> Order:
        body = {"build": "b1", "scenarios": "mine", **request}
        placed = place_order(bench.store, "evaluation", body, project="default", build="b1")
        for name, solved in (("M0", 10), ("M1", 40)):
            traces = [kit.trace(one, name, number < solved) for number, one in enumerate(bench.scenarios)]
            bench.artifacts.write_traces(f"orders/{placed.id}/{name}.parquet", traces)
        return placed

    return order


def test_the_report_is_the_orders_own(bench: Any, asked: Any) -> None:
    order = asked()
    report = evaluate_taskset(bench.store, bench.artifacts, order)
    assert (report.id, report.taskset, report.taskset_digest, report.verdict) == (order.id, "mine", "mine", None)
    assert [(score.model, score.success.value) for score in report.scores] == [("M0", 0.2), ("M1", 0.8)]
    assert [(found.other, found.role) for found in report.comparisons] == [("M0", "parent"), ("M0", "base")]
    assert bench.store.get(TasksetReport, order.id) == report
    assert bench.artifacts.read_table(report.results_path).num_rows == 100
    page = bench.artifacts.read_text(report.html_path).partition("</style>")[2]
    assert "PASS" not in page
    assert "None" not in page
    assert "On task set mine" in page


def test_one_model_may_be_asked_for_alone(bench: Any, asked: Any) -> None:
    report = evaluate_taskset(bench.store, bench.artifacts, asked(model="M0"))
    assert ([score.model for score in report.scores], report.candidate, report.comparisons) == (["M0"], "M0", ())


def test_nothing_is_decided_by_it(bench: Any, asked: Any) -> None:
    order = asked()
    evaluate_taskset(bench.store, bench.artifacts, order)
    assert bench.store.find(EvalReport, build="b1") == []
    with pytest.raises(ConflictError, match="no evaluation report"):
        require_pass(bench.store, "b1")
    bench.run_share("M0", 1)
    bench.run_share("M1", 2)
    gate = evaluate(bench.store, bench.artifacts, bench.build)
    later = evaluate_taskset(bench.store, bench.artifacts, order)
    assert bench.store.find(EvalReport, build="b1") == [gate]
    assert gate.verdict == "FAIL"
    with pytest.raises(ValidationError, match="only a build's own"):
        TasksetReport.model_validate({**later.model_dump(), "verdict": "PASS"})


def test_a_model_that_was_not_run_is_named(bench: Any, asked: Any) -> None:
    order = asked()
    bench.add_model("M2", "policy", "M1")
    with pytest.raises(NotFoundError, match=rf"orders/{order.id}/M2\.parquet"):
        evaluate_taskset(bench.store, bench.artifacts, order)
    assert bench.store.find(TasksetReport) == []
