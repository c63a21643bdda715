"""A tiny shop: dialogues, a store with a build whose data and rollouts are there, and no progress to show."""

import json
import os
import random
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from agent_factory.contracts import (
    BuildSpec,
    DatasetManifest,
    DataWindow,
    EvaluationSpec,
    GateSpec,
    Message,
    Outcome,
    Scenario,
    ScenarioSet,
    Solution,
    StageSpec,
    Step,
    SuccessRules,
    TokenTrace,
    ToolCall,
    Trace,
)
from agent_factory.core.artifact import Artifacts
from agent_factory.core.decision import write_decisions
from agent_factory.core.store import open_store

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
MOMENT = datetime(2026, 11, 20, 12, tzinfo=UTC)
NANO = {"vocabulary": 300, "hidden": 32, "layers": 1, "heads": 2, "intermediate": 64, "context": 128}


def make_messages(number, right=True):
    rng = random.Random(number)
    order, state = str(rng.randrange(1000, 9999)), rng.choice(["sent", "open"])
    call = ToolCall(id="call_1_0", name="get_order", arguments={"order_id": order})
    answer = f"It is {state}." if right else "I do not know."
    return (
        Message(role="user", content=f"Where is {order}?"),
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", tool_call_id=call.id, content=json.dumps({"status": state})),
        Message(role="assistant", content=answer),
    )


def make_trace(number, right=True, source="production", **more):
    user, call, result, answer = make_messages(number, right)
    steps = (
        Step(index=0, observation=(user,), action=call),
        Step(index=1, observation=(result,), action=answer),
    )
    outcome = Outcome(success=right, reward=float(right), graded_by="environment")
    return Trace(
        id=f"{source}-{number}-{right}",
        created_at=MOMENT,
        source=source,
        started_at=MOMENT,
        recipe="desk",
        steps=steps,
        outcome=outcome,
        **more,
    )


class NoProgress:
    """A progress that remembers what it was told."""

    earlier_seconds = 0.0

    def __init__(self):
        self.told = []

    def update(self, done=None, total=None, **measured):
        self.told.append((done, total, measured))


@pytest.fixture
def progress():
    return NoProgress()


@pytest.fixture
def build():
    stages = {
        "pretrain": {"steps": 6, "batch": 8, "save_steps": 2},
        "sft": {"steps": 6, "batch": 8, "save_steps": 2},
        "reward": {"steps": 4, "batch": 4, "save_steps": 2},
        "rft": {"steps": 4, "batch": 8, "save_steps": 2},
    }
    return BuildSpec(
        id="B1",
        created_at=MOMENT,
        recipe="desk",
        recipe_digest="0",
        base_model="nano",
        window=DataWindow(first_day=date(2026, 11, 20), last_day=date(2026, 11, 21)),
        min_rows=1,
        train_scenarios=10,
        stages=tuple(StageSpec(kind=kind, parameters=told) for kind, told in stages.items()),
        evaluation=EvaluationSpec(scenarios=5, seed=0),
        gate=GateSpec(min_success=0.5),
        settings={"nano": NANO},
    )


@pytest.fixture
def store(tmp_path):
    return open_store(f"sqlite:///{tmp_path / 'store.db'}")


@pytest.fixture
def artifacts(tmp_path, store, build):
    """Artifacts with everything but models and rollouts."""
    artifacts = Artifacts(str(tmp_path / "artifacts"))
    store.put(build)
    artifacts.write_traces(
        "projects/default/days/2026-11-20/clean_events.parquet", [make_trace(n, n % 2 == 0) for n in range(40)]
    )
    write_decisions(artifacts, "default", "2026-11-20", [])
    sft = [{"messages": to_wire(make_messages(n)), "trace_ids": [f"t{n}"]} for n in range(24)]
    put_dataset(store, artifacts, build, "D1", "sft", sft)
    pairs = [
        {
            "prompt": to_wire(make_messages(n)[:1]),
            "chosen": to_wire(make_messages(n)[1:]),
            "rejected": to_wire(make_messages(n, right=False)[1:]),
            "trace_ids": [f"t{n}"],
        }
        for n in range(24)
    ]
    put_dataset(store, artifacts, build, "D2", "preference", pairs)
    put_scenarios(store, artifacts, build)
    return artifacts


def to_wire(messages):
    return json.dumps([message.to_wire() for message in messages])


def put_dataset(store, artifacts, build, name, kind, rows):
    path = artifacts.write_table(f"datasets/{name}.parquet", pa.Table.from_pylist(rows))
    manifest = DatasetManifest(
        id=name,
        created_at=MOMENT,
        kind=kind,
        build=build.id,
        rows=len(rows),
        digest=f"digest-{name}",
        path=path,
        columns=tuple(rows[0]),
        trace_count=len(rows),
        query={},
        code_version="1",
    )
    store.put(manifest)


def put_scenarios(store, artifacts, build):
    def scenario(number):
        return Scenario(
            id=f"s{number}",
            created_at=MOMENT,
            recipe="desk",
            level="L1" if number % 2 else "L2",
            kind="status",
            template="t",
            split="train",
            seed=number,
            opening=make_messages(number)[:1],
            tools=("get_order",),
            state={},
            rules=SuccessRules(),
            solution=Solution(calls=(), answer=""),
        )

    text = "\n".join(scenario(number).model_dump_json() for number in range(10))
    path = artifacts.write_text("scenarios/B1-train.jsonl", text)
    kinds = {"L1": 5, "L2": 5, "L3": 0, "L4": 0, "L5": 0}
    store.put(
        ScenarioSet(
            id="B1-train",
            created_at=MOMENT,
            recipe="desk",
            build=build.id,
            split="train",
            seed=0,
            count=10,
            per_level=kinds,
            path=path,
            digest="s",
        )
    )


@pytest.fixture
def rollouts(artifacts):
    """Writes rollouts of an SFT model, with its tokens."""
    return lambda model: put_rollouts(artifacts, model)


def put_rollouts(artifacts, model):
    """Rollouts of ten scenarios, two solved and one not, with the tokens of the model."""
    from agent_factory.gateway.checkpoint import load_tokenizer
    from agent_factory.gateway.template import ChatTemplate

    tokenizer = load_tokenizer(artifacts.local(model.path))
    template = ChatTemplate(tokenizer, [tokenizer.eos_token_id])

    def roll(number, right):
        encoded = template.encode_dialogue(None, make_messages(number, right))
        tokens = TokenTrace(ids=encoded.ids, logprobs=[0.0] * len(encoded.ids), loss_mask=encoded.mask)
        scenario = f"s{number % 10}"
        return make_trace(number, right, "rollout", scenario_id=scenario, tokens=tokens)

    traces = [roll(n, right) for n in range(20) for right in ((True, False) if n < 10 else (True,))]
    artifacts.write_traces(f"builds/B1/rollouts/{model.id}.parquet", traces)


@pytest.fixture
def make_rollout():
    """A rollout of a scenario with these ids, all but the first of them sampled."""
    numbers = iter(range(10_000))

    def make(scenario, ids):
        mask = [int(at > 0) for at in range(len(ids))]
        tokens = TokenTrace(ids=ids, logprobs=[0.0] * len(ids), loss_mask=mask)
        return make_trace(next(numbers), True, "rollout", scenario_id=scenario, tokens=tokens)

    return make
