"""Datasets and traces in the shapes that others read: TRL and Hugging Face, and OTLP.

Invariants: what leaves is clean text, as it stands in datasets and clean events; the folder is written
beside and put in place whole, so that a killed export leaves no half.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from agent_factory.contracts.dataset import DatasetManifest
from agent_factory.contracts.record import Count, Part
from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.core.error import ConflictError, InputError, NotFoundError, StorageError
from agent_factory.data.content import paths_of
from agent_factory.data.otlp import to_request
from agent_factory.data.row import Row

ExportFormat = Literal["trl", "hf", "otlp"]
FileType = Literal["parquet", "jsonl"]
FORMATS: tuple[ExportFormat, ...] = ("trl", "hf", "otlp")
_TRACES = 50
_KNOWN = re.compile(r"(?:train|validation|test)\.(?:parquet|jsonl)|README\.md|traces\.otlp\.jsonl")
_CONVERSATIONS = ("messages", "prompt", "chosen", "rejected", "completion", "reference")
_TRL = ("messages", "prompt", "chosen", "rejected", "tools")


class ExportReport(Part):
    """What was written: the files, and how many rows or traces."""

    folder: str
    format: ExportFormat
    files: tuple[str, ...]
    rows: Count


def export_dataset(
    artifacts: Artifacts, manifest: DatasetManifest, shape: Literal["trl", "hf"], out: Path, file_type: FileType
) -> ExportReport:
    """Write a dataset as a folder that ``datasets.load_dataset`` reads, one file a side.

    ``trl`` has the columns that TRL's trainers know, ``hf`` all of them. ConflictError where the folder is
    there with other files than an earlier export's.
    """
    if shape == "trl" and manifest.kind == "eval":
        raise InputError(f"{manifest.id} is an eval dataset: no trainer of TRL reads it; export it with --format hf")
    sides = [(split.name, split.path) for split in manifest.splits] or [("train", manifest.path)]
    with _folder(out) as work:
        for name, path in sides:
            rows = (_to_wire(row, shape) for row in artifacts.read_rows(path))
            _write(work / f"{name}.{file_type}", rows, file_type)
        (work / "README.md").write_text(_card(manifest, sides, file_type), encoding="utf-8")
        files = _place(work, out)
    return ExportReport(folder=str(out), format=shape, files=files, rows=manifest.rows)


def export_traces(traces: Iterable[Trace], out: Path) -> ExportReport:
    """Write traces as OTLP: one export request a line, as the collector's file exporter does."""
    count = 0
    waiting = iter(traces)
    with _folder(out) as work:
        with (work / "traces.otlp.jsonl").open("w", encoding="utf-8") as file:
            while some := list(islice(waiting, _TRACES)):
                count += len(some)
                file.write(json.dumps(to_request(some), ensure_ascii=False, separators=(",", ":")) + "\n")
        if count == 0:
            raise InputError("there is no trace to export: name other days or another dataset")
        files = _place(work, out)
    return ExportReport(folder=str(out), format="otlp", files=files, rows=count)


def read_days(artifacts: Artifacts, project: str, days: Sequence[str]) -> Iterator[Trace]:
    """The clean traces of days; NotFoundError where none of them was cleaned."""
    paths = [path for day in days if artifacts.exists(path := day_path(project, day, "clean_events"))]
    if not paths:
        raise NotFoundError(f"none of the days {days[0]} to {days[-1]} was cleaned in project {project!r}")
    for path in paths:
        yield from artifacts.read_traces(path)


def read_traces_of(artifacts: Artifacts, manifest: DatasetManifest) -> Iterator[Trace]:
    """The clean traces that a dataset's rows came from."""
    wanted = {
        name
        for path in manifest.paths()
        for row in artifacts.read_rows(path, ("trace_ids",))
        for name in row["trace_ids"]
    }
    for path in paths_of(artifacts, manifest.project, manifest):
        yield from (trace for trace in artifacts.read_traces(path) if trace.id in wanted)


def _to_wire(row: Row, shape: str) -> Row:
    """A row with its conversations as lists; the arguments of calls as objects, as chat templates take them."""
    told: Row = {}
    for name, value in row.items():
        if shape == "trl" and name not in _TRL:
            continue
        told[name] = [_to_message(message) for message in json.loads(value)] if name in _CONVERSATIONS else value
    return told


def _to_message(message: dict[str, Any]) -> dict[str, Any]:
    if not message.get("tool_calls"):
        return message
    calls = [
        {**call, "function": {**call["function"], "arguments": json.loads(call["function"]["arguments"])}}
        for call in message["tool_calls"]
    ]
    return {**message, "tool_calls": calls}


def _write(path: Path, rows: Iterator[Row], file_type: FileType) -> None:
    lines = path if file_type == "jsonl" else path.with_suffix(".lines")
    with lines.open("w", encoding="utf-8") as file:
        names: list[str] = []
        for row in rows:
            names = list(row)
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    if file_type == "parquet":
        _to_parquet(lines, path, names)
        lines.unlink()


def _to_parquet(lines: Path, path: Path, names: Sequence[str]) -> None:
    """Lines as parquet, messages typed as JSON: their keys differ from row to row."""
    from datasets import Features, Json, List, Value, disable_progress_bars, load_dataset

    disable_progress_bars()
    kinds: dict[str, Any] = {"score": Value("float64")}
    kinds |= dict.fromkeys(_CONVERSATIONS, List(Json()))
    kinds |= dict.fromkeys(("subjects", "trace_ids"), List(Value("string")))
    features = Features({name: kinds.get(name, Value("string")) for name in names})
    with tempfile.TemporaryDirectory(prefix="factory-export-") as cache:
        loaded: Any = load_dataset("json", data_files=str(lines), features=features, cache_dir=cache, split="train")
        loaded.to_parquet(str(path))


def _card(manifest: DatasetManifest, sides: Sequence[tuple[str, str]], file_type: FileType) -> str:
    files = "\n".join(f"  - split: {name}\n    path: {name}.{file_type}" for name, _ in sides)
    return (
        f"---\nconfigs:\n- config_name: default\n  data_files:\n{files}\n---\n\n# {manifest.id}\n\n"
        f"A dataset of kind {manifest.kind}: {manifest.rows} rows from {manifest.trace_count} traces of project "
        f"{manifest.project}, made by Agent Factory.\n"
        f"Digest `{manifest.digest}`, code version {manifest.code_version}.\n\n"
        f"```json\n{json.dumps(manifest.query, indent=2)}\n```\n"
    )


@contextmanager
def _folder(out: Path) -> Generator[Path]:
    """A folder to write in, beside the one that is asked for and on the same file system."""
    strange = sorted(path.name for path in out.iterdir() if not _KNOWN.fullmatch(path.name)) if out.is_dir() else []
    if strange or (out.exists() and not out.is_dir()):
        raise ConflictError(
            f"{str(out)!r} is there and no export of before (it holds {strange[:3]}): name another folder"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as work:
            yield Path(work)
    except OSError as error:
        raise StorageError(f"{str(out)!r} could not be written: {error}. Make room, or name another folder") from error


def _place(work: Path, out: Path) -> tuple[str, ...]:
    """Put what was written where it was asked for, in place of an export of before; returns the files."""
    whole = work / "whole"
    files = sorted(path.name for path in work.iterdir())
    whole.mkdir()
    for name in files:
        (work / name).rename(whole / name)
    if out.exists():
        out.rename(work / "before")
    whole.rename(out)
    return tuple(str(out / name) for name in files)
