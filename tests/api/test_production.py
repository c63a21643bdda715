"""Failed traces over HTTP and on the command line: what became of each, and the set that they are in."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from agent_factory.api.context import Context
from agent_factory.cli.command import run_command
from agent_factory.contracts import ScenarioSet, Trace
from agent_factory.core.recipe import load_recipe
from agent_factory.core.tracelog import TraceLog
from agent_factory.environment.first_traffic import make_traffic
from agent_factory.environment.scenario import draw_scenarios

DAY = "2026-11-18"


@pytest.fixture
def traces(context: Context) -> list[Trace]:
    recipe = load_recipe("support_desk")
    found = make_traffic(recipe, draw_scenarios(recipe, "train", 15, 2), [DAY], 1)
    TraceLog(context.store).add(found)
    return found


def test_failed_traces_become_a_set(client: TestClient, context: Context, traces: list[Trace]) -> None:
    failed = [trace.id for trace in traces if trace.outcome and not trace.outcome.success]
    reply = client.post("/env/from-trace", json={"traces": failed, "set": "mine"})
    told = reply.json()

    assert reply.status_code == 200, reply.text
    assert told["admitted"] == told["set"]["count"] == len([one for one in told["traces"] if one["scenario"]])
    assert context.get(ScenarioSet, "mine").digest == told["set"]["digest"]
    assert client.post("/env/from-trace", json={"traces": ["nowhere"]}).status_code == 404


def test_a_day_is_taken_at_once_and_a_solution_from_a_file(
    traces: list[Trace], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    solved = next(trace.id for trace in traces if trace.outcome and trace.outcome.success)
    assert run_command(["env", "from-trace", "--day", DAY]) == 0
    assert "0 refused" in capsys.readouterr().err
    assert run_command(["env", "from-trace", solved]) == 1
    assert "refused, trace: it was solved" in capsys.readouterr().err
    file = tmp_path / "solution.json"
    file.write_text('{"rules": {}, "answer": "x"}')
    assert run_command(["env", "from-trace", solved, "--solution", str(file)]) == 2
    assert "answer" in capsys.readouterr().err
    assert run_command(["env", "from-trace"]) == 2
