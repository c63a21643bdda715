"""Takes what names a person out of what is told of rows that could not be read: their reasons quote the row.

Model: a row of an import's quarantine is ``<import>/<number>``, from 0 in the order of the file; the first of them
stand in the import's report too. Invariant: place and count of a row stay, and removing again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import PurePath
from typing import Any

from agent_factory.core.artifact import Artifacts
from agent_factory.core.store import Store
from agent_factory.data.importing.importer import ImportReport
from agent_factory.data.importing.row import Quarantined

KINDS = ("ImportReport", "Quarantined")
REMOVED = "removed: a person was forgotten whom it named"


def find_quarantined(
    store: Store, artifacts: Artifacts, project: str, tells: Callable[[str], bool]
) -> Iterator[tuple[str, str]]:
    """``("Quarantined", "<import>/<number>")`` of the reasons that tell of a person, ``("ImportReport", <import>)``
    of the imports whose file is called after them."""
    for report in store.find(ImportReport, project=project):
        if tells(str(PurePath(report.file).with_suffix(""))):
            yield "ImportReport", report.id
        for number, row in enumerate(_read_rows(artifacts, report)):
            if tells(row["reason"]):
                yield "Quarantined", f"{report.id}/{number}"


def blank_quarantined(store: Store, artifacts: Artifacts, project: str, names: Collection[tuple[str, str]]) -> None:
    """Put ``REMOVED`` for these reasons and names of files, in the reports and in the files beside them."""
    for report in store.find(ImportReport, project=project):
        file = REMOVED if ("ImportReport", report.id) in names else report.file
        numbers = {int(name.rpartition("/")[2]) for _, name in names if name.startswith(f"{report.id}/")}
        if file == report.file and not numbers:
            continue
        if report.quarantine_path is not None and artifacts.exists(report.quarantine_path):
            schema = artifacts.read_schema(report.quarantine_path)
            rows = (_blank(row, file, number in numbers) for number, row in enumerate(_read_rows(artifacts, report)))
            artifacts.write_rows(report.quarantine_path, schema, rows)
        told = (_blank(row.model_dump(), file, number in numbers) for number, row in enumerate(report.examples))
        examples = tuple(Quarantined.model_validate(row) for row in told)
        store.put(report.model_copy(update={"file": file, "examples": examples}), replace=True)


def _read_rows(artifacts: Artifacts, report: ImportReport) -> Iterator[dict[str, Any]]:
    """The rows of the quarantine, or where that is gone those that the report tells."""
    if report.quarantine_path is not None and artifacts.exists(report.quarantine_path):
        yield from artifacts.read_rows(report.quarantine_path)
    else:
        yield from (row.model_dump() for row in report.examples)


def _blank(row: dict[str, Any], file: str, named: bool) -> dict[str, Any]:
    return {**row, "file": file, "reason": REMOVED if named else row["reason"]}
