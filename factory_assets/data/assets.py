"""Data: a day's traces become events, clean events and labels; a build's window becomes datasets.

Bodies import their factory where they work, so that loading the definitions loads no library of it.
"""

from typing import TYPE_CHECKING, Any

import dagster as dg

from agent_factory.contracts.build import BuildSpec
from factory_assets import keys
from factory_assets.conditions import DAY_BEGINS, WITH_INPUT
from factory_assets.partitions import from_days
from factory_assets.stage import build_asset, day_asset, working
from resources.artifact import ArtifactResource
from resources.store import StoreResource

if TYPE_CHECKING:
    from agent_factory.contracts.dataset import DatasetManifest

_POOL = "data"


def describe_file(file: Any) -> dg.MaterializeResult:
    """A file of a day: rows, digest, path, and which traces could not be read and were set aside."""
    metadata: dict[str, Any] = {"dagster/row_count": file.rows, "digest": file.digest, "path": file.path}
    if file.set_aside.count:
        metadata["set_aside"] = file.set_aside.count
        metadata["set_aside_traces"] = dg.MetadataValue.json(file.set_aside.model_dump()["examples"])
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(file.digest))


def _add_docs(made: dg.MaterializeResult, artifacts: ArtifactResource, path: str) -> dg.MaterializeResult:
    """The same with a link to the Data Docs that its schema check leaves."""
    from agent_factory.data.check import docs_path

    return made._replace(metadata={**(made.metadata or {}), "data_docs": artifacts.link(docs_path(path))})


def describe_clean(day: Any, picture: str | None) -> dg.MaterializeResult:
    """A clean day: its file, how many traces each rule kept, flagged and dropped, and its clusters."""
    described = describe_file(day)
    metadata = {**described.metadata, "decisions": dg.MetadataValue.json(day.told["rules"])}
    metadata["anomalies"] = dg.MetadataValue.json(day.told["anomalies"])
    metadata["clusters"] = dg.MetadataValue.json(day.told["clusters"])
    for verdict in ("kept", "flagged", "dropped"):
        metadata[verdict] = day.told["verdicts"].get(verdict, 0)
    if picture:
        metadata["clusters_drawn"] = dg.MetadataValue.md(picture)
    return dg.MaterializeResult(metadata=metadata, data_version=described.data_version)


def describe_dataset(manifest: "DatasetManifest") -> dg.MaterializeResult:
    """A dataset: its number, rows, digest, lineage and statistics."""
    metadata = {
        "dataset": manifest.id,
        "dagster/row_count": manifest.rows,
        "traces": manifest.trace_count,
        "digest": manifest.digest,
        "path": manifest.path,
        "statistics": dg.MetadataValue.json(manifest.statistics),
    }
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(manifest.digest))


@day_asset(
    keys.EVENTS,
    deps=[keys.TRACES],
    kinds={"parquet"},
    code_version="2",
    pool=_POOL,
    automation_condition=DAY_BEGINS,
    description="The day's traces as they came in, personal data included; read by clean_events only.",
)
def events(
    context: dg.AssetExecutionContext, store: StoreResource, artifacts: ArtifactResource
) -> dg.MaterializeResult:
    from agent_factory.data.event import write_events_day

    records = store.open()
    with working(context, records, store.project) as progress:
        progress.update(reported_by=_find_reporter(context))
        file = write_events_day(records, artifacts.open(), store.project, context.partition_key)
    return _add_docs(describe_file(file), artifacts, file.path)


def _find_reporter(context: dg.AssetExecutionContext) -> str:
    """Who told of the day's traces last: a sensor, or nobody where the day is made unasked."""
    wanted = dg.AssetRecordsFilter(asset_key=keys.TRACES, asset_partitions=[context.partition_key])
    told = context.instance.fetch_materializations(wanted, limit=1).records
    made = told[0].asset_materialization if told else None
    return "nobody" if made is None else (made.tags or {}).get(keys.REPORTED_BY, "a person")


@day_asset(
    keys.CLEAN_EVENTS,
    deps=[keys.EVENTS],
    kinds={"parquet", "presidio", "scikitlearn"},
    code_version="5",
    pool=_POOL,
    automation_condition=WITH_INPUT,
    description="The day's traces with personal data replaced by placeholders; everything downstream reads these.",
)
def clean_events(
    context: dg.AssetExecutionContext, store: StoreResource, artifacts: ArtifactResource
) -> dg.MaterializeResult:
    from agent_factory.data.clean import clean_day
    from agent_factory.data.cleaning.picture import draw_clusters

    records, files = store.open(), artifacts.open()
    with working(context, records, store.project):
        made = clean_day(records, files, store.project, context.partition_key)
        return describe_clean(made, draw_clusters(files, store.project, context.partition_key))


@day_asset(
    keys.LABELS,
    deps=[keys.CLEAN_EVENTS],
    kinds={"parquet"},
    code_version="3",
    pool=_POOL,
    automation_condition=WITH_INPUT,
    description="A score for each of the day's traces: by outcome, by rule, and by the people who labelled it.",
)
def labels(
    context: dg.AssetExecutionContext, store: StoreResource, artifacts: ArtifactResource
) -> dg.MaterializeResult:
    from agent_factory.data.label import label_day

    records = store.open()
    with working(context, records, store.project):
        return describe_file(label_day(records, artifacts.open(), store.project, context.partition_key))


@build_asset(
    keys.SFT_DATASET,
    deps=[from_days(keys.CLEAN_EVENTS), from_days(keys.LABELS)],
    kinds={"parquet"},
    code_version="3",
    description="Curated conversations to imitate: the well-labelled traces of the build's window.",
)
def sft_dataset(
    context: dg.AssetExecutionContext, store: StoreResource, artifacts: ArtifactResource
) -> dg.MaterializeResult:
    return _build(context, store, artifacts, "sft")


@build_asset(
    keys.PREFERENCE_DATASET,
    deps=[from_days(keys.CLEAN_EVENTS), from_days(keys.LABELS)],
    kinds={"parquet"},
    code_version="3",
    description="Pairs of a better and a worse conversation of the same task, for the reward model.",
)
def preference_dataset(
    context: dg.AssetExecutionContext, store: StoreResource, artifacts: ArtifactResource
) -> dg.MaterializeResult:
    return _build(context, store, artifacts, "preference")


@build_asset(
    keys.EVAL_DATASET,
    deps=[keys.SCENARIOS],
    kinds={"parquet"},
    code_version="1",
    description="The openings of the held-out scenarios: what must not be found in any training data.",
)
def eval_dataset(
    context: dg.AssetExecutionContext, store: StoreResource, artifacts: ArtifactResource
) -> dg.MaterializeResult:
    return _build(context, store, artifacts, "eval")


def _build(
    context: dg.AssetExecutionContext, store: StoreResource, artifacts: ArtifactResource, kind: str
) -> dg.MaterializeResult:
    from agent_factory.data.dataset import build_dataset
    from agent_factory.data.query import make_query

    records = store.open()
    spec = records.get(BuildSpec, context.partition_key)
    with working(context, records, store.project):
        made = build_dataset(records, artifacts.open(), kind, make_query(spec, kind), build=spec.id)
    return _add_docs(describe_dataset(made), artifacts, f"datasets/{made.id}.parquet")
