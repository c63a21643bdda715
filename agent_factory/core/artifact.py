"""Files that assets make, on any fsspec file system: written under a temporary name, then renamed.

Invariant: a path that exists is whole. Paths are relative to the artifacts' root, so that a store
can move with its artifacts.
"""

from __future__ import annotations

import errno
import json
import tempfile
import uuid
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from agent_factory.contracts.trace import Trace
from agent_factory.core.address import hide_password
from agent_factory.core.aside import Aside, read_body
from agent_factory.core.error import InputError, NotFoundError, StorageError
from agent_factory.core.settings import get_settings

_TRACE_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("project", pa.string()),
        ("day", pa.string()),
        ("source", pa.string()),
        ("recipe", pa.string()),
        ("scenario_id", pa.string()),
        ("session_id", pa.string()),
        ("started_at", pa.timestamp("us", tz="UTC")),
        ("success", pa.bool_()),
        ("steps", pa.int32()),
        ("body", pa.string()),
    ]
)


class Artifacts:
    """The artifact root: a folder, or a bucket such as ``s3://factory/artifacts``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.place = hide_password(url)  # as messages show it
        self.files, root = _open_files(url)
        self.root = str(root).rstrip("/")

    def locate(self, path: str) -> str:
        """The file system's own name of an artifact."""
        if path.startswith("/") or ".." in path.split("/"):
            raise StorageError(f"{path!r} is not an artifact path: it must be relative and without '..'")
        return f"{self.root}/{path}"

    def local(self, path: str) -> Path:
        """An artifact as a local path; only where the artifacts are a folder on this machine."""
        if "file" not in self.files.protocol:
            raise StorageError(f"artifact {path!r} is at {self.place!r}, which is not a local folder")
        return Path(self.locate(path))

    @contextmanager
    def at_hand(self, path: str) -> Generator[Path]:
        """A folder of artifacts as a local path for the block: itself, or a copy where it is on another machine."""
        if "file" in self.files.protocol:
            yield self.local(path)
            return
        with tempfile.TemporaryDirectory(prefix="agent-factory-") as folder:
            self._require(path)
            try:
                self.files.get(f"{self.locate(path)}/", f"{folder}/", recursive=True)
            except OSError as error:
                raise StorageError(f"artifact {path!r} could not be copied from {self.place!r}: {error}") from error
            yield Path(folder)

    def exists(self, path: str) -> bool:
        """Whether the artifact is there, and so whole."""
        return bool(self.files.exists(self.locate(path)))

    @contextmanager
    def _writing(self, path: str) -> Generator[IO[bytes]]:
        target = self.locate(path)
        temporary = f"{target}.{uuid.uuid4().hex}.part"
        try:
            self.files.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
            with self.files.open(temporary, "wb") as file:
                yield file
            self.files.mv(temporary, target)
        except OSError as error:
            raise StorageError(
                f"artifact {path!r} could not be written under {self.place!r}: {error}. "
                "Check that the disk has room, then do the same again."
            ) from error
        finally:
            if self.files.exists(temporary):
                self.files.rm(temporary)

    def write_bytes(self, path: str, data: bytes) -> str:
        """Write bytes; returns ``path``."""
        with self._writing(path) as file:
            file.write(data)
        return path

    def write_text(self, path: str, text: str) -> str:
        """Write UTF-8 text; returns ``path``."""
        return self.write_bytes(path, text.encode())

    def write_table(self, path: str, rows: pa.Table) -> str:
        """Write a parquet file; returns ``path``."""
        with self._writing(path) as file:
            pq.write_table(rows, file)
        return path

    def write_traces(self, path: str, traces: Iterable[Trace], batch: int = 500) -> str:
        """Write traces as parquet: one row each, the whole record as JSON in ``body``."""
        return self.write_rows(path, _TRACE_SCHEMA, map(_to_row, traces), batch)

    def write_rows(self, path: str, schema: pa.Schema, rows: Iterable[dict[str, Any]], batch: int = 500) -> str:
        """Write rows as parquet as they come, a batch in memory at a time; returns ``path``."""
        with self._writing(path) as file, pq.ParquetWriter(file, schema) as writer:
            waiting: list[dict[str, Any]] = []
            for row in rows:
                waiting.append(row)
                if len(waiting) == batch:
                    writer.write_table(pa.Table.from_pylist(waiting, schema=schema))
                    waiting = []
            writer.write_table(pa.Table.from_pylist(waiting, schema=schema))
        return path

    def read_bytes(self, path: str) -> bytes:
        """The bytes of an artifact, or NotFoundError."""
        self._require(path)
        with self.files.open(self.locate(path), "rb") as file:
            return bytes(file.read())

    def read_text(self, path: str) -> str:
        """The text of an artifact, or NotFoundError."""
        return self.read_bytes(path).decode()

    def read_json(self, path: str) -> Any:
        """The JSON value of an artifact, or NotFoundError."""
        return json.loads(self.read_bytes(path))

    def read_table(self, path: str, columns: Sequence[str] | None = None) -> pa.Table:
        """A parquet artifact as a table, or NotFoundError."""
        with self._reading(path) as file:
            return pq.read_table(file, columns=list(columns) if columns else None)

    def read_rows(self, path: str, columns: Sequence[str] | None = None, batch: int = 500) -> Iterator[dict[str, Any]]:
        """The rows of a parquet artifact, a batch in memory at a time."""
        with self._reading(path) as file:
            chosen = list(columns) if columns else None
            for rows in pq.ParquetFile(file).iter_batches(batch_size=batch, columns=chosen):
                yield from rows.to_pylist()

    def read_schema(self, path: str) -> pa.Schema:
        """The schema of a parquet artifact, or NotFoundError."""
        with self._reading(path) as file:
            return pq.read_schema(file)

    def list_folders(self, path: str) -> list[str]:
        """Names of the folders in a folder, ascending; none where it is not there."""
        place = self.locate(path)
        if not self.files.isdir(place):
            return []
        found: list[dict[str, Any]] = self.files.ls(place, detail=True)
        return sorted(str(item["name"]).rstrip("/").rsplit("/", 1)[-1] for item in found if item["type"] == "directory")

    def remove_folder(self, path: str) -> None:
        """Remove a folder with what is in it; one that is not there is no fault.

        What another process writes into it meanwhile may stay.
        """
        place = self.locate(path)
        try:
            if self.files.exists(place):
                self.files.rm(place, recursive=True)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                raise StorageError(f"folder {path!r} under {self.place!r} could not be removed: {error}") from error

    def read_traces(self, path: str, batch: int = 500, aside: Aside | None = None) -> Iterator[Trace]:
        """The traces of a parquet artifact, a batch in memory at a time.

        What cannot be read is set ``aside``, or raises StorageError.
        """
        for row in self.read_rows(path, ("id", "body"), batch):
            trace = read_body(row["id"], row["body"], f"artifact {path!r}", aside)
            if trace is not None:
                yield trace

    @contextmanager
    def _reading(self, path: str) -> Generator[IO[bytes]]:
        """An open parquet artifact; StorageError where its bytes are not parquet."""
        self._require(path)
        try:
            with self.files.open(self.locate(path), "rb") as file:
                yield file
        except (pa.ArrowInvalid, OSError) as error:
            raise StorageError(
                f"artifact {path!r} under {self.place!r} cannot be read as parquet: {error}. "
                "Remove it and run the asset that makes it again."
            ) from error

    def _require(self, path: str) -> None:
        if not self.exists(path):
            raise NotFoundError(f"artifact {path!r} is not under {self.place!r}; run the asset that makes it")


def _to_row(trace: Trace) -> dict[str, Any]:
    return {
        "id": trace.id,
        "project": trace.project,
        "day": trace.day,
        "source": trace.source,
        "recipe": trace.recipe,
        "scenario_id": trace.scenario_id,
        "session_id": trace.session_id,
        "started_at": trace.started_at,
        "success": None if trace.outcome is None else trace.outcome.success,
        "steps": len(trace.steps),
        "body": trace.model_dump_json(),
    }


def _open_files(url: str) -> tuple[Any, Any]:
    try:
        return fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise InputError(
            f"the artifacts cannot be at {hide_password(url)!r}: {str(error).rstrip('.')}. Set "
            "AGENT_FACTORY_ARTIFACTS_URL to a folder, or to an address whose fsspec file system is installed"
        ) from error


def open_artifacts(url: str | None = None) -> Artifacts:
    """The artifacts of the settings, or of ``url``."""
    return Artifacts(url or get_settings().artifacts_url)
