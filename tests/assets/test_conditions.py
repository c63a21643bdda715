"""The automation condition, evaluated tick by tick over what is reported to an instance."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
from dagster._core.asset_graph_view.asset_graph_view import AssetGraphView
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEvent,
    DagsterEventType,
    StepMaterializationData,
)
from dagster._core.test_utils import create_run_for_test

from agent_factory.cli.instance import DAEMON_SETTINGS
from agent_factory.contracts import BuildSpec
from factory_assets import keys
from factory_assets.definitions import defs
from factory_assets.partitions import DAY
from sensors.automation import DAY_ASSETS, STAGES

DAY_ONE = "2026-03-01"


class Daemon:
    """Ticks over the real definitions; requests are handed out as they come."""

    def __init__(self, tell: Any) -> None:
        self.tell = tell
        self.cursor = None

    def tick(self) -> set[tuple[str, str]]:
        found = dg.evaluate_automation_conditions(
            defs, self.tell.instance, asset_selection=DAY_ASSETS | STAGES, cursor=self.cursor
        )
        self.cursor = found.cursor
        return {
            (key.to_user_string(), partition)
            for key in defs.get_repository_def().asset_graph.get_all_asset_keys()
            for partition in found.get_requested_partitions(key)
            if partition is not None
        }


@pytest.fixture
def daemon(tell: Any) -> Daemon:
    made = Daemon(tell)
    assert made.tick() == set()
    return made


def test_a_day_is_made_in_one_request_when_its_traces_are_reported(daemon: Daemon) -> None:
    daemon.tell.materialized(keys.TRACES, DAY_ONE)
    assert daemon.tick() == {(key.to_user_string(), DAY_ONE) for key in keys.DAY_DATA}
    assert daemon.tick() == set()


def test_a_day_that_was_made_asks_for_nothing_more(daemon: Daemon) -> None:
    daemon.tell.materialized(keys.TRACES, DAY_ONE)
    daemon.tick()
    for key in keys.DAY_DATA:
        daemon.tell.materialized(key, DAY_ONE)
        for check in keys.DAY_CHECKS:
            if check.asset_key == key:
                daemon.tell.checked(check, DAY_ONE, passed=True)
    assert daemon.tick() == set()
    assert daemon.tick() == set()


def test_events_made_by_hand_are_followed(daemon: Daemon) -> None:
    daemon.tell.materialized(keys.EVENTS, DAY_ONE)
    daemon.tell.checked(keys.DAY_CHECKS[0], DAY_ONE, passed=True)
    assert daemon.tick() == set()
    assert daemon.tick() == {("data/clean_events", DAY_ONE), ("data/labels", DAY_ONE)}


def test_traces_reported_before_the_first_tick_are_not_lost(tell: Any) -> None:
    tell.materialized(keys.TRACES, DAY_ONE)
    daemon = Daemon(tell)
    assert daemon.tick() == set()
    assert daemon.tick() == {(key.to_user_string(), DAY_ONE) for key in keys.DAY_DATA}


def test_traces_reported_again_make_the_day_again(daemon: Daemon) -> None:
    daemon.tell.materialized(keys.TRACES, DAY_ONE)
    daemon.tick()
    for key in keys.DAY_DATA:
        daemon.tell.materialized(key, DAY_ONE)
    for check in keys.DAY_CHECKS:
        daemon.tell.checked(check, DAY_ONE, passed=True)
    daemon.tell.materialized(keys.TRACES, DAY_ONE)
    assert ("data/events", DAY_ONE) in daemon.tick()


def make_day(daemon: Daemon, *, versions: str = "same") -> None:
    for key in keys.DAY_DATA:
        daemon.tell.materialized(key, DAY_ONE, version=versions)
        for check in keys.DAY_CHECKS:
            if check.asset_key == key:
                daemon.tell.checked(check, DAY_ONE, passed=True)


def test_a_day_that_is_told_again_unchanged_is_not_made_again(daemon: Daemon) -> None:
    daemon.tell.materialized(keys.TRACES, DAY_ONE, version="3-17")
    assert daemon.tick()
    make_day(daemon)
    assert daemon.tick() == set()
    for _ in range(3):
        daemon.tell.materialized(keys.TRACES, DAY_ONE, version="3-17")
        assert daemon.tick() == set()
        assert daemon.tick() == set()
    daemon.tell.materialized(keys.TRACES, DAY_ONE, version="4-18")
    assert daemon.tick() == {(key.to_user_string(), DAY_ONE) for key in keys.DAY_DATA}


@pytest.mark.parametrize(("version", "follows"), [("same", False), ("other", True)])
def test_events_made_again_are_followed_where_their_content_changed(
    daemon: Daemon, version: str, follows: bool
) -> None:
    daemon.tell.materialized(keys.TRACES, DAY_ONE)
    daemon.tick()
    for key in keys.DAY_DATA:
        daemon.tell.materialized(key, DAY_ONE, version="same")
    daemon.tick()
    daemon.tell.materialized(keys.EVENTS, DAY_ONE, version=version)
    daemon.tell.checked(keys.DAY_CHECKS[0], DAY_ONE, passed=True)  # told once: nothing else holds it up
    daemon.tell.checked(keys.DAY_CHECKS[1], DAY_ONE, passed=True)
    wanted = {("data/clean_events", DAY_ONE), ("data/labels", DAY_ONE)}
    assert daemon.tick() == set(), "a look is no proof: the next one is"
    assert daemon.tick() == (wanted if follows else set())
    assert daemon.tick() == set()


def test_a_late_trace_makes_its_own_day_again_and_no_other(daemon: Daemon) -> None:
    days = [f"2026-03-{day:02}" for day in range(1, 6)]
    for day in days:
        daemon.tell.materialized(keys.TRACES, day)
    assert {day for _, day in daemon.tick()} == set(days)
    for day in days:
        for key in keys.DAY_DATA:
            daemon.tell.materialized(key, day)
        for check in keys.DAY_CHECKS:
            daemon.tell.checked(check, day, passed=True)
    assert daemon.tick() == set()
    daemon.tell.materialized(keys.TRACES, days[2])
    assert daemon.tick() == {(key.to_user_string(), days[2]) for key in keys.DAY_DATA}


def test_traces_that_change_while_the_day_is_asked_for_are_not_lost(daemon: Daemon) -> None:
    daemon.tell.materialized(keys.TRACES, DAY_ONE, version="1-1")
    assert daemon.tick()
    daemon.tell.materialized(keys.TRACES, DAY_ONE, version="2-2")  # right after the request
    assert ("data/events", DAY_ONE) in daemon.tick()
    daemon.tell.materialized(keys.TRACES, DAY_ONE, version="2-2")
    assert daemon.tick() == set()


def test_a_stage_waits_for_all_inputs_and_their_checks(daemon: Daemon, add_build: Callable[..., BuildSpec]) -> None:
    add_build("b1")
    daemon.tell.materialized(keys.SFT_DATASET, "b1")
    for name in ("enough_rows", "no_eval_leak", "schema"):
        daemon.tell.checked(dg.AssetCheckKey(keys.SFT_DATASET, name), "b1", passed=True)
    assert daemon.tick() == set(), "the base model is missing"
    daemon.tell.materialized(keys.BASE_MODEL, "b1")
    assert daemon.tick() == set(), "the base model's check has not run"
    daemon.tell.checked(dg.AssetCheckKey(keys.BASE_MODEL, "loads"), "b1", passed=True)
    assert daemon.tick() == {("training/sft_model", "b1")}
    assert daemon.tick() == set(), "it is asked for once"


def test_a_failed_check_stops_its_own_build_only(daemon: Daemon, add_build: Callable[..., BuildSpec]) -> None:
    for build in ("b1", "b2"):
        add_build(build)
        daemon.tell.materialized(keys.SFT_DATASET, build)
        daemon.tell.materialized(keys.BASE_MODEL, build)
        daemon.tell.checked(dg.AssetCheckKey(keys.BASE_MODEL, "loads"), build, passed=True)
        daemon.tell.checked(dg.AssetCheckKey(keys.SFT_DATASET, "no_eval_leak"), build, passed=build == "b2")
        for name in ("enough_rows", "schema"):
            daemon.tell.checked(dg.AssetCheckKey(keys.SFT_DATASET, name), build, passed=True)
    assert daemon.tick() == {("training/sft_model", "b2")}


def test_stages_are_never_fused(daemon: Daemon, add_build: Callable[..., BuildSpec]) -> None:
    """All inputs of everything are there: only what has newer inputs is asked for, and nothing behind it."""
    add_build("b1")
    for key in (keys.SFT_DATASET, keys.BASE_MODEL, keys.SCENARIOS, keys.SFT_MODEL):
        daemon.tell.materialized(key, "b1")
    for key in (keys.BASE_MODEL, keys.SFT_MODEL):
        daemon.tell.checked(dg.AssetCheckKey(key, "loads"), "b1", passed=True)
    for name in ("enough_rows", "no_eval_leak", "schema"):
        daemon.tell.checked(dg.AssetCheckKey(keys.SFT_DATASET, name), "b1", passed=True)
    daemon.tell.checked(dg.AssetCheckKey(keys.SCENARIOS, "solvable"), "b1", passed=True)
    assert daemon.tick() == {("training/sft_model", "b1")}, "rollouts wait for the model that is about to be made"


def test_a_failed_verdict_is_costed_and_not_released(daemon: Daemon, add_build: Callable[..., BuildSpec]) -> None:
    add_build("b1")
    daemon.tell.materialized(keys.REPORT, "b1")
    daemon.tell.checked(keys.GATE, "b1", passed=False)
    assert daemon.tick() == {("compute/agent_cost", "b1")}


class Run:
    """A run of a day's data that has begun; its assets are in progress until they are made."""

    def __init__(self, tell: Any) -> None:
        self.tell = tell
        self.run = create_run_for_test(tell.instance, status=dg.DagsterRunStatus.STARTED)
        for key in keys.DAY_DATA:
            planned = AssetMaterializationPlannedData(key, partition=DAY_ONE)
            self._say(DagsterEvent.build_asset_materialization_planned_event("day", key.path[-1], planned))
        for check in keys.DAY_CHECKS:
            days = DAY.subset_with_partition_keys([DAY_ONE]).to_serializable_subset()
            told = AssetCheckEvaluationPlanned(asset_key=check.asset_key, check_name=check.name, partitions_subset=days)
            self._tell(DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED, told)

    def make(self, key: dg.AssetKey, version: str = "same") -> None:
        tags = {"dagster/data_version": version}
        made = StepMaterializationData(dg.AssetMaterialization(asset_key=key, partition=DAY_ONE, tags=tags))
        self._tell(DagsterEventType.ASSET_MATERIALIZATION, made, key.path[-1])
        wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[DAY_ONE])
        (record,) = self.tell.instance.fetch_materializations(wanted, limit=1).records
        target = AssetCheckEvaluationTargetMaterializationData(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
        for check in keys.DAY_CHECKS:
            if check.asset_key == key:
                found = dg.AssetCheckEvaluation(
                    asset_key=key,
                    check_name=check.name,
                    passed=True,
                    partition=DAY_ONE,
                    blocking=True,
                    target_materialization_data=target,
                )
                self._tell(DagsterEventType.ASSET_CHECK_EVALUATION, found)

    def end(self) -> None:
        self._tell(DagsterEventType.PIPELINE_SUCCESS, None)

    def _tell(self, kind: DagsterEventType, data: Any, step: str | None = None) -> None:
        self._say(DagsterEvent(kind.value, "day", step_key=step, event_specific_data=data))

    def _say(self, event: DagsterEvent) -> None:
        self.tell.instance.report_dagster_event(event, self.run.run_id)


@pytest.mark.parametrize("changed", [True, False])
def test_traces_that_change_while_the_day_is_made_make_it_again_once_and_whole(daemon: Daemon, changed: bool) -> None:
    daemon.tell.materialized(keys.TRACES, DAY_ONE)
    assert daemon.tick()
    first, backfill = Run(daemon.tell), Run(daemon.tell)
    asked: list[set[tuple[str, str]]] = []
    for key in keys.DAY_DATA:
        for run in (first, backfill):
            run.make(key)
            if changed and key == keys.EVENTS:
                daemon.tell.materialized(keys.TRACES, DAY_ONE)  # read by neither run, for all that is known
            asked.append(daemon.tick())
    first.end()
    backfill.end()
    asked.append(daemon.tick())
    whole = {(key.to_user_string(), DAY_ONE) for key in keys.DAY_DATA}
    assert [found for found in asked if found] == [whole] * changed, "once, and not in pieces"
    third = Run(daemon.tell)
    for key in keys.DAY_DATA:
        third.make(key)
        assert daemon.tick() == set()
    third.end()
    assert daemon.tick() == set()


class Meanwhile:
    """What happens in the middle of a tick: after it noted how far the event log is, before it reads it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waiting: list[Callable[[], None]] = []
        begin = AssetGraphView.__init__

        def begin_and_tell(view: AssetGraphView, **fields: Any) -> None:
            begin(view, **fields)
            while self.waiting:
                self.waiting.pop()()

        monkeypatch.setattr(AssetGraphView, "__init__", begin_and_tell)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    for name, value in DAEMON_SETTINGS.items():
        monkeypatch.setenv(name, value)
    return Meanwhile(monkeypatch)


def test_traces_reported_in_the_middle_of_a_tick_make_their_day_once(daemon: Daemon, meanwhile: Meanwhile) -> None:
    daemon.tell.materialized(keys.SCENARIOS, "another")  # of an empty log Dagster notes nothing
    daemon.tick()
    meanwhile.waiting.append(lambda: daemon.tell.materialized(keys.TRACES, DAY_ONE))
    asked = [daemon.tick()]
    asked.append(daemon.tick())
    make_day(daemon)
    asked += [daemon.tick() for _ in range(3)]
    assert [found for found in asked if found] == [{(key.to_user_string(), DAY_ONE) for key in keys.DAY_DATA}]


def test_what_is_made_in_the_middle_of_a_tick_is_not_asked_for_again(daemon: Daemon, meanwhile: Meanwhile) -> None:
    daemon.tell.materialized(keys.TRACES, DAY_ONE)
    assert daemon.tick()
    run = Run(daemon.tell)
    for key in keys.DAY_DATA:
        meanwhile.waiting.append(lambda key=key: run.make(key))
        assert daemon.tick() == set(), key
    run.end()
    for _ in range(3):
        assert daemon.tick() == set()
