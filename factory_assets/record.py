"""What a build has made so far, asked of the store: the record that assets and checks go by.

Invariant: what is not there raises; an asset never goes on with another build's record.
"""

from agent_factory.contracts.build import Order
from agent_factory.contracts.dataset import DatasetManifest
from agent_factory.contracts.evaluation import EvalReport
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.core.error import ConflictError, NotFoundError
from agent_factory.core.store import Store
from factory_assets.stage import OrderConfig


def newest_dataset(store: Store, build: str, kind: str) -> DatasetManifest:
    """The build's newest dataset of a kind; NotFoundError if it has none."""
    for manifest in store.find(DatasetManifest, build=build, newest_first=True):
        if manifest.kind == kind:
            return manifest
    raise NotFoundError(f"build {build!r} has no dataset of kind {kind!r}: materialize data/{kind}_dataset for it")


def newest_model(store: Store, build: str, stage: str) -> ModelManifest:
    """The build's newest model of a stage; NotFoundError if it has none."""
    for manifest in store.find(ModelManifest, build=build, newest_first=True):
        if manifest.stage == stage:
            return manifest
    raise NotFoundError(f"build {build!r} has no model of stage {stage!r}: materialize training/{stage}_model for it")


def newest_report(store: Store, build: str) -> EvalReport:
    """The build's newest evaluation; NotFoundError if it has none."""
    for report in store.find(EvalReport, build=build, newest_first=True, limit=1):
        return report
    raise NotFoundError(f"build {build!r} has no evaluation: materialize evaluation/report for it")


def eval_set_of(store: Store, build: str) -> ScenarioSet:
    """The build's held-out scenarios; NotFoundError if they were not made."""
    return store.get(ScenarioSet, f"{build}-eval")


def train_set_of(store: Store, build: str) -> ScenarioSet:
    """The build's training scenarios; NotFoundError if they were not made."""
    return store.get(ScenarioSet, f"{build}-train")


def order_of(store: Store, config: OrderConfig, build: str) -> Order:
    """The order that a run is for; ConflictError where it is of another build."""
    found = store.get(Order, config.order)
    if found.build != build:
        raise ConflictError(
            f"order {found.id!r} is of build {found.build!r}, the run of {build!r}: choose its partition"
        )
    return found
