import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from agent_factory.cli.command import app
from agent_factory.cli.desk import open_desk, read_overrides
from agent_factory.cli.main import run
from agent_factory.contracts import BuildSpec, Message, Order, RewardConfig, Step, Trace
from agent_factory.core.error import InputError
from agent_factory.core.settings import get_settings
from agent_factory.core.tracelog import TraceLog

Factory = Callable[..., Any]
TAU_BENCH = Path(__file__).parents[4] / "shared" / "data" / "tau_bench_airline_gpt4o.json"
ORDER = ("build", "order", "support_desk", "--first-day", "2026-10-29", "--last-day", "2026-10-31")


def test_a_build_is_ordered_shown_and_listed(factory: Factory) -> None:
    placed = factory(*ORDER, "--set", "rollouts.episodes=40", "--set", "training.sft.steps=3", "--key", "k")
    assert factory(*ORDER, "--set", "rollouts.episodes=40", "--set", "training.sft.steps=3", "--key", "k") == placed
    spec = open_desk().store.get(BuildSpec, placed["build"])
    assert spec.settings["rollouts"]["episodes"] == 40  # type: ignore[index]
    assert spec.stage("sft").parameters["steps"] == 3
    assert factory("build", "show", spec.id)["state"] == "waiting"
    assert factory("train", "status", spec.id)["build"] == spec.id
    assert [build["id"] for build in factory("build", "list")] == [spec.id]
    assert factory("train", "reward-config", spec.id, "--reward-model", "0.3")["reward_model"] == 0.3
    assert open_desk().store.get(RewardConfig, spec.id).reward_model == 0.3
    assert factory("env", "run", spec.id)["kind"] == "rollout"
    assert factory("eval", "run", spec.id)["kind"] == "evaluation"
    assert "no evaluation report" in factory("models", "promote", spec.id, code=2)
    assert len(open_desk().store.find(Order)) == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("build", "order", "nobody", "--first-day", "2026-10-29", "--last-day", "2026-10-31"), "support_desk"),
        (("build", "show", "b9"), "no build 'b9'"),
        (("eval", "report", "b9"), "no report 'b9'"),
        (("data", "show", "D9"), "no dataset 'D9'"),
        (("compute", "usage", "--by", "moon"), "expected one of"),
        (("data", "import", "--format", "tau-bench", "/nowhere.json"), "no file '/nowhere.json'"),
        (("data", "import", "--format", "csv", "/nowhere.csv"), "tau-bench"),
        (("agent", "create", "desk", "nobody"), "no recipe 'nobody'"),
        (
            ("build", "order", "support_desk", "--first-day", "2026-10-31", "--last-day", "2026-10-01"),
            "before it begins",
        ),
        (("build", "order", "support_desk", "--first-day", "2023-12-31", "--last-day", "2026-10-01"), "2024-01-01 to"),
        (("build", "order", "support_desk", "--first-day", "2026-10-01", "--last-day", "9999-12-31"), "2024-01-01 to"),
        (
            ("data", "build", "--kind", "sft", "--first-day", "2023-12-31", "--last-day", "2024-01-01"),
            "2024-01-01 to",
        ),
        (("data", "prepare", "2026-10-30", "2023-12-31"), "2024-01-01 to"),
        (("data", "prepare", "yesterday"), "not a day"),
    ],
)
def test_a_users_mistake_is_told_without_a_traceback(factory: Factory, arguments: tuple[str, ...], told: str) -> None:
    message = factory(*arguments, code=2)
    assert told in message
    assert "Traceback" not in message


def test_a_project_that_is_no_name_is_told(factory: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_FACTORY_PROJECT", "../shop")
    get_settings.cache_clear()
    assert "project: Value error, '../shop' is not a name" in factory("build", "list", code=2)


def test_an_unknown_command_names_the_help(factory: Factory) -> None:
    assert "--help" in factory("dance", code=2)


def test_a_fault_shows_a_traceback_only_when_asked(
    factory: Factory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("agent_factory.cli.compute.open_desk", fail)
    message = factory("compute", "pools", code=1)
    assert "boom" in message
    assert "Traceback" not in message
    monkeypatch.setenv("FACTORY_DEBUG", "1")
    assert "Traceback" in factory("compute", "pools", code=1)


def test_a_stopped_command_exits_130(factory: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("agent_factory.cli.compute.open_desk", stop)
    assert "stopped" in factory("compute", "pools", code=130)


def test_slots_are_held_and_given_back(factory: Factory) -> None:
    lease = factory("compute", "allocate", "training", "me")
    assert next(pool for pool in factory("compute", "pools") if pool["name"] == "training")["held"] == 1
    assert "held by me" in factory("compute", "allocate", "training", "you", code=1)
    assert factory("compute", "release", lease["id"])["state"] == "released"
    assert factory("compute", "usage") == []


def test_an_agent_is_made_and_waits_for_a_deployment(factory: Factory) -> None:
    assert factory("agent", "create", "desk", "support_desk")["recipe"] == "support_desk"
    assert factory("agent", "show", "desk")["deployment"] is None
    assert factory("models", "list") == []


def test_scenarios_are_made(factory: Factory) -> None:
    assert factory("env", "scenarios", "support_desk", "--count", "5")["split"] == "train"
    assert factory("env", "scenarios", "support_desk", "--count", "5", "--held-out")["split"] == "eval"


def test_a_trace_is_labelled(factory: Factory) -> None:
    now = datetime(2026, 10, 30, tzinfo=UTC)
    step = Step(
        index=0,
        observation=(Message(role="user", content="hi"),),
        action=Message(role="assistant", content="hello"),
    )
    trace = Trace(id="t1", created_at=now, started_at=now, source="production", steps=(step,))
    TraceLog(open_desk().store).add([trace])
    assert factory("data", "label", "t1", "--score", "1", "--labeler", "ada")["kind"] == "person"
    assert factory("data", "prepare", "2026-10-30") == [
        {"day": "2026-10-30", "events": 1, "clean_events": 1, "labels": 1, "set_aside": 0}
    ]


def test_what_was_not_measured_has_no_figure(factory: Factory) -> None:
    figures = {figure["name"]: figure["value"] for figure in factory("report", "kpi")}
    assert figures == dict.fromkeys(
        ("training_cycle_time", "success_gain", "tool_call_success", "order_to_deployment_time", "answered_steps")
    )


@pytest.mark.skipif(not TAU_BENCH.exists(), reason=f"{TAU_BENCH} is not there")
def test_tau_bench_episodes_become_datasets(factory: Factory) -> None:
    first = factory("data", "import", "--format", "tau-bench", str(TAU_BENCH))
    assert (first["accepted"], first["duplicates"]) == (100, 0)
    datasets = {dataset["kind"]: dataset for dataset in first["datasets"]}
    assert datasets["sft"]["rows"] == 31
    assert datasets["preference"]["rows"] > 0
    again = factory("data", "import", "--format", "tau-bench", str(TAU_BENCH))
    assert (again["accepted"], again["duplicates"]) == (0, 100)
    assert [one["digest"] for one in again["datasets"]] == [one["digest"] for one in first["datasets"]]


def test_overrides_are_read_as_toml() -> None:
    read = read_overrides(["rollouts.episodes=50", "training.sft.steps=20", "build.base_model=nano", "a.b=[1, 2]"])
    assert read == {
        "rollouts": {"episodes": 50},
        "training": {"sft": {"steps": 20}},
        "build": {"base_model": "nano"},
        "a": {"b": [1, 2]},
    }
    with pytest.raises(InputError, match=r"section\.key=value"):
        read_overrides(["steps=3"])


def test_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert "round" in capsys.readouterr().out


def test_tables_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compute", "pools"]) == 0
    told = capsys.readouterr().out
    assert "training" in told
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(told)


def all_commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    groups = getattr(command, "commands", {})
    for name, inner in groups.items():
        yield from all_commands(inner, (*path, name))
    if not groups:
        yield path, command


NUMBERS = [
    pytest.param(path, option, id=f"{' '.join(path)} {option.opts[0]}")
    for path, command in all_commands(typer.main.get_command(app))
    for option in command.params
    if option.opts[0].startswith("--")
    and {int, float} & {option.type_descriptor.annotation, *get_args(option.type_descriptor.annotation)}
]


@pytest.mark.parametrize(("path", "option"), NUMBERS)
def test_every_number_is_held_within_bounds_at_the_border(path: tuple[str, ...], option: Any) -> None:
    bad = ["nan", "inf", str(option.min - 1), str(option.max + 1)]
    command = next(command for found, command in all_commands(typer.main.get_command(app)) if found == path)
    words = [word for needed in command.params if needed.required and needed is not option for word in fill(needed)]
    for value in bad:
        with pytest.raises(typer.TyperException) as refused:
            command.make_context("factory", [*words, f"{option.opts[0]}={value}"])
        assert option.opts[0] in refused.value.format_message()


def fill(parameter: Any) -> list[str]:
    """A value for a parameter that must be given."""
    value = "2026-10-30" if "day" in parameter.name else "1"
    return [f"{parameter.opts[0]}={value}"] if parameter.opts[0].startswith("--") else [value]


@pytest.mark.parametrize("deadline", ["-3", "0", "nan", "soon"])
def test_a_deadline_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], deadline: str) -> None:
    assert run(["round", f"--deadline={deadline}"]) == 2
    assert "--deadline" in capsys.readouterr().err


def test_an_import_of_which_no_row_could_be_read_is_the_callers_to_mend(
    factory: Callable[..., Any], tmp_path: Path
) -> None:
    event = {"id": "t1", "source": "production", "started_at": "2026-11-01T10:00:00Z", "steps": []}
    file = tmp_path / "traces.jsonl"
    file.write_text('{"no": "trace"}\nnot json\n')
    told = factory("data", "import", "--only", "--format", "traces", str(file), code=2)
    assert "not one of 2 rows could be read" in told
    assert "line 1" in told
    file.write_text(f'{{"no": "trace"}}\n{json.dumps(event)}\n')
    assert factory("data", "import", "--only", "--format", "traces", str(file))["quarantined"] == 1
    assert factory("data", "import", "--only", "--format", "traces", str(file))["duplicates"] == 1
