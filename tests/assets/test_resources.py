"""Workers, processes and pools: how the outside is reached, and what is said when it fails."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from agent_factory.compute.lease import allocate
from agent_factory.compute.pool import read_pools
from agent_factory.contracts import Lease, ResourceSpec
from agent_factory.core.settings import read_settings
from agent_factory.core.store import Store
from resources.launcher import newest_source
from resources.pools import write_pools
from resources.process import Identity
from resources.profile import read_profile
from resources.store import StoreResource
from resources.worker import WorkerResource


def run_python(code: str, deadline: float = 60.0) -> int:
    worker = WorkerResource(deadline_seconds=deadline, store_url="sqlite://", project="default")
    return worker._wait_for([sys.executable, "-c", code], os.environ)


def test_a_worker_tells_its_exit_code_or_the_signal_that_ended_it() -> None:
    assert run_python("") == 0
    assert run_python("raise SystemExit(3)") == 3
    assert run_python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)") == -signal.SIGKILL


def test_a_worker_that_does_not_end_is_stopped() -> None:
    with pytest.raises(dg.Failure, match=r"did not end within 1 s"):
        run_python("import time; time.sleep(600)", deadline=1.0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_worker_ends_with_its_run(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    sleeper = f"import os, pathlib, time; pathlib.Path({str(told)!r}).write_text(str(os.getpid())); time.sleep(600)"
    run = (
        "import os, sys; from resources.worker import WorkerResource; "
        "worker = WorkerResource(deadline_seconds=600, store_url='sqlite://', project='default'); "
        f"worker._wait_for([sys.executable, '-c', {sleeper!r}], os.environ)"
    )
    with subprocess.Popen([sys.executable, "-c", run]) as process:
        while not (told.exists() and told.read_text()):
            time.sleep(0.05)
        worker = Identity.of(int(told.read_text()))
        process.kill()
    for _ in range(200):
        if not worker.is_running():
            break
        time.sleep(0.05)
    assert not worker.is_running()


def test_a_process_is_known_by_its_start_too() -> None:
    me = Identity.of(os.getpid())
    assert Identity.read(str(me)) == me
    assert me.is_running()
    assert not me._replace(started=me.started - 60).is_running()
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        other = Identity.of(process.pid)
    assert not other.is_running()


def test_a_changed_source_is_newer_than_the_warm_process(tmp_path: Path) -> None:
    for name in ("agent_factory", "factory_assets", "resources", "sensors"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.py").write_text("")
    os.utime(tmp_path / "sensors" / "one.py", (4_000_000_000, 4_000_000_000))
    assert newest_source(tmp_path) == 4_000_000_000


def test_pools_are_those_of_the_file_and_no_others(instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.set_concurrency_slots("forgotten", 4)
    limits = write_pools(instance)
    assert limits == {pool.name: pool.limit for pool in read_pools()}
    found = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}
    assert found == limits


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["b1"]), pool="training")
def worked(context: dg.AssetExecutionContext, worker: WorkerResource) -> dg.MaterializeResult:
    # `timeit` is a module of the standard library that any process can run.
    worker.run(context, "timeit", ["-n", "1", "pass"], extras={})
    return dg.MaterializeResult()


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["b1"]))
def without_pool(context: dg.AssetExecutionContext, worker: WorkerResource) -> dg.MaterializeResult:
    worker.run(context, "timeit", ["-n", "1", "pass"], extras={})
    return dg.MaterializeResult()


def materialize(asset: dg.AssetsDefinition, store: Store, instance: dg.DagsterInstance, wait: float) -> str:
    """What the step's failure says; nothing where it succeeded."""
    worker = WorkerResource(deadline_seconds=wait, store_url=store.url, project="default")
    ended = dg.materialize(
        [asset], partition_key="b1", instance=instance, resources={"worker": worker}, raise_on_error=False
    )
    return "" if ended.success else str(ended.failure_data_for_node(asset.op.name))


def test_a_worker_runs_under_a_lease_of_its_assets_pool(store: Store, instance: dg.DagsterInstance) -> None:
    assert materialize(worked, store, instance, wait=60) == ""
    (lease,) = store.find(Lease)
    assert (lease.resource.pool, lease.build, lease.state) == ("training", "b1", "released")
    assert lease.holder == "worked of b1"


def test_a_worker_waits_for_what_others_hold(store: Store, instance: dg.DagsterInstance) -> None:
    taken = allocate(store, ResourceSpec(pool="training"), "a person", ttl_seconds=600)
    assert "held by a person" in materialize(worked, store, instance, wait=0.2)
    assert [lease.id for lease in store.find(Lease)] == [taken.id]


def test_a_worker_without_a_pool_is_refused(store: Store, instance: dg.DagsterInstance) -> None:
    assert "names no pool" in materialize(without_pool, store, instance, wait=60)
    assert store.find(Lease) == []


@dg.asset(key="asked")
def opened(store: StoreResource) -> str:
    """What the store's resource is when it is used."""
    return store.url


def test_a_password_of_the_database_is_shown_by_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql+psycopg://factory:s3cret@db/factory"
    monkeypatch.setenv("AGENT_FACTORY_DATABASE_URL", url)
    resources = read_profile(read_settings())
    code = dg.Definitions(assets=[opened], resources=resources).get_repository_def()
    shown = [str(resource) for resource in code.get_top_level_resources().values()]
    assert "s3cret" not in "".join(shown) + repr(resources)
    assert dg.materialize([opened], resources={"store": resources["store"]}).output_for_node("asked") == url
    monkeypatch.delenv("AGENT_FACTORY_DATABASE_URL")
    assert read_profile(read_settings())["store"].url.startswith("sqlite:///")
