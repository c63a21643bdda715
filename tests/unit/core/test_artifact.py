"""An artifact that exists is whole, stays under its root, and says so when it is damaged."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from agent_factory.contracts import Message, Step, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import NotFoundError, StorageError

WHEN = datetime(2026, 11, 20, tzinfo=UTC)


def _trace(name: str) -> Trace:
    step = Step(index=0, observation=(), action=Message(role="assistant", content="Grüße."))
    return Trace(id=name, created_at=WHEN, started_at=WHEN, source="import", steps=(step,))


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(str(tmp_path / "artifacts"))


def _files(artifacts: Artifacts) -> list[str]:
    root = Path(artifacts.root)
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_what_is_written_is_read(artifacts: Artifacts) -> None:
    assert artifacts.read_text(artifacts.write_text("a/b.txt", "Grüße")) == "Grüße"
    assert artifacts.read_json(artifacts.write_text("c.json", '{"a": [1]}')) == {"a": [1]}
    table = pa.table({"x": [1, 2], "y": ["a", None]})
    assert artifacts.read_table(artifacts.write_table("t.parquet", table), ["y"]).to_pydict() == {"y": ["a", None]}
    assert artifacts.local("a/b.txt").read_text() == "Grüße"
    assert _files(artifacts) == ["a/b.txt", "c.json", "t.parquet"]


def test_traces_stream_in_batches_and_none_is_a_file_too(artifacts: Artifacts) -> None:
    traces = [_trace(f"t{i}") for i in range(5)]
    artifacts.write_traces("t.parquet", iter(traces), batch=2)
    assert list(artifacts.read_traces("t.parquet", batch=2)) == traces
    row = artifacts.read_table("t.parquet").to_pylist()[0]
    assert (row["day"], row["steps"], row["success"]) == ("2026-11-20", 1, None)
    assert (row["recipe"], row["session_id"], row["started_at"]) == (None, None, WHEN)
    artifacts.write_traces("none.parquet", [])
    assert list(artifacts.read_traces("none.parquet")) == []


def test_a_writer_that_breaks_leaves_the_old_file(artifacts: Artifacts) -> None:
    artifacts.write_traces("t.parquet", [_trace("old")])

    def broken() -> Iterator[Trace]:
        yield _trace("new")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        artifacts.write_traces("t.parquet", broken(), batch=1)
    assert [trace.id for trace in artifacts.read_traces("t.parquet")] == ["old"]
    assert _files(artifacts) == ["t.parquet"]


def test_a_full_disk_is_told_and_nothing_half_written(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(artifacts.files, "mv", full)
    with pytest.raises(StorageError, match=r"'a\.txt' could not be written .*No space left"):
        artifacts.write_text("a.txt", "x")
    assert _files(artifacts) == []


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x"])
def test_paths_stay_under_the_root(artifacts: Artifacts, path: str) -> None:
    with pytest.raises(StorageError, match="not an artifact path"):
        artifacts.write_text(path, "x")


def test_absent_and_damaged_artifacts_are_told_apart(artifacts: Artifacts) -> None:
    with pytest.raises(NotFoundError, match=r"'t\.parquet' is not under"):
        artifacts.read_table("t.parquet")
    with pytest.raises(NotFoundError):
        list(artifacts.read_traces("t.parquet"))
    artifacts.write_bytes("t.parquet", b"PAR1 but not really")
    for read in (artifacts.read_table, lambda path: list(artifacts.read_traces(path))):
        with pytest.raises(StorageError, match="cannot be read as parquet"):
            read("t.parquet")
