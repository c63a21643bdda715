"""What all assets share: how one is declared, and how its work is recorded as it goes.

Invariant: whatever runs is a StageRun in the store while it runs, and a Usage after it; what a blocking
check said is a CheckRun. Workers record themselves; what works inside the run does so by ``working``.
"""

import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Any, cast

import dagster as dg

from agent_factory.compute.price import Prices, read_prices
from agent_factory.compute.usage import meter, read_usage
from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.check import CheckRun
from agent_factory.contracts.compute import FactoryName
from agent_factory.core import clock
from agent_factory.core.day import day_scope
from agent_factory.core.progress import Progress, track
from agent_factory.core.store import Store
from factory_assets.partitions import BUILD, DAY
from resources.store import StoreResource

OWNERS = ["team:agent-factory"]
AGENT_TAG = "agent-factory/agent"
"""Run tag: the agent that a deployment is for, where it is not the recipe's own."""


class OrderConfig(dg.Config):
    """Run config of what is made for one order: the order's id."""

    order: str


Declare = Callable[[Callable[..., Any]], dg.AssetsDefinition]


def day_asset(key: dg.AssetKey, **options: Any) -> Declare:
    """Declare an asset of the DAY axis in the group of its factory.

    A backfill of many days is one run a day, which is Dagster's default: checks by day are recorded in runs
    of one day only, a day that fails leaves the others alone, and pools bound how many run at once.
    """
    return _declare(key, DAY, "day", options)


def build_asset(key: dg.AssetKey, **options: Any) -> Declare:
    """Declare an asset of the BUILD axis in the group of its factory."""
    return _declare(key, BUILD, "build", options)


def _declare(key: dg.AssetKey, axis: dg.PartitionsDefinition, axis_name: str, options: dict[str, Any]) -> Declare:
    tags = {"agent-factory/axis": axis_name}
    made = dg.asset(key=key, group_name=key.path[0], partitions_def=axis, owners=OWNERS, tags=tags, **options)
    return cast("Declare", made)


def day_check(key: dg.AssetKey, **options: Any) -> Callable[..., Any]:
    """Declare a blocking check of a DAY asset, by day: one day's pass says nothing of another's."""
    return _check(key, DAY, options)


def build_check(key: dg.AssetKey, **options: Any) -> Callable[..., Any]:
    """Declare a blocking check of a BUILD asset, by build: one build's pass releases no other."""
    return _check(key, BUILD, options)


def build_warning(key: dg.AssetKey, **options: Any) -> Callable[..., Any]:
    """Declare a check of a BUILD asset that stops nothing and is told in Dagster alone."""

    def declare(body: Callable[..., Any]) -> dg.AssetChecksDefinition:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.PreviewWarning)
            return dg.asset_check(asset=key, partitions_def=BUILD, **options)(body)

    return declare


def _check(key: dg.AssetKey, axis: dg.PartitionsDefinition, options: dict[str, Any]) -> Callable[..., Any]:
    made = dg.asset_check(asset=key, blocking=True, partitions_def=axis, **options)

    def declare(body: Callable[..., Any]) -> dg.AssetChecksDefinition:
        name = options.get("name", body.__name__)

        @wraps(body)
        def checked(context: dg.AssetCheckExecutionContext, store: StoreResource, **rest: Any) -> dg.AssetCheckResult:
            with _recording(name, key, context.partition_key, store) as tell:
                result: dg.AssetCheckResult = body(context, store, **rest)
                tell(result.passed, result.description or "no reason was given")
            return result

        with warnings.catch_warnings():
            # Partitioned checks are a preview: Dagster is pinned, and the tests hold what they must do.
            warnings.simplefilter("ignore", dg.PreviewWarning)
            return made(checked)

    return declare


@contextmanager
def _recording(
    check: str, key: dg.AssetKey, partition: str, store: StoreResource
) -> Generator[Callable[[bool, str], None]]:
    """Record what a check says, by the function that is given; one that raised did not pass."""
    records = store.open()
    spec, scope = _scope_of(records, store.project, partition)

    def tell(passed: bool, said: str) -> None:
        found = CheckRun(
            id=".".join((scope, *key.path, check)),
            project=store.project,
            created_at=clock.now(),
            check=check,
            asset=key.to_user_string(),
            partition=partition,
            build=None if spec is None else spec.id,
            state="passed" if passed else "failed",
            said=said,
        )
        records.put(found, replace=True)

    try:
        yield tell
    except Exception as error:
        tell(False, f"{type(error).__name__}: {error}")
        raise


@contextmanager
def working(
    context: dg.AssetExecutionContext, store: Store, project: str, order: str | None = None
) -> Generator[Progress]:
    """Record the asset's work: its progress by order, build or day, and what it spent."""
    factory, thing = context.asset_key.path
    spec, scope = _scope_of(store, project, context.partition_key)
    scope = order or scope
    prices = None if spec is None else prices_of(spec)
    build = None if spec is None else spec.id
    with (
        meter(store, cast("FactoryName", factory), thing, build=build, prices=prices, project=project),
        # What is made for an order is no stage of its build.
        track(store, factory, thing, build=None if order else build, scope=scope, project=project) as progress,
    ):
        tags = context.run.tags
        progress.update(requested_by=tags.get("dagster/sensor_name") or tags.get("dagster/schedule_name") or "a person")
        yield progress


def _scope_of(store: Store, project: str, partition: str) -> tuple[BuildSpec | None, str]:
    """The build of a partition, if it is one, and what the records of its stages begin with."""
    spec = store.peek(BuildSpec, partition)
    return spec, day_scope(project, partition) if spec is None else spec.id


def prices_of(spec: BuildSpec) -> Prices:
    """The price table that the build was ordered with."""
    return read_prices(cast("Mapping[str, Any]", spec.settings))


def describe_spending(store: Store, build: str, since: datetime) -> dict[str, Any]:
    """Metadata of what a build spent since an instant: seconds, peak memory, tokens and cost."""
    spent = [usage for usage in read_usage(store, build=build) if usage.started_at >= since]
    peaks = [usage.peak_memory_bytes for usage in spent if usage.peak_memory_bytes is not None]
    found: dict[str, Any] = {
        "wall_seconds": sum(usage.wall_seconds for usage in spent),
        "cpu_seconds": sum(usage.cpu_seconds for usage in spent),
        "tokens": sum(usage.prompt_tokens + usage.completion_tokens for usage in spent),
        "cost": sum(usage.cost for usage in spent),
    }
    if peaks:
        found["peak_memory_mib"] = max(peaks) / 2**20
    return found if spent else {}
