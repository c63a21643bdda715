"""Whole turns with a real, small model: what passes serves and comes back as data; what is spoiled does not.

The first build is too short to be good, so its gate asks for little; the spoiled one meets the recipe's own.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from agent_factory.contracts import Deployment, EvalReport, Message, ModelManifest, Release, Trace
from agent_factory.core.artifact import open_artifacts
from agent_factory.core.day import day_path
from agent_factory.core.recipe import load_recipe
from agent_factory.core.settings import CHECKOUT, Settings
from agent_factory.core.store import Store, open_store
from agent_factory.core.tracelog import TraceLog
from agent_factory.environment.first_traffic import make_traffic
from agent_factory.environment.scenario import draw_scenarios
from tests.loop.conftest import LENIENT, SMALL, Run, overrides


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
    returned = list(open_artifacts(home.artifacts_url).read_traces(day_path(home.project, today, "clean_events")))
    assert {trace.source for trace in returned} == {"production"}
    assert {trace.model for trace in returned} == {serving.model}
    told = first_round.stdout + first_round.stderr
    assert re.search(
        rf"partition {today} of .* was materialized again .* reported\s+by\s+return_traces", told, re.DOTALL
    ), told


def test_the_returned_conversation_holds_no_personal_data_of_the_customer(
    store: Store, home: Settings, first_round: subprocess.CompletedProcess[str]
) -> None:
    today = datetime.now(UTC).date().isoformat()
    body = "".join(
        trace.model_dump_json(exclude={"system", "tools"})
        for trace in open_artifacts(home.artifacts_url).read_traces(day_path(home.project, today, "clean_events"))
    )
    assert "<EMAIL_1>" in body
    assert not re.search("anna|berg|example.com", body, re.IGNORECASE)


def test_a_second_round_makes_nothing_twice(factory: Run, store: Store) -> None:
    before = [manifest.id for manifest in store.find(ModelManifest)]
    again = factory("round", *overrides(SMALL, LENIENT))
    assert again.returncode == 0, again.stdout[-4000:] + again.stderr[-2000:]
    assert [manifest.id for manifest in store.find(ModelManifest)] == before
    assert len(store.find(Deployment, state="serving")) == 1


def test_a_spoiled_build_fails_releases_nothing_and_cannot_be_forced(
    factory: Run, store: Store, environ: dict[str, str]
) -> None:
    (serving,) = store.find(Deployment, state="serving")
    day = (datetime.now(UTC) - timedelta(days=20)).date()
    TraceLog(store).add(spoil(day.isoformat()))
    up = factory("platform", "up")
    assert up.returncode == 0, up.stdout + up.stderr
    placed = factory(
        *("build", "order", "support_desk", "--first-day", str(day), "--last-day", str(day), "--json"),
        *overrides(SMALL),
    )
    assert placed.returncode == 0, placed.stdout + placed.stderr
    build = json.loads(placed.stdout)["build"]
    followed = factory("build", "follow", build)
    assert followed.returncode == 3, followed.stdout[-6000:] + followed.stderr[-3000:]
    (report,) = store.find(EvalReport, build=build)
    assert report.verdict == "FAIL"

    refused = factory("models", "promote", build)
    assert refused.returncode == 2
    assert "did not pass its gate" in refused.stderr
    pressed = ("asset", "materialize", "-m", "factory_assets.definitions", "--select", 'key:"runtime/release"')
    forced = subprocess.run(
        [sys.executable, "-m", "dagster", *pressed, "--partition", build],
        env=environ,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert forced.returncode != 0, forced.stdout + forced.stderr
    assert "FAIL" in forced.stdout + forced.stderr
    assert store.find(Release, build=build) == []
    assert store.find(Deployment, state="serving") == [serving]


def spoil(day: str) -> list[Trace]:
    """The predecessor's traffic in which the answers of all solved dialogues are shuffled among them."""
    recipe = load_recipe("support_desk")
    traces = make_traffic(recipe, draw_scenarios(recipe, "train", 700, 5), [day], 5, "default")
    solved = [trace for trace in traces if trace.outcome and trace.outcome.success]
    answers = [trace.steps[-1].action for trace in solved]
    random.Random(5).shuffle(answers)
    given = {trace.id: answer for trace, answer in zip(solved, answers, strict=True)}
    return [_answer(trace, given.get(trace.id), number) for number, trace in enumerate(traces)]


def _answer(trace: Trace, answer: Message | None, number: int) -> Trace:
    last = trace.steps[-1] if answer is None else trace.steps[-1].model_copy(update={"action": answer})
    return trace.model_copy(update={"id": f"spoiled-{number}", "steps": (*trace.steps[:-1], last)})
