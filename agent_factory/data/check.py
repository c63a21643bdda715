"""What must be true of data before anything learns from it; each check says so with counts.

Invariant: a check reads what was written, never what the writer remembers; it raises only where the
file is absent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from agent_factory.contracts.dataset import DatasetManifest
from agent_factory.contracts.record import Part
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.data.clean import redactor_of_recipe
from agent_factory.data.leak import find_leaks
from agent_factory.privacy.canary.measure import measure_once
from agent_factory.privacy.redactor import Redactor

_EXAMPLES = 5


class CheckOutcome(Part):
    """Whether a check passed, in a sentence, with what it counted."""

    passed: bool
    description: str
    metadata: dict[str, Any]


def check_schema(artifacts: Artifacts, project: str, day: str) -> CheckOutcome:
    """The events of a project's day have the columns and values that Great Expectations expects."""
    from agent_factory.data.expectation import expect_events

    path = day_path(project, day, "events")
    found = expect_events(artifacts, path, project, day)
    page = artifacts.write_text(docs_path(path), found.page)
    return _tell_schema(f"events of {day}", found.rows, found.failures, page)


def check_dataset_schema(artifacts: Artifacts, manifest: DatasetManifest) -> CheckOutcome:
    """The rows of a dataset are as Great Expectations expects of its kind: whole, answered, from traces, each once."""
    from agent_factory.data.expectation import expect_dataset

    found = expect_dataset(artifacts, manifest)
    page = artifacts.write_text(docs_path(f"datasets/{manifest.id}.parquet"), found.page)
    return _tell_schema(f"rows of {manifest.id}", manifest.rows, found.failures, page)


def docs_path(path: str) -> str:
    """Where the Data Docs of a checked parquet file are: beside it."""
    return f"{path.removesuffix('.parquet')}.html"


def _tell_schema(what: str, rows: int, failures: list[dict[str, Any]], page: str) -> CheckOutcome:
    metadata = {"rows": rows, "failed_expectations": failures, "data_docs": page}
    if failures:
        told = "; ".join(f"{failure['expectation']}: {failure['unexpected']} rows" for failure in failures)
        return CheckOutcome(passed=False, description=f"{what} are not as expected: {told}", metadata=metadata)
    return CheckOutcome(passed=True, description=f"all {rows} {what} are as expected", metadata=metadata)


def check_no_pii(artifacts: Artifacts, project: str, day: str) -> CheckOutcome:
    """No personal data is left in the clean events of a project's day, and their redactors find planted data.

    What is found is counted, never shown. Each recipe's redactor is measured on the canary set.
    """
    redactor_of = lru_cache(redactor_of_recipe)
    used: dict[str, Redactor] = {}
    counts: Counter[str] = Counter()
    examples: list[str] = []
    checked = 0
    for trace in artifacts.read_traces(day_path(project, day, "clean_events")):
        checked += 1
        redactor = redactor_of(trace.recipe) or redactor_of(None)
        left = redactor.leftovers(trace) if redactor else Counter[str]()
        if redactor:
            used[trace.recipe or "no recipe"] = redactor
        counts.update(left)
        if left and len(examples) < _EXAMPLES:
            examples.append(trace.id)
    canaries = {name: measure_once(redactor) for name, redactor in sorted(used.items())}
    told_canaries = {name: measured.told() for name, measured in canaries.items()}
    metadata = {"traces": checked, "found": dict(counts), "examples": examples, "canaries": told_canaries}
    if counts:
        told = ", ".join(f"{number} {label}" for label, number in sorted(counts.items()))
        description = f"clean events of {day} hold personal data: {told}, such as in trace {examples[0]!r}"
        return CheckOutcome(passed=False, description=description, metadata=metadata)
    for name, measured in canaries.items():
        if not measured.passed:
            description = f"the redactor of {name} {measured} (by entity: metadata 'canaries')"
            return CheckOutcome(passed=False, description=description, metadata=metadata)
    return CheckOutcome(passed=True, description=f"{checked} traces hold no personal data", metadata=metadata)


def check_enough_rows(manifest: DatasetManifest, min_rows: int) -> CheckOutcome:
    """The dataset has as many rows for training as were asked for."""
    rows = manifest.training_rows()
    description = f"{manifest.id} has {rows} rows for training; at least {min_rows} are asked for"
    return CheckOutcome(passed=rows >= min_rows, description=description, metadata={"rows": rows, "min_rows": min_rows})


def check_no_eval_leak(
    artifacts: Artifacts, manifest: DatasetManifest, held_out: Sequence[ScenarioSet]
) -> CheckOutcome:
    """No row comes from a scenario of the held-out sets, opens like one, or is about one of its customers."""
    rows = chain.from_iterable(artifacts.read_rows(path) for path in manifest.paths())
    counts: Counter[str] = Counter()
    shown: list[str] = []
    for leak in find_leaks(artifacts, rows, held_out):
        counts[leak.how] += 1
        if len(shown) < _EXAMPLES:
            shown.append(f"{leak.how}: row {leak.row} and {leak.scenario}")
    scenarios = sum(known.count for known in held_out)
    metadata = {"rows": manifest.rows, "scenarios": scenarios, "leaks": dict(counts), "examples": shown}
    if shown:
        description = f"{manifest.id} holds {counts.total()} rows of what is held out for evaluation; {shown[0]}"
        return CheckOutcome(passed=False, description=description, metadata=metadata)
    description = (
        f"none of {manifest.rows} rows of {manifest.id} comes from or opens like one of {scenarios} held-out scenarios"
    )
    return CheckOutcome(passed=True, description=description, metadata=metadata)
