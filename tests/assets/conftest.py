"""A store, an instance and builds to look at, without a daemon."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

from agent_factory.contracts import (
    BuildSpec,
    DataWindow,
    EvalReport,
    EvaluationSpec,
    GateSpec,
    Measure,
    ModelScore,
    StageSpec,
)
from agent_factory.core.store import Store, open_store
from factory_assets.partitions import BUILD
from resources.artifact import ArtifactResource
from resources.store import StoreResource
from sensors.failure import tell_on_failure

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
PRICES = {"currency": "EUR", "cpu_core_hour": 0.04, "prompt_million_tokens": 0.0, "completion_million_tokens": 0.0}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path / 'factory.db'}")


@pytest.fixture
def resources(tmp_path: Path, store: Store) -> dict[str, Any]:
    return {
        "store": StoreResource(url=store.url, project="default"),
        "artifacts": ArtifactResource(url=str(tmp_path / "artifacts")),
    }


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def add_build(store: Store, instance: dg.DagsterInstance) -> Callable[..., BuildSpec]:
    def add(build: str, kinds: tuple[str, ...] = ("pretrain", "sft", "reward", "rft")) -> BuildSpec:
        spec = BuildSpec(
            id=build,
            created_at=NOW,
            recipe="support_desk",
            recipe_digest="d",
            base_model="nano",
            window=DataWindow(first_day=date(2026, 3, 1), last_day=date(2026, 3, 1)),
            min_rows=1,
            train_scenarios=5,
            stages=tuple(StageSpec.model_validate({"kind": kind}) for kind in kinds),
            evaluation=EvaluationSpec(scenarios=5, seed=1),
            gate=GateSpec(min_success=0.5),
            settings={"prices": PRICES},
        )
        store.put(spec)
        instance.add_dynamic_partitions(BUILD.name, [build])
        return spec

    return add


class Teller:
    """Reports to an instance what a run would have reported."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self._told = 0

    def materialized(
        self, key: dg.AssetKey, partition: str, metadata: dict[str, Any] | None = None, version: str | None = None
    ) -> None:
        """``version`` is the data version, a new one each time where none is given."""
        self._told += 1
        event = dg.AssetMaterialization(
            asset_key=key,
            partition=partition,
            metadata=metadata or {},
            tags={"dagster/data_version": version or f"version-{self._told}"},
        )
        self.instance.report_runless_asset_event(event)

    def checked(self, key: dg.AssetCheckKey, partition: str, *, passed: bool) -> None:
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key.asset_key, asset_partitions=[partition]), limit=1
        ).records
        target = AssetCheckEvaluationTargetMaterializationData(
            storage_id=records[0].storage_id, run_id=records[0].run_id, timestamp=records[0].timestamp
        )
        self.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=passed,
                partition=partition,
                blocking=True,
                target_materialization_data=target,
            )
        )


@pytest.fixture
def tell(instance: dg.DagsterInstance) -> Teller:
    return Teller(instance)


@pytest.fixture
def make_report() -> Callable[[str, str], EvalReport]:
    return _make_report


def _make_report(build: str, verdict: str) -> EvalReport:
    share = Measure(value=0.7, low=0.6, high=0.8, n=5)
    score = ModelScore(
        model="M3",
        stage="policy",
        success=share,
        by_level={"L1": share},
        by_kind={},
        tool_call_success=share,
        policy_violation=share,
        tokens_per_solved=None,
        cost_per_solved=None,
        episodes=5,
        seconds=1.0,
    )
    return EvalReport.model_validate(
        {
            "id": f"{build}-report",
            "created_at": NOW,
            "build": build,
            "recipe": "support_desk",
            "candidate": "M3",
            "taskset": f"{build}-eval",
            "taskset_digest": "d",
            "scores": [score],
            "comparisons": [],
            "failures": [],
            "verdict": verdict,
            "reasons": ["success is below what the gate asks for"],
            "results_path": "r",
            "html_path": "h",
        }
    )


def tell_failure(instance: dg.DagsterInstance, ended: dg.ExecuteInProcessResult, resources: dict[str, Any]) -> None:
    """Show a run that failed to the sensor ``tell_on_failure``, as the daemon does."""
    tell_on_failure(
        dg.build_run_status_sensor_context(
            sensor_name="tell_on_failure",
            dagster_instance=instance,
            dagster_run=ended.dagster_run,
            dagster_event=ended.get_run_failure_event(),
            resources=resources,
        ).for_run_failure()
    )
