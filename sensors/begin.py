"""Which runs an order begins with."""

from dataclasses import dataclass

import dagster as dg

from agent_factory.contracts.build import BuildSpec, Order
from agent_factory.contracts.evaluation import EvalReport
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.core.store import Store
from factory_assets import keys
from factory_assets.stage import AGENT_TAG
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
    stages = {model.stage for model in store.find(ModelManifest, build=spec.id)}
    has_scenarios = store.peek(ScenarioSet, f"{spec.id}-train") is not None
    if order.kind == "rollout":
        if "sft" not in stages or not has_scenarios:
            return RunPlan(refusal=f"build {spec.id!r} has no SFT model and scenarios yet: rollouts need both")
        return RunPlan((_request(order, spec, "rollouts", (keys.ROLLOUTS,)),), spec.id)
    if order.kind == "evaluation":
        if "policy" not in stages or not has_scenarios:
            return RunPlan(refusal=f"build {spec.id!r} has no policy model and scenarios yet: evaluation needs both")
        return RunPlan((_request(order, spec, "report", (keys.REPORT,)),), spec.id)
    return _plan_promotion(store, order, spec)


def _plan_dataset(order: Order, spec: BuildSpec) -> RunPlan:
    datasets = {"sft": keys.SFT_DATASET, "preference": keys.PREFERENCE_DATASET, "eval": keys.EVAL_DATASET}
    key = datasets.get(str(order.request.get("kind")))
    if key is None:
        asked = order.request.get("kind")
        return RunPlan(refusal=f"a build has no dataset of kind {asked!r}; it has {', '.join(datasets)}")
    # Leaks are looked for among the held-out scenarios, so these come first.
    return RunPlan((_request(order, spec, "dataset", (keys.SCENARIOS, key)),), spec.id)


def _plan_promotion(store: Store, order: Order, spec: BuildSpec) -> RunPlan:
    reports = store.find(EvalReport, build=spec.id, newest_first=True, limit=1)
    if not reports or reports[0].verdict != "PASS":
        found = f"says {reports[0].verdict}" if reports else "is missing"
        return RunPlan(refusal=f"build {spec.id!r} is not promoted: its evaluation report {found}, PASS is asked for")
    return RunPlan((_request(order, spec, "promotion", (keys.RELEASE, keys.DEPLOYMENT)),), spec.id)


def _request(order: Order, spec: BuildSpec, part: str, assets: tuple[dg.AssetKey, ...]) -> dg.RunRequest:
    agent = order.request.get("agent")
    tags = {ORDER_TAG: order.id, PART_TAG: part, PRIORITY_TAG: str(spec.priority)}
    if agent:
        tags[AGENT_TAG] = str(agent)
    return dg.RunRequest(run_key=f"{order.id}-{part}", partition_key=spec.id, asset_selection=list(assets), tags=tags)
