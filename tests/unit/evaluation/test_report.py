import re
from typing import Any

import pytest

from agent_factory.contracts import Deployment, EvalReport, Release, ScenarioSet
from agent_factory.core.error import InputError, ModelError, NotFoundError, StorageError
from agent_factory.evaluation.report import evaluate


@pytest.fixture
def whole(bench: Any) -> Any:
    """M0, M1 and M2 solve 10, 25 and 40 of the 50 tasks."""
    for name, stage, parent, solved in (("M0", "base", None, 10), ("M1", "sft", "M0", 25), ("M2", "policy", "M1", 40)):
        bench.add_model(name, stage, parent)
        bench.run_share(name, solved)
    return bench


def serve(bench: Any, model: str) -> None:
    then = bench.build.created_at
    release = Release(
        id=f"r-{model}",
        created_at=then,
        build="b0",
        recipe="desk",
        model=model,
        model_digest="d",
        report="b0-report",
        system_prompt="",
        openapi_digest="",
        tools=(),
        memory_schema={},
    )
    bench.store.put(release)
    deployment = Deployment(
        id=f"d-{model}",
        created_at=then,
        agent="desk",
        release=release.id,
        model=model,
        traffic=1.0,
        state="serving",
        updated_at=then,
    )
    bench.store.put(deployment)


def test_a_good_candidate_passes_with_every_model_scored(whole: Any) -> None:
    report = evaluate(whole.store, whole.artifacts, whole.build)
    assert (report.id, report.verdict, report.candidate) == ("b1-report", "PASS", "M2")
    assert [(score.model, score.stage, score.success.value) for score in report.scores] == [
        ("M0", "base", 0.2),
        ("M1", "sft", 0.5),
        ("M2", "policy", 0.8),
    ]
    assert [(found.role, found.other, round(found.difference, 3)) for found in report.comparisons] == [
        ("parent", "M1", 0.3),
        ("base", "M0", 0.6),
    ]
    assert sum(cluster.count for cluster in report.failures) == 10
    assert whole.store.get(EvalReport, "b1-report") == report
    assert EvalReport.model_validate(whole.artifacts.read_json("builds/b1/evaluation/report.json")) == report


def test_results_are_a_row_for_each_model_and_scenario(whole: Any) -> None:
    report = evaluate(whole.store, whole.artifacts, whole.build)
    rows = whole.artifacts.read_table(report.results_path).to_pylist()
    assert len(rows) == 150
    assert sum(row["success"] for row in rows if row["model"] == "M2") == 40
    assert {row["prompt_tokens"] for row in rows} == {100}


def test_a_spoiled_candidate_fails(whole: Any) -> None:
    whole.add_model("M3", "policy", "M1")
    whole.run_share("M3", 5)
    report = evaluate(whole.store, whole.artifacts, whole.build)
    assert (report.candidate, report.verdict) == ("M3", "FAIL")
    assert "below the 50.0 % asked" in report.reasons[0]


def test_the_same_inputs_give_the_same_report(whole: Any) -> None:
    first = evaluate(whole.store, whole.artifacts, whole.build)
    assert evaluate(whole.store, whole.artifacts, whole.build) == first
    whole.run_share("M2", 30)
    assert evaluate(whole.store, whole.artifacts, whole.build).scores[2].success.value == 0.6


def test_the_serving_model_is_a_rival(whole: Any) -> None:
    whole.add_model("M9", "policy", "M8", build="b0")
    whole.run_share("M9", 45)
    serve(whole, "M9")
    report = evaluate(whole.store, whole.artifacts, whole.build)
    champion = next(found for found in report.comparisons if found.role == "champion")
    assert (champion.other, round(champion.difference, 2)) == ("M9", -0.1)
    assert report.verdict == "FAIL"
    assert "M9" in report.reasons[0]
    assert report.settings["champion"] == "M9"


def test_a_serving_model_that_was_not_run_is_no_silent_pass(whole: Any) -> None:
    whole.add_model("M9", "policy", build="b0")
    serve(whole, "M9")
    with pytest.raises(NotFoundError, match="M9"):
        evaluate(whole.store, whole.artifacts, whole.build)
    assert whole.store.find(EvalReport) == []


def test_the_report_stands_when_its_candidate_serves(whole: Any) -> None:
    first = evaluate(whole.store, whole.artifacts, whole.build)
    serve(whole, "M2")
    assert evaluate(whole.store, whole.artifacts, whole.build) == first


def test_no_score_where_every_episode_was_lost(whole: Any, kit: Any) -> None:
    whole.run("M2", lambda _, scenario: kit.trace(scenario, "M2", None, failure="engine: gone"))
    with pytest.raises(ModelError, match="gone"):
        evaluate(whole.store, whole.artifacts, whole.build)
    assert whole.store.find(EvalReport) == []


def test_too_many_lost_episodes_fail(whole: Any, kit: Any) -> None:
    whole.run("M2", lambda number, one: kit.trace(one, "M2", None if number < 5 else True, failure="engine: gone"))
    report = evaluate(whole.store, whole.artifacts, whole.build)
    assert report.verdict == "FAIL"
    assert report.reasons == (
        "Share of 50 episodes that a fault outside the agent ended: 10.0 %, above the 5.0 % allowed.",
    )
    assert (report.score_of("M2").left_out, report.score_of("M2").success.value) == (5, 1.0)


def test_a_gate_on_an_unknown_level_is_refused(whole: Any) -> None:
    gate = whole.build.gate.model_copy(update={"min_level_success": {"L6": 0.5}})
    with pytest.raises(InputError, match="L6"):
        evaluate(whole.store, whole.artifacts, whole.build.model_copy(update={"gate": gate}))


def test_what_is_missing_is_named(bench: Any) -> None:
    with pytest.raises(NotFoundError, match="no model"):
        evaluate(bench.store, bench.artifacts, bench.build)
    bench.add_model("M1", "sft")
    with pytest.raises(NotFoundError, match=r"M1\.parquet"):
        evaluate(bench.store, bench.artifacts, bench.build)
    bench.run_share("M1", 40)
    short = bench.store.get(ScenarioSet, "b1-eval").model_copy(update={"count": 49})
    bench.store.put(short, replace=True)
    with pytest.raises(StorageError, match="50 scenarios"):
        evaluate(bench.store, bench.artifacts, bench.build)


def test_the_page_needs_nothing_else_and_shows_the_report(whole: Any, kit: Any) -> None:
    whole.run(
        "M2",
        lambda number, one: kit.trace(
            one, "M2", number < 40, reasons=("orders/4417/status is not <b>'cancelled'</b>",)
        ),
    )
    report = evaluate(whole.store, whole.artifacts, whole.build)
    page = whole.artifacts.read_text(report.html_path)
    linked = re.compile(r'<a href="http://127\.0\.0\.1:8400/env/trace/([^"/]+)/timeline\?project=default">')
    assert set(linked.findall(page)) == {name for cluster in report.failures for name in cluster.examples}
    assert not re.search(r"<script|<link|src=|url\(|https?://", linked.sub("", page)), "it loads nothing"
    for text in (
        "PASS",
        "80.0\N{NO-BREAK SPACE}%",
        "Level L5",
        "M0",
        "M1",
        "prefers-color-scheme: dark",
        "@media print",
        "<svg",
    ):
        assert text in page
    assert "<b>" not in page
    assert "orders/#/status is not &lt;b&gt;" in page


def test_numbers_do_not_split_a_cluster(whole: Any, kit: Any) -> None:
    whole.run(
        "M2", lambda number, one: kit.trace(one, "M2", False, reasons=(f"orders/44{number}/status is not 'cancelled'",))
    )
    report = evaluate(whole.store, whole.artifacts, whole.build)
    assert len(report.failures) == 5
    assert {(cluster.count, cluster.reason) for cluster in report.failures} == {
        (10, "orders/#/status is not 'cancelled'")
    }
    assert report.failures[0].examples == ("M2-s000", "M2-s005", "M2-s010")
