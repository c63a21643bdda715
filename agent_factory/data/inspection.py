"""A dataset that is made to order is checked as a build's is: shape, and nothing that is held out for evaluation.

Invariant: a dataset is never answered for without its verdicts; they are kept in its manifest, by check the
newest. What failed stays to be looked at and is exported by nobody; what holds forgotten people by nobody unawares.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent_factory.contracts.dataset import DatasetKind, DatasetManifest, Verdict
from agent_factory.contracts.forgetting import Mark
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import CheckError, ForgottenError
from agent_factory.core.store import Store
from agent_factory.data.check import CheckOutcome, check_dataset_schema, check_no_eval_leak
from agent_factory.data.dataset import build_dataset
from agent_factory.data.query import DatasetQuery


def build_inspected(store: Store, artifacts: Artifacts, kind: DatasetKind, query: DatasetQuery) -> DatasetManifest:
    """``build_dataset`` of no build, checked anew: evaluations may have come since the same was made."""
    made = build_dataset(store, artifacts, kind, query)
    verdicts = [to_verdict("schema", check_dataset_schema(artifacts, made))]
    if kind != "eval":
        held_out = _find_held_out(store, query)
        verdicts.append(to_verdict("no_eval_leak", check_no_eval_leak(artifacts, made, held_out), held_out))
    return keep(store, made, *verdicts)


def require_passed(manifest: DatasetManifest) -> DatasetManifest:
    """The same manifest; CheckError where a check said no."""
    if failed := manifest.failed():
        told = "; ".join(f"{verdict.check}: {verdict.said}" for verdict in failed)
        raise CheckError(
            f"dataset {manifest.id!r} was made, and did not pass its checks: {told}. It is no data to train on. "
            f"`factory data show {manifest.id}` tells where it is; drop what is wrong (`factory data overrule`) or "
            "choose other days or filters, and build again"
        )
    return manifest


def require_unmarked(store: Store, manifest: DatasetManifest) -> DatasetManifest:
    """The same manifest; ForgottenError where rows of it are from traces of people who were forgotten since."""
    marks = [mark for mark in store.find(Mark, project=manifest.project) if mark.target == manifest.id]
    if marks:
        raise ForgottenError(
            f"dataset {manifest.id!r} is marked: {sum(mark.traces for mark in marks)} of its traces are of people who "
            "were forgotten since. Build it again, which leaves them out, and export that; --with-forgotten writes it "
            "as it is"
        )
    return manifest


def to_verdict(check: str, outcome: CheckOutcome, held_out: Sequence[ScenarioSet] = ()) -> Verdict:
    """What a check said, as a manifest keeps it."""
    return Verdict(
        check=check,
        passed=outcome.passed,
        said=outcome.description,
        against=tuple(known.id for known in held_out),
        data_docs=outcome.metadata.get("data_docs"),
    )


def keep(store: Store, manifest: DatasetManifest, *verdicts: Verdict) -> DatasetManifest:
    """The manifest as it is now with these verdicts, stored; those of other checks stay."""
    known = store.get(DatasetManifest, manifest.id, manifest.project)
    told = {verdict.check: verdict for verdict in (*known.checks, *verdicts)}
    kept = known.model_copy(update={"checks": tuple(told.values())})
    store.put(kept, replace=True)
    return kept


def _find_held_out(store: Store, query: DatasetQuery) -> list[ScenarioSet]:
    """All that is known to be held out for evaluating the query's recipe, or any; the same content once."""
    found = store.find(ScenarioSet, project=query.project)
    held_out = [known for known in found if known.split == "eval" and query.recipe in (None, known.recipe)]
    return list({known.digest: known for known in held_out}.values())
