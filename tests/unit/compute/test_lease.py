import json
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import update

from agent_factory.compute.lease import allocate, expire, hold, release, renew, show_pools
from agent_factory.contracts import Lease, ResourceSpec
from agent_factory.core import clock, table
from agent_factory.core.error import BusyError, ConflictError, DeadlineError, InputError, NotFoundError
from agent_factory.core.store import Store, open_store

POOLS = "[data]\nlimit = 2\n[inference]\nlimit = 2\n[training]\nlimit = 1\n[environment]\nlimit = 3\n"
TRAINING = ResourceSpec(pool="training")


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    (tmp_path / "pools.toml").write_text(POOLS)
    return tmp_path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path / 'factory.db'}")


def held(store: Store, recipes: Path, pool: str) -> int:
    return next(one.held for one in show_pools(store, recipes) if one.name == pool)


def test_a_full_pool_is_busy_until_released(store: Store, recipes: Path) -> None:
    lease = allocate(store, TRAINING, "first", 100, recipes=recipes)
    with pytest.raises(BusyError, match="first") as caught:
        allocate(store, TRAINING, "second", 100, recipes=recipes)
    assert 0 < caught.value.retry_after <= 100
    release(store, lease.id)
    assert held(store, recipes, "training") == 0
    assert allocate(store, TRAINING, "second", 100, recipes=recipes).holder == "second"


def test_release_twice_is_release_once(store: Store, recipes: Path) -> None:
    lease = allocate(store, TRAINING, "first", recipes=recipes)
    assert release(store, lease.id) == release(store, lease.id)
    allocate(store, TRAINING, "second", recipes=recipes)
    release(store, lease.id)
    assert held(store, recipes, "training") == 1


def test_slots_are_counted_not_leases(store: Store, recipes: Path) -> None:
    allocate(store, ResourceSpec(pool="environment", slots=2), "two", recipes=recipes)
    with pytest.raises(BusyError):
        allocate(store, ResourceSpec(pool="environment", slots=2), "two more", recipes=recipes)
    allocate(store, ResourceSpec(pool="environment", slots=1), "one", recipes=recipes)
    assert held(store, recipes, "environment") == 3
    assert held(store, recipes, "training") == 0


def test_an_expired_lease_holds_nothing(store: Store, recipes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = allocate(store, TRAINING, "killed", 60, recipes=recipes)
    later = clock.now() + timedelta(seconds=61)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert held(store, recipes, "training") == 0
    allocate(store, TRAINING, "next", 60, recipes=recipes)
    assert store.get(Lease, lease.id).state == "expired"
    assert release(store, lease.id).released_at is None
    with pytest.raises(ConflictError, match="expired"):
        renew(store, lease.id, 60)
    assert expire(store, "training") == 1


def test_what_cannot_be_had_is_refused(store: Store, recipes: Path) -> None:
    with pytest.raises(InputError, match="2 slots"):
        allocate(store, ResourceSpec(pool="training", slots=2), "big", recipes=recipes)
    with pytest.raises(InputError, match="time to live"):
        allocate(store, TRAINING, "short", 0, recipes=recipes)
    with pytest.raises(NotFoundError, match="gpu"):
        allocate(store, ResourceSpec(pool="gpu"), "x", recipes=recipes)
    with pytest.raises(NotFoundError, match="lease-0"):
        release(store, "lease-0")


def test_hold_gives_back_when_the_block_raises(store: Store, recipes: Path) -> None:
    def work() -> None:
        with hold(store, TRAINING, "worker", recipes=recipes):
            assert held(store, recipes, "training") == 1
            raise LookupError("the work failed")

    with pytest.raises(LookupError):
        work()
    assert held(store, recipes, "training") == 0


def test_hold_outlives_its_time_to_live_by_renewing(store: Store, recipes: Path) -> None:
    with hold(store, TRAINING, "worker", ttl_seconds=0.6, recipes=recipes) as lease:
        threading.Event().wait(1.0)
        assert held(store, recipes, "training") == 1
        assert store.get(Lease, lease.id).expires_at > lease.expires_at


def test_hold_gives_up_at_its_deadline(store: Store, recipes: Path) -> None:
    allocate(store, TRAINING, "other", recipes=recipes)
    with pytest.raises(DeadlineError, match="other"), hold(store, TRAINING, "w", wait_seconds=0.1, recipes=recipes):
        pytest.fail("held what another holds")


def test_threads_never_get_more_than_the_limit(store: Store, recipes: Path) -> None:
    def ask(number: int) -> bool:
        try:
            allocate(store, ResourceSpec(pool="environment"), f"thread-{number}", recipes=recipes)
        except BusyError:
            return False
        return True

    with ThreadPoolExecutor(12) as threads:
        assert sum(threads.map(ask, range(24))) == 3
    assert held(store, recipes, "environment") == 3


def _ask_often(url: str, recipes: Path, name: str, start: object, got: object) -> None:
    store = Store(url)
    start.wait(30)  # type: ignore[attr-defined]
    count = 0
    for _ in range(5):
        try:
            allocate(store, ResourceSpec(pool="inference"), name, 600, recipes=recipes)
            count += 1
        except BusyError:
            pass
    got.put(count)  # type: ignore[attr-defined]


def test_processes_never_get_more_than_the_limit(store: Store, recipes: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    start, got = spawn.Barrier(3), spawn.Queue()
    workers = [
        spawn.Process(target=_ask_often, args=(store.url, recipes, f"process-{i}", start, got)) for i in range(3)
    ]
    for worker in workers:
        worker.start()
    counts = [got.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(30)
    assert sum(counts) == 2
    assert held(store, recipes, "inference") == 2


def test_a_lease_of_before_that_had_a_priority_is_read_and_released(store: Store, recipes: Path) -> None:
    lease = allocate(store, TRAINING, "first", recipes=recipes)
    body = lease.to_json()
    body["resource"]["priority"] = 5
    with store.begin() as connection:
        rows = table.records
        connection.execute(update(rows).where(rows.c.id == lease.id).values(body=json.dumps(body)))
    assert held(store, recipes, "training") == 1
    assert release(store, lease.id).state == "released"
    with pytest.raises(ValidationError, match="priority"):
        ResourceSpec.model_validate({"pool": "training", "priority": 5})
