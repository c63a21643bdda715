"""What is exported is read by those for whom it is meant, and says what it said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast
from trl.data_utils import is_conversational, maybe_apply_chat_template

from agent_factory.contracts import DatasetManifest, Tool, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import ConflictError, InputError
from agent_factory.core.store import Store
from agent_factory.data.dataset import DatasetQuery, build_dataset
from agent_factory.data.export import export_dataset, export_traces, read_days, read_traces_of
from agent_factory.data.importing.otel import FORMAT as OTEL
from agent_factory.data.importing.row import Origin
from agent_factory.gateway.template import NANO_TEMPLATE

Make = Callable[..., Trace]
DAY = "2026-11-20"
TOOL = Tool(name="get_order", description="Look up.", parameters={"type": "object", "properties": {"x": {"enum": [1]}}})
OTHER = Tool(name="stop", description="", parameters={"type": "object", "properties": {"y": {"type": "string"}}})


@pytest.fixture
def make(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> Callable[..., DatasetManifest]:
    def build(kind: Any, **asked: Any) -> DatasetManifest:
        take_day(
            trace("a", "I am Mia, where is it?", system="Be kind.", scenario_id="s", tools=(TOOL,)),
            trace("b", "I am Mia, where is it?", "No.", system="Be kind.", scenario_id="s", success=False),
            trace("c", "Other?", answer="Ja, schön 你好", tools=(OTHER,)),
            *(trace(f"d{i}", f"Question {i}", f"Answer {i}") for i in range(8)),
        )
        query = DatasetQuery(days=(DAY,), **asked)
        return build_dataset(store, artifacts, kind, query)

    return build


@pytest.fixture
def load(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Any]:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return lambda folder: datasets.load_dataset(str(folder), cache_dir=str(home / "cache"))


def template() -> PreTrainedTokenizerFast:
    words = Tokenizer(WordLevel({"?": 0}, unk_token="?"))
    words.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="?")
    tokenizer.chat_template = NANO_TEMPLATE.replace("{%- generation -%}", "").replace("{%- endgeneration -%}", "")
    return tokenizer


@pytest.mark.parametrize("file_type", ["parquet", "jsonl"])
def test_trl_renders_what_is_exported(make: Any, load: Any, artifacts: Artifacts, home: Path, file_type: Any) -> None:
    report = export_dataset(artifacts, make("sft"), "trl", home / "out", file_type)
    assert (report.rows, len(report.files)) == (10, 2)
    rows = load(home / "out")["train"]
    assert set(rows.column_names) == {"messages", "tools"}
    first = rows[0]
    assert is_conversational(first)
    assert first["messages"][0] == {"role": "system", "content": "Be kind."}
    calls = first["messages"][2]["tool_calls"]
    assert calls[0]["function"] == {"name": "get_order", "arguments": {"order_id": "4417"}}
    assert json.loads(first["tools"])[0]["function"]["parameters"]["properties"] == {"x": {"enum": [1]}}
    text = maybe_apply_chat_template({"messages": first["messages"]}, template())["text"]
    assert '{"name": "get_order", "arguments": {"order_id": "4417"}}' in text
    assert "I am <PERSON_1>, where is it?" in text
    assert any("Ja, schön 你好" in str(row["messages"]) for row in rows)


def test_preferences_are_prompt_chosen_rejected(make: Any, load: Any, artifacts: Artifacts, home: Path) -> None:
    export_dataset(artifacts, make("preference"), "trl", home / "out", "parquet")
    (row,) = load(home / "out")["train"]
    assert [message["role"] for message in row["prompt"]] == ["system", "user"]
    assert (row["chosen"][-1]["content"], row["rejected"][-1]["content"]) == ("On its way.", "No.")
    told = maybe_apply_chat_template({key: row[key] for key in ("prompt", "chosen", "rejected")}, template())
    assert told["chosen"].endswith("On its way.<|im_end|>\n")


def test_hugging_face_has_all_columns_and_a_file_a_side(make: Any, load: Any, artifacts: Artifacts, home: Path) -> None:
    manifest = make("sft", split={"train": 0.5, "validation": 0.3, "test": 0.2})
    export_dataset(artifacts, manifest, "hf", home / "out", "parquet")
    found = load(home / "out")
    assert {name: len(side) for name, side in found.items()} == {side.name: side.rows for side in manifest.splits}
    assert set(found["train"].column_names) == set(manifest.columns)
    assert found["train"][0]["score"] == 1.0
    assert manifest.digest in (home / "out" / "README.md").read_text()
    ids = {name for side in found.values() for row in side for name in row["trace_ids"]}
    assert ids == {"a", "c", *(f"d{i}" for i in range(8))}


def test_an_export_takes_the_place_of_an_earlier_one_and_of_nothing_else(
    make: Any, artifacts: Artifacts, home: Path
) -> None:
    manifest = make("sft")
    for _ in range(2):
        export_dataset(artifacts, manifest, "trl", home / "out", "jsonl")
    (home / "mine").mkdir()
    (home / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ConflictError, match=r"thesis\.txt"):
        export_dataset(artifacts, manifest, "trl", home / "mine", "jsonl")
    assert (home / "mine" / "thesis.txt").exists()
    assert sorted(path.name for path in home.iterdir() if path.name.startswith(".")) == []
    with pytest.raises(InputError, match="no trainer of TRL reads it"):
        export_dataset(artifacts, make("eval"), "trl", home / "eval", "jsonl")


def test_spans_come_back_as_the_conversation_that_they_were(
    make: Any, artifacts: Artifacts, home: Path, trace: Make
) -> None:
    make("sft")
    sent = list(read_days(artifacts, "default", [DAY]))
    report = export_traces(sent, home / "out")
    assert report.rows == 11
    assert "Mia" not in Path(report.files[0]).read_text()
    origin = Origin(file=home, project="default")
    back = [OTEL.traces(row.value, origin)[0] for row in OTEL.rows(Path(report.files[0]))]
    last = {found.session_id: found for found in back}  # of a loop the last call repeats all
    assert len(last) == len(sent)
    for before, after in zip(sent, last.values(), strict=True):
        told = [message.model_copy(update={"name": None}) for message in before.messages()]
        assert [message.model_copy(update={"name": None}) for message in after.messages()] == told
        assert (after.system, after.recipe, after.started_at) == (before.system, before.recipe, before.started_at)
        assert [tool.model_dump() for tool in after.tools] == [tool.model_dump() for tool in before.tools]
    again = export_traces(sent, home / "again")
    assert Path(again.files[0]).read_text() == Path(report.files[0]).read_text()


def test_spans_say_what_the_conventions_ask(make: Any, artifacts: Artifacts, home: Path) -> None:
    manifest = make("preference")
    report = export_traces(read_traces_of(artifacts, manifest), home / "out")
    assert report.rows == 2
    (request,) = [json.loads(line) for line in Path(report.files[0]).read_text().splitlines()]
    spans = request["resourceSpans"][0]["scopeSpans"][0]["spans"]
    names = [span["name"] for span in spans]
    assert names[:4] == ["invoke_agent desk", "chat unknown", "execute_tool get_order", "chat unknown"]
    assert {span["parentSpanId"] for span in spans[1:4]} == {spans[0]["spanId"]}
    assert len({span["spanId"] for span in spans}) == len(spans)
    tool = {item["key"]: item["value"]["stringValue"] for item in spans[2]["attributes"]}
    assert (tool["gen_ai.tool.call.arguments"], tool["gen_ai.tool.call.result"]) == (
        '{"order_id":"4417"}',
        '{"s":"sent"}',
    )
    grades = [event["attributes"][2]["value"]["stringValue"] for span in spans for event in span.get("events", ())]
    assert grades == ["pass", "fail"]
