"""A factory with one passed build of the shipped recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent_factory.contracts import (
    BuildSpec,
    DataWindow,
    EvalReport,
    Measure,
    ModelManifest,
    ModelScore,
)
from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_folder
from agent_factory.core.order import make_build_spec
from agent_factory.core.recipe import Recipe, load_recipe
from agent_factory.core.settings import get_settings
from agent_factory.core.store import Store, open_store
from agent_factory.runtime.promotion import deploy_release, release_build

THEN = datetime(2026, 11, 1, 12, tzinfo=UTC)
SHARE = Measure(value=0.9, low=0.8, high=0.95, n=300)


class Plant(NamedTuple):
    """A store, its artifacts, and the passed build ``b1`` with the model M2."""

    store: Store
    artifacts: Artifacts
    recipe: Recipe
    build: BuildSpec
    model: ModelManifest

    def report(self, verdict: Any = "PASS", reasons: tuple[str, ...] = ("Success: 90.0 %.",), **changes: Any) -> None:
        score = ModelScore(
            model="M2",
            stage="policy",
            success=SHARE,
            by_level={},
            by_kind={},
            tool_call_success=SHARE,
            policy_violation=SHARE,
            tokens_per_solved=None,
            cost_per_solved=None,
            episodes=300,
            seconds=None,
        )
        fields: dict[str, Any] = {
            "id": f"{self.build.id}-report",
            "created_at": THEN,
            "build": self.build.id,
            "recipe": self.recipe.name,
            "candidate": "M2",
            "taskset": "t",
            "taskset_digest": "t",
            "scores": (score,),
            "comparisons": (),
            "failures": (),
            "verdict": verdict,
            "reasons": reasons,
            "results_path": "r",
            "html_path": "h",
            "settings": {"model_digests": {"M2": self.model.digest}},
        }
        self.store.put(EvalReport(**{**fields, **changes}), replace=True)

    def deploy(self) -> None:
        self.report()
        release = release_build(self.store, self.recipe, self.build.id, self.artifacts)
        deploy_release(self.store, release.id)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AGENT_FACTORY_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def plant(make_plant: Callable[..., Plant]) -> Plant:
    return make_plant()


@pytest.fixture
def make_plant(tmp_path: Path) -> Callable[..., Plant]:
    """Makes the factory; keywords are overrides of build.toml."""
    return partial(_make_plant, tmp_path)


def _make_plant(folder: Path, **overrides: Any) -> Plant:
    store = open_store(f"sqlite:///{folder / 'factory.db'}")
    artifacts = Artifacts(str(folder / "artifacts"))
    recipe = load_recipe("support_desk")
    window = DataWindow(first_day=date(2026, 10, 29), last_day=date(2026, 10, 31))
    build = make_build_spec(recipe, "default", window, overrides, build_id="b1")
    store.put(build)
    path = "builds/b1/models/policy"
    artifacts.write_text(f"{path}/config.json", "{}")
    artifacts.write_bytes(f"{path}/model.safetensors", b"weights")
    model = ModelManifest(
        id="M2",
        created_at=THEN,
        stage="policy",
        recipe=recipe.name,
        build="b1",
        path=path,
        digest=digest_folder(artifacts.local(path)),
        parameters=1,
    )
    store.put(model)
    return Plant(store, artifacts, recipe, build, model)


@pytest.fixture
def deployed(plant: Plant) -> Plant:
    """The passed build serves."""
    plant.deploy()
    return plant
