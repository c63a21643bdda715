"""What a dataset is asked for is what it holds: filters, budget, split, other kinds; and it tells how it chose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from agent_factory.contracts import (
    BuildSpec,
    DatasetManifest,
    Feedback,
    Message,
    ModelManifest,
    Outcome,
    Step,
    ToolCall,
    Trace,
)
from agent_factory.contracts.dataset import SplitSpec
from agent_factory.contracts.decision import Decision
from agent_factory.core.artifact import Artifacts
from agent_factory.core.decision import write_clusters, write_decisions
from agent_factory.core.error import InputError, NotFoundError
from agent_factory.core.store import Store
from agent_factory.data.dataset import DatasetQuery, build_dataset
from agent_factory.data.label import label_day

Make = Callable[..., Trace]
DAY = "2026-11-20"
QUERY = DatasetQuery(days=(DAY,), recipe="desk")


def ids(artifacts: Artifacts, manifest: DatasetManifest, path: str | None = None) -> list[str]:
    rows = artifacts.read_table(path or manifest.path).to_pylist()
    return [name for row in rows for name in row["trace_ids"]]


@pytest.fixture
def build(store: Store, artifacts: Artifacts) -> Callable[..., Any]:
    def make(kind: Any = "sft", **asked: Any) -> DatasetManifest:
        return build_dataset(store, artifacts, kind, DatasetQuery.model_validate({**QUERY.model_dump(), **asked}))

    return make


@pytest.fixture
def taken(build: Any, artifacts: Artifacts) -> Callable[..., list[str]]:
    return lambda kind="sft", **asked: ids(artifacts, build(kind, **asked))


def cancels(trace: Trace) -> Trace:
    call = ToolCall(id="c2", name="cancel_order", arguments={})
    step = Step(index=2, observation=(), action=Message(role="assistant", content="Done.", tool_calls=(call,)))
    return trace.model_copy(update={"steps": (*trace.steps, step)})


def test_filters_by_tool_level_outcome_and_label(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None], taken: Any
) -> None:
    take_day(
        trace("a", metadata={"level": "L1"}),
        cancels(trace("b", answer="b", metadata={"level": "L2"})),
        trace("c", answer="c", metadata={"level": "L2"}, success=None),
        trace("d", answer="d", success=False),
    )
    told = Feedback(id="f1", created_at="2026-11-20T12:00:00Z", trace_id="c", labeler="ada", kind="person", score=0.9)
    store.put(told)
    label_day(store, artifacts, "default", DAY)
    assert taken(tools=("cancel_order", "no_such")) == ["b"]
    assert taken(levels=("L2",)) == ["b", "c"]
    assert taken(labels=("person",)) == ["c"]
    assert taken(outcome="success") == ["a", "b"]
    assert taken(outcome="unknown") == ["c"]
    assert taken(outcome="failure", min_score=0.0) == ["d"]
    assert taken(levels=("L1", "L2"), tools=("cancel_order",), outcome="success") == ["b"]


def test_flagged_ones_are_left_out_unless_they_are_asked_for(
    artifacts: Artifacts, trace: Make, take_day: Callable[..., None], taken: Any, build: Any
) -> None:
    take_day(trace("a"), trace("b", answer="b"))
    told = {"rule": "injection", "reason": "it speaks to the judge"}
    decisions = [
        Decision(trace_id=name, verdict=verdict, **told) for name, verdict in (("a", "flagged"), ("b", "kept"))
    ]
    write_decisions(artifacts, "default", DAY, decisions)
    manifest = build()
    assert ids(artifacts, manifest) == ["b"]
    assert manifest.counts == {"traces": 2, "left out: flagged": 1, "rows found": 1}
    assert taken(flagged=True) == ["a", "b"]


def test_a_judge_that_is_not_known_to_be_good_decides_nothing_unless_it_is_asked_for(
    artifacts: Artifacts, store: Store, trace: Make, take_day: Callable[..., None], taken: Any, build: Any
) -> None:
    take_day(trace("a"), trace("b", answer="b", success=None), trace("c", answer="c", success=None))
    told = {"created_at": "2026-11-20T12:00:00Z", "trace_id": "b", "labeler": "big, prompt 1", "kind": "model"}
    store.put(Feedback(id="f1", score=1.0, **told))
    label_day(store, artifacts, "default", DAY)
    assert taken(informing=True) == ["a", "b"]
    manifest = build()
    assert ids(artifacts, manifest) == ["a"]
    assert manifest.counts == {"traces": 3, "left out: informing label": 2, "rows found": 1}


def test_filters_by_cluster(artifacts: Artifacts, trace: Make, take_day: Callable[..., None], taken: Any) -> None:
    take_day(trace("a"), trace("b", answer="b"))
    rows = [
        {"trace_id": name, "cluster": cluster, "similarity": 1.0, "codebook": "1"} for name, cluster in ("ax", "by")
    ]
    write_clusters(artifacts, "default", DAY, rows)
    assert taken(clusters=("y", "z")) == ["b"]


def test_nothing_selected_tells_which_filter_left_what_out(
    trace: Make, take_day: Callable[..., None], build: Any
) -> None:
    take_day(trace("a", metadata={"level": "L1"}), cancels(trace("b", answer="b")), trace("c", success=False))
    with pytest.raises(
        InputError, match=r"among the 3 traces of 2026-11-20 to 2026-11-20 .*the filters left out 2 by level, 1 by tool"
    ):
        build(tools=("cancel_order",), levels=("L1",), min_score=0)


def test_rft_takes_what_a_grader_accepted_a_few_different_ones_a_task(
    trace: Make, take_day: Callable[..., None], taken: Any
) -> None:
    take_day(
        *(trace(f"a{i}", answer=f"answer {i}", scenario_id="s1") for i in range(4)),
        trace("b", answer="b", scenario_id="s2", success=False),
        trace("c", answer="c", success=None),
        trace("d", answer="answer 1", scenario_id="s3"),  # the same conversation
    )
    assert taken("rft", max_pairs_per_task=9, min_score=0) == ["a0", "a1", "a2", "a3"]
    assert taken("rft", max_pairs_per_task=1, min_score=0) == ["a0", "d"]


def test_rollouts_of_a_build_are_taken_and_of_no_other_project(
    store: Store, artifacts: Artifacts, trace: Make, taken: Any, home: Path, build: Any
) -> None:
    spec = {"recipe": "desk", "recipe_digest": "d", "base_model": "nano", "min_rows": 1, "train_scenarios": 1}
    window = {"first_day": DAY, "last_day": DAY}
    rest = {"stages": [{"kind": "sft"}], "evaluation": {"scenarios": 5, "seed": 1}, "gate": {"min_success": 0.5}}
    base = {"created_at": "2026-11-20T12:00:00Z", "window": window, **spec, **rest}
    store.put(BuildSpec.model_validate({"id": "B1", **base}))
    store.put(BuildSpec.model_validate({"id": "B2", "project": "shop", **base}))
    rollouts = [trace("r1", source="rollout"), trace("r2", answer="no", source="rollout", success=False)]
    superseded = [trace("r0", answer="old", source="rollout")]
    for number, name, project, told in (
        (1, "B1", "default", superseded),
        (2, "B1", "default", rollouts),
        (3, "B2", "shop", rollouts),
    ):
        made = {"build": name, "project": project, "created_at": f"2026-11-20T12:0{number}:00Z", "stage": "sft"}
        rest = {"recipe": "desk", "path": "p", "digest": "d", "parameters": 1}
        store.put(ModelManifest.model_validate({"id": f"M{number}", **made, **rest}))
        artifacts.write_traces(f"builds/{name}/rollouts/M{number}.parquet", told)
    assert taken("rft", days=(), rollouts_of=("B1",)) == ["r1"]
    assert taken("preference", days=(), rollouts_of=("B1",), form="scores") == ["r1", "r2"]
    with pytest.raises(NotFoundError, match="no rollouts of build 'B2' in project 'default'"):
        build("rft", days=(), rollouts_of=("B2",))


def test_scores_are_rows_of_single_conversations(
    artifacts: Artifacts, trace: Make, take_day: Callable[..., None], build: Any
) -> None:
    broke = Outcome(success=False, reward=0, graded_by="g", policy_violations=("x",))
    take_day(trace("a"), trace("b", answer="b", outcome=broke), trace("c", answer="c", success=None))
    manifest = build("preference", form="scores", informing=True)
    rows = artifacts.read_table(manifest.path).to_pylist()
    assert [(row["trace_ids"], row["score"], row["label"]) for row in rows] == [
        (["a"], 1.0, "outcome"),
        (["b"], 0.0, "outcome"),
        (["c"], 0.6, "rule"),
    ]
    assert manifest.types["score"] == "double"
    assert manifest.statistics["rows_by_label"] == {"outcome": 2, "rule": 1}


def test_cases_open_as_the_user_did_and_keep_how_it_went_on(
    artifacts: Artifacts, trace: Make, take_day: Callable[..., None], build: Any
) -> None:
    take_day(trace("a", system="Be kind."), trace("b", "Another?", success=False))
    (row,) = artifacts.read_table(build("eval").path).to_pylist()
    assert [message["role"] for message in json.loads(row["messages"])] == ["system", "user"]
    assert json.loads(row["reference"])[-1]["content"] == "On its way."
    with pytest.raises(InputError, match="name the query's taskset or days"):
        build("eval", days=())


def test_a_split_has_a_file_a_side_and_keeps_people_together(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None], build: Any
) -> None:
    people = [f"person{i // 3}@mail.example" for i in range(60)]
    take_day(*(trace(f"t{i:02}", f"Mine is {people[i]}", answer=f"a{i}") for i in range(60)))
    manifest = build(split=SplitSpec(train=0.6, validation=0.2, test=0.2, seed=5))
    assert [side.name for side in manifest.splits] == ["train", "validation", "test"]
    assert manifest.path == manifest.splits[0].path == "datasets/D1/train.parquet"
    assert (manifest.rows, manifest.training_rows()) == (60, manifest.splits[0].rows)
    sides = {side.name: ids(artifacts, manifest, side.path) for side in manifest.splits}
    assert sorted(name for names in sides.values() for name in names) == [f"t{i:02}" for i in range(60)]
    assert [len(names) for names in sides.values()] == [36, 12, 12]
    where = {name: side for side, names in sides.items() for name in names}
    assert all(where[f"t{i:02}"] == where[f"t{i - i % 3:02}"] for i in range(60))
    assert build(split=SplitSpec(train=0.6, validation=0.2, test=0.2, seed=5)) == manifest
    other = build(split=SplitSpec(train=0.6, validation=0.2, test=0.2, seed=6))
    assert (other.id, other.digest != manifest.digest) == ("D2", True)


def test_a_budget_of_tokens_tells_who_counted(
    trace: Make, take_day: Callable[..., None], build: Any, artifacts: Artifacts, home: Path
) -> None:
    tokenizer = Tokenizer(WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(home / "tokenizer.json"))
    take_day(*(trace(f"t{i}", answer=" ".join(["word"] * (i + 1))) for i in range(9)))
    whole = build(tokenizer=str(home))
    lengths = whole.statistics["tokens_per_row"]
    assert (whole.statistics["counted_by"], lengths["max"] - lengths["p50"]) == (str(home), 4)
    small = build(tokenizer=str(home), max_tokens=int(lengths["total"]) // 2, seed=1)
    assert 0 < small.statistics["tokens_per_row"]["total"] <= lengths["total"] // 2
    assert small.counts["rows found"] == 9
    assert build(max_rows=2).rows == 2
    assert "tokenizer" in build().statistics["counted_by"]
    with pytest.raises(InputError, match="none of 9 rows fits into max_tokens 3"):
        build(tokenizer=str(home), max_tokens=3)
    with pytest.raises(InputError, match="no tokenizer 'M7'"):
        build(tokenizer="M7")
    with pytest.raises(ValueError, match="max_tokens needs the tokenizer"):
        DatasetQuery(max_tokens=5)


def test_another_process_makes_the_same_dataset(
    store: Store, trace: Make, take_day: Callable[..., None], build: Any
) -> None:
    take_day(*(trace(f"t{i}", f"Mine is p{i % 4}@mail.example", answer=f"a{i}") for i in range(20)))
    split = {"train": 0.5, "validation": 0.5, "test": 0.0, "seed": 2}
    made = build(split=split, max_rows=15)
    code = f"""
import os
from agent_factory.core.artifact import Artifacts
from agent_factory.core.store import open_store
from agent_factory.data.dataset import DatasetQuery, build_dataset
query = DatasetQuery(days=("{DAY}",), recipe="desk", split={split!r}, max_rows=15)
made = build_dataset(open_store(), Artifacts(os.environ["HERE"] + "/artifacts"), "sft", query, build="B1")
print(made.id, made.digest)
"""
    for seed in ("1", "2"):
        ended = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "HERE": str(Path(store.url[10:]).parents[1])},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ended.stdout.split() == ["D2", made.digest]
