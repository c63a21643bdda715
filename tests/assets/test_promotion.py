"""A promotion that failed half-way is made again until release and deployment stand, and not for ever."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from agent_factory.contracts import DataWindow, Deployment, EvalReport, ModelManifest, Order, Release
from agent_factory.core import clock
from agent_factory.core.digest import digest_folder
from agent_factory.core.error import StorageError
from agent_factory.core.order import make_build_spec, order_build
from agent_factory.core.store import Store
from agent_factory.runtime import promotion as runtime_promotion
from agent_factory.training import registry
from factory_assets import keys
from factory_assets.definitions import defs
from factory_assets.partitions import BUILD
from factory_assets.runtime.assets import deployment, release
from sensors.promotion import ATTEMPTS, SECONDS_BETWEEN, promote_passed_builds
from tests.assets.conftest import tell_failure

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def build(store: Store, instance: dg.DagsterInstance, tmp_path: Path, make_report: Callable[..., EvalReport]) -> str:
    """A build of the shipped recipe that passed, with the files of its candidate M3."""
    window = DataWindow(first_day=date(2026, 3, 1), last_day=date(2026, 3, 1))
    spec = make_build_spec("support_desk", "default", window, build_id="good")
    folder = tmp_path / "artifacts" / "m"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    facts = {"recipe": "support_desk", "build": "good", "path": "m", "digest": digest_folder(folder), "parameters": 1}
    store.put(ModelManifest(id="M3", created_at=NOW, stage="policy", **facts))
    store.put(
        make_report("good", "PASS").model_copy(update={"settings": {"model_digests": {"M3": facts["digest"]}}}),
    )
    order_build(store, spec)
    instance.add_dynamic_partitions(BUILD.name, ["good"])
    return spec.id


@pytest.fixture
def judged(build: str, tell: Any) -> str:
    tell.materialized(keys.REPORT, build)
    tell.checked(keys.GATE, build, passed=True)
    return build


@pytest.fixture
def crowned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which models MLflow was told to be the champion."""
    told: list[str] = []
    monkeypatch.setattr(registry, "move_champion", lambda manifest: told.append(manifest.id))
    return told


def look(instance: dg.DagsterInstance, resources: dict[str, Any]) -> list[dg.RunRequest]:
    context = dg.build_sensor_context(instance=instance, definitions=defs, resources=resources)
    found = promote_passed_builds(context, store=resources["store"])
    assert isinstance(found, dg.SensorResult)
    return list(found.run_requests or [])


def start(instance: dg.DagsterInstance, request: dg.RunRequest) -> dg.DagsterRun:
    """The run that the daemon would make of a request."""
    job = defs.resolve_implicit_global_asset_job_def()
    tags = {**request.tags, "dagster/partition": str(request.partition_key)}
    return instance.create_run_for_job(job, tags=tags, asset_selection=set(request.asset_selection or ()))


def fail(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    instance.report_run_failed(run, "MLflow is away")


def rest(monkeypatch: pytest.MonkeyPatch) -> None:
    later = clock.now() + timedelta(seconds=SECONDS_BETWEEN + 1)
    monkeypatch.setattr(clock, "now", lambda: later)


def promote(instance: dg.DagsterInstance, resources: dict[str, Any], build: str) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [release, deployment], partition_key=build, instance=instance, resources=resources, raise_on_error=False
    )


class TestPromotePassedBuilds:
    def test_a_failed_promotion_is_asked_for_again_as_another_run(
        self,
        judged: str,
        store: Store,
        instance: dg.DagsterInstance,
        resources: dict[str, Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        (first,) = look(instance, resources)
        run = start(instance, first)
        assert look(instance, resources) == [], "one attempt at a time"
        release_made = Release.model_construct(id="good-release", created_at=NOW, build="good", project="default")
        store.put(release_made)
        fail(instance, run)
        assert look(instance, resources) == [], "not at once"
        rest(monkeypatch)
        (second,) = look(instance, resources)
        assert second.run_key != first.run_key
        assert (second.partition_key, second.asset_selection) == (first.partition_key, first.asset_selection)

    def test_attempts_come_to_an_end(
        self, judged: str, instance: dg.DagsterInstance, resources: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keys_asked: list[str | None] = []
        while requests := look(instance, resources):
            keys_asked.append(requests[0].run_key)
            fail(instance, start(instance, requests[0]))
            rest(monkeypatch)
            assert len(keys_asked) <= ATTEMPTS
        assert len(set(keys_asked)) == ATTEMPTS

    def test_a_run_that_dagster_tries_again_or_a_person_cancelled_is_left_alone(
        self, judged: str, instance: dg.DagsterInstance, resources: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = start(instance, look(instance, resources)[0])
        fail(instance, run)
        instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
        rest(monkeypatch)
        assert look(instance, resources) == []
        instance.add_run_tags(run.run_id, {"dagster/will_retry": "false"})
        (again,) = look(instance, resources)
        instance.report_run_canceled(start(instance, again))
        rest(monkeypatch)
        assert look(instance, resources) == []

    def test_what_was_promoted_later_is_not_replaced(
        self,
        judged: str,
        store: Store,
        tell: Any,
        instance: dg.DagsterInstance,
        resources: dict[str, Any],
        make_report: Callable[..., EvalReport],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        fail(instance, start(instance, look(instance, resources)[0]))
        rest(monkeypatch)
        assert look(instance, resources)
        store.put(make_report("later", "PASS").model_copy(update={"created_at": NOW + timedelta(hours=1)}))
        for key in (keys.RELEASE, keys.DEPLOYMENT):
            tell.materialized(key, "later")
        assert look(instance, resources) == []

    def test_both_must_stand(
        self, judged: str, tell: Any, instance: dg.DagsterInstance, resources: dict[str, Any]
    ) -> None:
        tell.materialized(keys.RELEASE, judged)
        assert look(instance, resources)
        tell.materialized(keys.DEPLOYMENT, judged)
        assert look(instance, resources) == []


class TestHalfWay:
    def test_mlflow_calls_champion_only_what_serves(
        self,
        build: str,
        store: Store,
        instance: dg.DagsterInstance,
        resources: dict[str, Any],
        crowned: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def break_down(*_: Any) -> None:
            raise StorageError("the disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(runtime_promotion, "deploy_release", break_down)
            assert not promote(instance, resources, build).success
        assert crowned == []
        assert promote(instance, resources, build).success
        assert crowned == ["M3"]

    def test_an_alias_that_did_not_move_is_moved_by_the_next_attempt(
        self,
        build: str,
        store: Store,
        instance: dg.DagsterInstance,
        resources: dict[str, Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        told: list[str] = []

        def move(manifest: ModelManifest) -> None:
            told.append(manifest.id)
            if len(told) == 1:
                raise StorageError("MLflow cannot be reached")

        monkeypatch.setattr(registry, "move_champion", move)
        assert not promote(instance, resources, build).success
        (serving,) = store.find(Deployment, state="serving")
        assert instance.get_materialized_partitions(keys.DEPLOYMENT) == set()
        assert promote(instance, resources, build).success
        assert store.find(Deployment, state="serving") == [serving]
        assert told == ["M3", "M3"]
        assert instance.get_materialized_partitions(keys.DEPLOYMENT) == {build}


@pytest.mark.parametrize(("attempt", "state"), [(1, "accepted"), (ATTEMPTS, "failed")])
def test_the_order_is_told_of_each_attempt_and_fails_with_the_last(
    attempt: int, state: str, build: str, store: Store, resources: dict[str, Any]
) -> None:
    (order,) = store.find(Order, build=build)
    store.put(order.model_copy(update={"state": "accepted"}), replace=True)

    @dg.op
    def break_down() -> None:
        raise StorageError("MLflow cannot be reached")

    @dg.job(tags={"dagster/partition": build, "agent-factory/attempt": str(attempt)})
    def broken() -> None:
        break_down()

    with dg.instance_for_test() as instance:
        ended = broken.execute_in_process(instance=instance, raise_on_error=False)
        tell_failure(instance, ended, resources)
    found = store.get(Order, order.id)
    assert found.state == state
    assert f"attempt {attempt} to promote failed" in (found.reason or "")
    assert "MLflow cannot be reached" in (found.reason or "")
