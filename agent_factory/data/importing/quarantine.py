"""Rows that could not be read, told where a person can look: an artifact for each import that had some.

Invariant: a row is written on as it is found, so that a file of which nothing can be read is no burden.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from agent_factory.core.artifact import Artifacts
from agent_factory.data.importing.row import Quarantined

_SHOWN = 20
_HELD_BYTES = 2**20
_REASON_CHARACTERS = 2000
_SCHEMA = pa.schema([("file", pa.string()), ("place", pa.string()), ("reason", pa.string())])


class Quarantine:
    """The quarantine of one import."""

    def __init__(self, artifacts: Artifacts, project: str, name: str, file: str) -> None:
        self.count = 0
        self.examples: list[Quarantined] = []
        self._artifacts = artifacts
        self._path = f"projects/{project}/imports/{name}/quarantine.parquet"
        self._file = file
        self._rows = tempfile.SpooledTemporaryFile(max_size=_HELD_BYTES)  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._rows.close()

    def add(self, place: str, reason: str) -> None:
        """Tell of a row."""
        told = Quarantined(file=self._file, place=place, reason=reason[:_REASON_CHARACTERS])
        if self.count < _SHOWN:
            self.examples.append(told)
        self.count += 1
        # Text that is no Unicode may be what is wrong with the row.
        self._rows.write(json.dumps(told.model_dump()).encode("ascii") + b"\n")

    def keep(self) -> str | None:
        """Write the artifact; its path, or None where nothing was quarantined."""
        return self._artifacts.write_rows(self._path, _SCHEMA, self._read()) if self.count else None

    def _read(self) -> Iterator[dict[str, Any]]:
        self._rows.seek(0)
        for line in self._rows:
            row = json.loads(line)
            yield {key: value.encode("utf-8", "replace").decode() for key, value in row.items()}


def read_quarantine(artifacts: Artifacts, path: str, limit: int) -> list[Quarantined]:
    """The first rows of an import's quarantine; NotFoundError where the artifact is gone."""
    found: list[Quarantined] = []
    for row in artifacts.read_rows(path):
        if len(found) == limit:
            break
        found.append(Quarantined.model_validate(row))
    return found
