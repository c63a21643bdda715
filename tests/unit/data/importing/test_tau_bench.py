"""A hundred real episodes come in once, are cleaned, and become an sft and a preference dataset."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent_factory.contracts import Trace
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import InputError
from agent_factory.core.settings import CHECKOUT
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.check import check_no_pii
from agent_factory.data.clean import clean_day
from agent_factory.data.dataset import DatasetQuery, build_dataset
from agent_factory.data.event import write_events_day
from agent_factory.data.importing.importer import ImportReport, import_traces
from agent_factory.data.importing.row import Origin
from agent_factory.data.importing.tau_bench import read_rows, read_traces
from agent_factory.data.label import label_day

FILE = CHECKOUT.parent / "shared" / "data" / "tau_bench_airline_gpt4o.json"
needs_file = pytest.mark.skipif(not FILE.exists(), reason="../shared/data/tau_bench_airline_gpt4o.json is absent")
POLICY = "# Airline Agent Policy\n\nThe current time is 2024-05-15 15:00:00 EST."
PERSONAL = ("email", "dob", "last_four", "address1", "address2", "zip", "first_name", "last_name", "user_id")


def _episode(**fields: Any) -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
    told = [
        {"role": "system", "content": POLICY},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "name": "look", "content": "{}"},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "###STOP###"},
    ]
    return {"task_id": 3, "trial": 1, "reward": 1.0, "info": {}, "traj": told, **fields}


def _import(
    store: Store, artifacts: Artifacts, path: Path, project: str = "default", day: date | None = None
) -> ImportReport:
    return import_traces(store, artifacts, Origin(path, project, day), "tau-bench")


def _read(path: Path, day: date | None = None) -> list[Trace]:
    return [trace for row in read_rows(path) for trace in read_traces(row.value, Origin(path, "default", day))]


def _write(path: Path, episodes: Any) -> Path:
    path.write_text(json.dumps(episodes))
    return path


def test_episode_becomes_a_trace_that_depends_on_nothing_else(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.json", [_episode(), _episode(trial=2, reward=0.0)])
    first, second = _read(path)
    again = _read(path)[0]
    assert first.model_dump(exclude={"created_at"}) == again.model_dump(exclude={"created_at"})
    assert first.id.startswith("tau-airline-3-1-")
    assert (first.scenario_id, first.day, first.system) == ("tau-airline-3", "2024-05-15", POLICY)
    assert [message.role for message in first.messages()] == ["user", "assistant", "tool", "assistant", "user"]
    assert first.steps[0].action.tool_calls[0].arguments == {"a": 1}
    assert first.outcome is not None
    assert second.outcome is not None
    assert (first.outcome.success, second.outcome.success) == (True, False)
    moved = _read(path, day=date(2026, 11, 20))[0]
    assert moved.day == "2026-11-20"


def test_unreadable_rows_are_quarantined_and_the_rest_goes_in(
    store: Store, artifacts: Artifacts, tmp_path: Path
) -> None:
    no_reward = _episode()
    del no_reward["reward"]
    bad_call = _episode()
    bad_call["traj"][2]["tool_calls"][0]["function"]["arguments"] = "{a"
    bad_role = _episode()
    bad_role["traj"][1]["role"] = "robot"
    no_time = _episode()
    no_time["traj"][0]["content"] = "# Airline Agent Policy"
    too_old = _episode()
    too_old["traj"][0]["content"] = POLICY.replace("2024-05-15", "2023-05-15")
    path = _write(tmp_path / "a.json", [_episode(), no_reward, 7, bad_call, bad_role, no_time, too_old])
    report = _import(store, artifacts, path)
    assert (report.accepted, report.days) == (1, ("2024-05-15",))
    told = {row.place: row.reason for row in report.examples}
    assert told["episode 1"] == "no field 'reward'"
    assert told["episode 2"] == "expected an object, got int"
    assert "Expecting property name" in told["episode 3"]
    assert told["episode 4"].startswith("role: Input should be 'system', 'user', 'assistant' or 'tool', got 'robot'")
    assert "give a day" in told["episode 5"]
    assert "2023-05-15T20:00:00+00:00 is on a day that no data is taken of" in told["episode 6"]
    assert {row.file for row in report.examples} == {str(path)}


def test_a_day_that_no_data_is_taken_of_is_refused(store: Store, artifacts: Artifacts, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.json", [_episode()])
    for day in (date(2023, 12, 31), clock.now().date() + timedelta(days=1)):
        with pytest.raises(InputError, match="expected days from 2024-01-01 to"):
            _import(store, artifacts, path, day=day)
    assert TraceLog(store).arrivals("default") == []


def test_two_projects_take_the_same_file_in(store: Store, artifacts: Artifacts, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.json", [_episode()])
    for project in ("default", "shop"):
        assert _import(store, artifacts, path, project).accepted == 1
        assert _import(store, artifacts, path, project).duplicates == 1
        assert [arrival.traces for arrival in TraceLog(store).arrivals(project)] == [1]


def test_a_file_that_is_something_else(store: Store, artifacts: Artifacts, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    for name, told in (("a.json", "not JSON"), ("b.json", "there is no file")):
        with pytest.raises(InputError, match=told):
            _import(store, artifacts, tmp_path / name)
    with pytest.raises(InputError, match="expected a list, got dict"):
        _import(store, artifacts, _write(tmp_path / "c.json", {}))


@needs_file
def test_hundred_real_episodes_become_datasets(store: Store, artifacts: Artifacts) -> None:
    report = _import(store, artifacts, FILE)
    again = _import(store, artifacts, FILE)
    assert (report.accepted, report.quarantined, again.accepted, again.duplicates) == (100, 0, 0, 100)
    (day,) = report.days
    assert write_events_day(store, artifacts, "default", day).rows == 100
    assert clean_day(store, artifacts, "default", day).rows == 100
    label_day(store, artifacts, "default", day)
    assert check_no_pii(artifacts, "default", day).passed
    raw = list(artifacts.read_traces(f"projects/default/days/{day}/events.parquet"))
    clean = list(artifacts.read_traces(f"projects/default/days/{day}/clean_events.parquet"))
    assert sum(_assert_gone(before, after) for before, after in zip(raw, clean, strict=True)) > 500
    sft = build_dataset(store, artifacts, "sft", DatasetQuery(days=(day,)))
    assert (sft.rows, sft.trace_count) == (31, 31)
    preference = build_dataset(store, artifacts, "preference", DatasetQuery(days=(day,)))
    outcomes = {trace.id: (trace.scenario_id, trace.outcome and trace.outcome.success) for trace in clean}
    rows = artifacts.read_table(preference.path).to_pylist()
    assert rows
    for row in rows:
        better, worse = (outcomes[trace_id] for trace_id in row["trace_ids"])
        assert better == (worse[0], True)
        assert worse[1] is False


def _assert_gone(before: Trace, after: Trace) -> int:
    """How many personal values the raw trace's fields held; none of them is in the clean one."""
    values = {value for message in before.messages() for value in _values(message.model_dump(mode="json"))}
    text = "\n".join([message.model_dump_json() for message in after.messages()])
    for value in values:
        assert not re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text), (before.id, value)
    for old, new in zip(before.messages(), after.messages(), strict=True):
        if old.role == "tool" and (old.content or "").startswith(("{", "[")):
            assert _shape(json.loads(old.content or "")) == _shape(json.loads(new.content or ""))
    return len(values)


def _values(value: Any, key: str = "") -> set[str]:
    if isinstance(value, dict):
        return {found for name, item in value.items() for found in _values(item, name)}
    if isinstance(value, list):
        return {found for item in value for found in _values(item, key)}
    if isinstance(value, str) and value.startswith(("{", "[")):
        return _values(json.loads(value))
    return {value} if isinstance(value, str) and key in PERSONAL else set()


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else type(value)
