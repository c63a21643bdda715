"""Which runs an order begins with."""

from dataclasses import dataclass

import dagster as dg

from agent_factory.contracts.build import BuildSpec, EpisodeRequest, Order
from agent_factory.contracts.dataset import BUILD_KINDS
from agent_factory.contracts.evaluation import EvalReport
from agent_factory.core.error import FactoryError
from agent_factory.core.lineup import read_lineup
from agent_factory.core.store import Store
from factory_assets import keys
from factory_assets.stage import AGENT_TAG, OrderConfig
from sensors.state import ORDER_TAG, PART_TAG

PRIORITY_TAG = "dagster/priority"


@dataclass(frozen=True)
class RunPlan:
    """Runs to be started, of which build; or why there can be none."""

    runs: tuple[dg.RunRequest, ...] = ()
    build: str | None = None
    refusal: str | None = None


def plan_build(order: Order, spec: BuildSpec) -> RunPlan:
    """A build begins with two runs: its data and scenarios, and beside them its base model."""
    parts = {"roots": keys.LIGHT_ROOTS, "base": (keys.BASE_MODEL,)}
    return RunPlan(tuple(_request(order, spec, part, assets) for part, assets in parts.items()), spec.id)


def plan_single(store: Store, order: Order, spec: BuildSpec) -> RunPlan:
    """An order of one asset of a build; refused where what it reads is not there."""
    if order.kind == "dataset":
        return _plan_dataset(order, spec)
    if order.kind == "promotion":
        return _plan_promotion(store, order, spec)
    return _plan_episodes(store, order, spec)


def _plan_episodes(store: Store, order: Order, spec: BuildSpec) -> RunPlan:
    """A run of the order's own; only an evaluation that names no set is the build's, and decides its gate."""
    try:
        asked, lineup = EpisodeRequest.model_validate(order.request), read_lineup(store, order)
    except FactoryError as error:
        return RunPlan(refusal=str(error))
    if order.kind == "rollout":
        return RunPlan((_ordered(order, spec, keys.ORDERED_ROLLOUTS),), spec.id)
    if asked.scenarios is not None:
        return RunPlan((_ordered(order, spec, keys.TASKSET_REPORT),), spec.id)
    if lineup.models[-1].stage != "policy":
        return RunPlan(refusal=f"build {spec.id!r} has no policy model yet: its evaluation needs one")
    return RunPlan((_request(order, spec, "report", (keys.REPORT,)),), spec.id)


def _plan_dataset(order: Order, spec: BuildSpec) -> RunPlan:
    datasets = {"sft": keys.SFT_DATASET, "preference": keys.PREFERENCE_DATASET, "eval": keys.EVAL_DATASET}
    asked = order.request.get("kind")
    if asked not in BUILD_KINDS:
        return RunPlan(refusal=f"a build has no dataset of kind {asked!r}; it has {', '.join(BUILD_KINDS)}")
    key = datasets[asked]
    # Leaks are looked for among the held-out scenarios, so these come first.
    return RunPlan((_request(order, spec, "dataset", (keys.SCENARIOS, key)),), spec.id)


def _plan_promotion(store: Store, order: Order, spec: BuildSpec) -> RunPlan:
    reports = store.find(EvalReport, build=spec.id, newest_first=True, limit=1)
    if not reports or reports[0].verdict != "PASS":
        found = f"says {reports[0].verdict}" if reports else "is missing"
        return RunPlan(refusal=f"build {spec.id!r} is not promoted: its evaluation report {found}, PASS is asked for")
    return RunPlan((_request(order, spec, "promotion", (keys.RELEASE, keys.DEPLOYMENT)),), spec.id)


def _ordered(order: Order, spec: BuildSpec, key: dg.AssetKey) -> dg.RunRequest:
    config = dg.RunConfig(ops={key.to_python_identifier(): OrderConfig(order=order.id)})
    return _request(order, spec, key.path[-1], (key,), config)


def _request(
    order: Order, spec: BuildSpec, part: str, assets: tuple[dg.AssetKey, ...], config: dg.RunConfig | None = None
) -> dg.RunRequest:
    agent = order.request.get("agent")
    tags = {ORDER_TAG: order.id, PART_TAG: part, PRIORITY_TAG: str(spec.priority)}
    if agent:
        tags[AGENT_TAG] = str(agent)
    return dg.RunRequest(
        run_key=f"{order.id}-{part}",
        run_config=config,
        partition_key=spec.id,
        asset_selection=list(assets),
        tags=tags,
    )
