"""Whole turns with a real, small model: what passes serves and comes back as data; what is spoiled does not.

The first build is too short to be good, so its gate asks for little; the spoiled one meets the recipe's own.
"""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime

import pytest

from agent_factory.contracts import Deployment, EvalReport, ModelManifest
from agent_factory.core.artifact import open_artifacts
from agent_factory.core.settings import Settings
from agent_factory.core.store import Store, open_store
from tests.loop.conftest import Run

SMALL = {
    "first_traffic.episodes": 700,
    "build.train_scenarios": 350,
    "build.min_rows": 50,
    "training.pretrain.steps": 40,
    "training.sft.steps": 50,
    "training.reward.steps": 60,
    "training.rft.steps": 20,
    "rollouts.episodes": 160,
    "rollouts.samples": 1,
    "evaluation.scenarios": 50,
}
LENIENT = {
    "gate.min_success": 0,
    "gate.min_tool_call_success": 0,
    "gate.max_policy_violation": 1,
    "gate.min_level_success.L1": 0,
    "gate.min_level_success.L2": 0,
    "gate.min_level_success.L3": 0,
}


def overrides(*tables: dict[str, float]) -> list[str]:
    return [part for table in tables for key, value in table.items() for part in ("--set", f"{key}={value}")]


@pytest.fixture(scope="module")
def first_round(factory: Run) -> subprocess.CompletedProcess[str]:
    done = factory("round", *overrides(SMALL, LENIENT))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def store(home: Settings, first_round: subprocess.CompletedProcess[str]) -> Store:
    return open_store(home.database_url)


def test_a_round_ends_with_a_deployed_agent_and_its_conversation_as_data(
    first_round: subprocess.CompletedProcess[str], store: Store, home: Settings
) -> None:
    (report,) = store.find(EvalReport)
    (serving,) = store.find(Deployment, state="serving")
    assert report.verdict == "PASS"
    assert serving.model == report.candidate
    assert {score.stage for score in report.scores} == {"base", "sft", "policy"}
    assert all(score.success.low <= score.success.value <= score.success.high for score in report.scores)
    stages = [manifest.stage for manifest in store.find(ModelManifest)]
    assert stages == ["base", "sft", "reward", "policy"]
    today = datetime.now(UTC).date().isoformat()
    returned = list(
        open_artifacts(home.artifacts_url).read_traces(f"projects/default/days/{today}/clean_events.parquet")
    )
    assert {trace.source for trace in returned} == {"production"}
    assert {trace.model for trace in returned} == {serving.model}
    told = first_round.stdout + first_round.stderr
    assert re.search(
        rf"partition {today} of .* was materialized again .* by sensor\s+return_traces", told, re.DOTALL
    ), told


def test_the_returned_conversation_holds_no_personal_data_of_the_customer(
    store: Store, home: Settings, first_round: subprocess.CompletedProcess[str]
) -> None:
    today = datetime.now(UTC).date().isoformat()
    body = "".join(
        trace.model_dump_json(exclude={"system", "tools"})
        for trace in open_artifacts(home.artifacts_url).read_traces(
            f"projects/default/days/{today}/clean_events.parquet"
        )
    )
    assert "<EMAIL_1>" in body
    assert not re.search("anna|berg|example.com", body, re.IGNORECASE)


def test_a_second_round_makes_nothing_twice(factory: Run, store: Store) -> None:
    before = [manifest.id for manifest in store.find(ModelManifest)]
    again = factory("round", *overrides(SMALL, LENIENT))
    assert again.returncode == 0, again.stdout[-4000:] + again.stderr[-2000:]
    assert [manifest.id for manifest in store.find(ModelManifest)] == before
    assert len(store.find(Deployment, state="serving")) == 1
