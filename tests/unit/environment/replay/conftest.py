"""A scenario set of the order desk in a store of its own, and its traces as rollouts of a run."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent_factory.contracts import Order
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.played import Played
from agent_factory.core.recipe import load_recipe
from agent_factory.core.settings import CHECKOUT, get_settings
from agent_factory.core.store import open_store
from agent_factory.environment.rollout import run_episodes
from agent_factory.environment.scenario import make_scenario_set, read_scenarios

RUN, SET = "order-1", "desk-train"


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """The order desk in a folder that a test may edit."""
    shutil.copytree(CHECKOUT / "recipes" / "support_desk", tmp_path / "recipes" / "support_desk")
    monkeypatch.setenv("AGENT_FACTORY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AGENT_FACTORY_RECIPES", str(tmp_path / "recipes"))
    get_settings.cache_clear()
    yield load_recipe("support_desk")
    get_settings.cache_clear()


@pytest.fixture
def artifacts(tmp_path):
    return Artifacts(str(tmp_path / "artifacts"))


@pytest.fixture
def store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'factory.db'}")
    yield store
    store.engine.dispose()


@pytest.fixture
def make_set(store, artifacts, recipe):
    def make(count=10, seed=7):
        options = {"set_id": SET, "build": None, "split": "train", "count": count, "seed": seed}
        with ThreadPoolExecutor(1) as thread:  # it runs an event loop of its own, and so may the test
            record = thread.submit(make_scenario_set, store, artifacts, recipe, **options).result(60)
        return read_scenarios(artifacts, record)

    return make


@pytest.fixture
def play(recipe, store, artifacts):
    """Plays scenarios into the file of the run ``order-1``."""

    async def run(scenarios, engine, **options):
        options = {"run": f"{RUN}-M1", "shielded": False, "build": "b1", **options}
        traces = await run_episodes(scenarios, recipe, engine, "M1", **options)
        keep(traces)
        return traces

    def keep(traces):
        request = {"build": "b1", "scenarios": SET}
        store.put(Order(id=RUN, created_at=clock.now(), kind="rollout", request=request), replace=True)
        artifacts.write_traces(f"orders/{RUN}/M1.parquet", traces)

    run.keep = keep
    run.file = Played(f"orders/{RUN}/M1.parquet", SET)
    return run
