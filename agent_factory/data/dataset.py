"""Datasets D1, D2, …: rows from clean, labelled traces as parquet, with a manifest that tells their descent.

Invariant: the same query over the same traces gives the same rows, digest and manifest; it is not
made again, and no number is used for it, however many ask at once. Rows pass through; what is in
memory is a few bytes for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError

from agent_factory.contracts.dataset import DatasetKind, DatasetManifest, SplitFile
from agent_factory.contracts.record import Json, Name, Record
from agent_factory.contracts.scenario import Scenario, ScenarioSet
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_json
from agent_factory.core.error import ConflictError, InputError
from agent_factory.core.recipe import load_recipe
from agent_factory.core.store import Store
from agent_factory.data.budget import Budget
from agent_factory.data.draft import Draft, Side, open_draft
from agent_factory.data.labelling.feedback import read_preferences
from agent_factory.data.preference import preference_rows
from agent_factory.data.query import DatasetQuery, Selection, make_query
from agent_factory.data.row import Made, case_rows, rft_rows, scenario_rows, schema_of, score_rows, sft_rows
from agent_factory.data.token import open_ruler
from agent_factory.privacy.redactor import open_redactor

__all__ = ["DatasetQuery", "build_dataset", "make_query", "read_scenario_set"]

CODE_VERSION = "4"


def build_dataset(
    store: Store, artifacts: Artifacts, kind: DatasetKind, query: DatasetQuery, build: str | None = None
) -> DatasetManifest:
    """Make a dataset, or return the one that was made from the same query and rows for the same build.

    Raises InputError where the query selects nothing, naming what it looked through.
    """
    ruler = open_ruler(store, artifacts, query.project, query.tokenizer, build)
    with open_draft(schema_of(kind, query), ruler, query.seed) as draft:
        selection = Selection(store, artifacts, query)
        found = draft.fill(_make_rows(store, artifacts, kind, query, selection), query.split)
        if found == 0:
            raise InputError(_nothing(kind, query, selection.counts))
        draft.cut(Budget(max_rows=query.max_rows, max_tokens=query.max_tokens))
        if not draft.taken:
            raise InputError(
                f"the {kind} dataset would be empty: none of {found} rows fits into max_tokens {query.max_tokens} "
                f"as {query.tokenizer!r} counts. Give more tokens."
            )
        sides = draft.part(query.split)
        digest = sides[0].digest if query.split is None else digest_json({str(s.name): s.digest for s in sides})
        known = _find_known(store, artifacts, kind, query, build, digest)
        counts = {**selection.counts, "rows found": found}
        return known or _write(store, artifacts, draft, sides, _Told(kind, query, build, digest, counts))


class _Told(NamedTuple):
    """What a manifest tells beside what the draft knows."""

    kind: DatasetKind
    query: DatasetQuery
    build: str | None
    digest: str
    counts: dict[str, int]


class DatasetNumber(Record):
    """Under which name stands what was asked for; ``id`` is a digest of all that decides it."""

    dataset: Name


def _name(store: Store, told: _Told) -> str:
    """The dataset's name: the one that was given for the same before, by whoever was first, or the next."""
    project = told.query.project
    asked = [project, told.kind, told.build, told.digest, _tell_query(told.query), CODE_VERSION]
    key = f"dataset-{digest_json(asked)[:40]}"
    known = store.peek(DatasetNumber, key)
    if known is not None:
        return known.dataset
    try:
        with store.begin() as connection:
            name = f"D{store.next_number_in(connection, 'D') + 1}"
            made = DatasetNumber(id=key, project=project, created_at=clock.now(), dataset=name)
            store.put_in(connection, made)
        return name
    except (ConflictError, IntegrityError):  # another one was first: its name stands, and this number is not given
        return _name(store, told)


def _write(store: Store, artifacts: Artifacts, draft: Draft, sides: Sequence[Side], told: _Told) -> DatasetManifest:
    name = _name(store, told)
    files: list[SplitFile] = []
    for side in sides:
        path = f"datasets/{name}.parquet" if side.name is None else f"datasets/{name}/{side.name}.parquet"
        artifacts.write_rows(path, draft.schema, draft.rows(side.rows))
        files.append(SplitFile(name=side.name or "train", path=path, rows=len(side.rows), digest=side.digest))
    statistics: Json = {**draft.measure(), "superseded_traces": told.counts.get("left out: superseded", 0)}
    manifest = DatasetManifest(
        id=name,
        project=told.query.project,
        created_at=clock.now(),
        kind=told.kind,
        build=told.build,
        rows=len(draft.taken),
        digest=told.digest,
        path=files[0].path,
        columns=tuple(draft.schema.names),
        types={field.name: str(field.type) for field in draft.schema},
        trace_count=draft.trace_ids(),
        query=_tell_query(told.query),
        code_version=CODE_VERSION,
        splits=tuple(files) if told.query.split else (),
        counts=told.counts,
        statistics=statistics,
    )
    with suppress(ConflictError):  # the same rows, among others that were looked through: the first one's counts stand
        store.put(manifest)
    return store.get(DatasetManifest, name)


def _find_known(
    store: Store, artifacts: Artifacts, kind: DatasetKind, query: DatasetQuery, build: str | None, digest: str
) -> DatasetManifest | None:
    asked = (kind, build, digest, _tell_query(query), CODE_VERSION)
    for known in store.find(DatasetManifest, project=query.project, build=build):
        same = (known.kind, known.build, known.digest, known.query, known.code_version) == asked
        if same and all(artifacts.exists(path) for path in known.paths()):
            return known
    return None


def _tell_query(query: DatasetQuery) -> Json:
    return query.model_dump(mode="json")


def read_scenario_set(artifacts: Artifacts, scenario_set: ScenarioSet) -> list[Scenario]:
    """The scenarios of a set, in order."""
    lines = artifacts.read_text(scenario_set.path).splitlines()
    return [Scenario.model_validate_json(line) for line in lines if line.strip()]


def _make_rows(
    store: Store, artifacts: Artifacts, kind: DatasetKind, query: DatasetQuery, selection: Selection
) -> Iterator[Made]:
    if kind == "eval" and query.taskset is not None:
        return _read_scenarios(store, artifacts, query.taskset)
    if kind == "eval" and not query.days:
        raise InputError("an eval dataset is made from a scenario set or from days: name the query's taskset or days")
    if kind == "preference":
        if query.form == "pairs":
            return preference_rows(selection, query, read_preferences(store, query.project))
        return score_rows(selection, query)
    rows = {"sft": sft_rows, "rft": rft_rows, "eval": case_rows}
    return rows[kind](selection, query)


def _read_scenarios(store: Store, artifacts: Artifacts, taskset: str) -> Iterator[Made]:
    scenario_set = store.get(ScenarioSet, taskset)
    redactor = open_redactor(load_recipe(scenario_set.recipe))
    scenarios = read_scenario_set(artifacts, scenario_set)
    yield from scenario_rows(scenarios, lambda message: redactor.redact_message(message, redactor.open_session()))


def _nothing(kind: DatasetKind, query: DatasetQuery, counts: Mapping[str, int]) -> str:
    """Why there is no row: what was looked through, what the filters left out, what the rest lacks."""
    if kind == "eval" and query.taskset is not None:
        return f"scenario set {query.taskset!r} has no scenarios"
    days = f"{query.days[0]} to {query.days[-1]}" if query.days else "no day"
    missing = {
        "sft": f"none labelled {query.min_score} or more",
        "rft": f"none that a grader accepted and that is labelled {query.min_score} or more",
        "preference": "no pair of a better and a worse one" if query.form == "pairs" else "none with a step",
        "eval": f"none labelled {query.min_score} or more that begins with a user",
    }[kind]
    left_out = ", ".join(f"{count} by {name.split(': ')[1]}" for name, count in sorted(counts.items()) if ": " in name)
    told = f"; the filters left out {left_out}" if left_out else ""
    return (
        f"the {kind} dataset would be empty: among the {counts.get('traces', 0)} traces of {days} "
        f"(recipe {query.recipe or 'any'}, project {query.project}) there is {missing}{told}. "
        "Widen the days or the filters, or lower min_score."
    )
