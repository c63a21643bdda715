"""The journal: a run that is taken up again, or by two, ends in the same file as one that nobody disturbed."""

from datetime import UTC, datetime

import pytest

from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import open_artifacts
from agent_factory.core.error import NotFoundError, StorageError
from agent_factory.environment.journal import PIECE, Journal

NOW = datetime(2026, 1, 1, tzinfo=UTC)
IDS = [f"r-{i}" for i in range(2 * PIECE + 5)]
PATH = "builds/b/rollouts/M1.parquet"


def trace(name, failure=None):
    return Trace(id=name, created_at=NOW, started_at=NOW, source="rollout", steps=(), failure=failure)


@pytest.fixture(params=["folder", "bucket"])
def artifacts(tmp_path, request):
    url = str(tmp_path / "artifacts") if request.param == "folder" else f"memory://{tmp_path.name}"
    return open_artifacts(url)


def open_one(artifacts, digest="a", ids=IDS):
    return Journal(artifacts, PATH, digest, ids)


def read(artifacts):
    return [t.id for t in artifacts.read_traces(PATH)]


def fill(journal, ids=IDS):
    for name in ids:
        journal.add(trace(name))


def test_the_file_is_in_order_whatever_ended_first(artifacts):
    journal = open_one(artifacts)
    fill(journal, reversed(IDS))
    journal.finish()

    assert read(artifacts) == IDS
    assert not artifacts.exists("builds/b/rollouts/M1.parts")


def test_who_goes_on_finds_the_pieces_that_are_whole(artifacts):
    fill(open_one(artifacts), IDS[: PIECE + 3])

    again = open_one(artifacts)
    assert [t.id for t in again.read()] == IDS[:PIECE]
    fill(again, IDS[PIECE:])
    again.finish()
    assert read(artifacts) == IDS


def test_what_a_run_of_another_make_played_is_not_found_and_goes(artifacts):
    fill(open_one(artifacts, "a"))
    other = open_one(artifacts, "b")

    assert list(other.read()) == []
    fill(other)
    other.finish()
    assert not artifacts.exists("builds/b/rollouts/M1.parts")


def test_two_on_the_same_run_double_nothing(artifacts):
    one, two = open_one(artifacts), open_one(artifacts)
    fill(one)
    fill(two, IDS[:PIECE])
    assert one.finish()
    fill(two, IDS[PIECE:])
    assert not two.finish()

    assert read(artifacts) == IDS
    assert not artifacts.exists("builds/b/rollouts/M1.parts")


def test_pieces_that_another_dropped_when_it_finished_are_not_missed(artifacts):
    one, two = open_one(artifacts), open_one(artifacts)
    fill(one)
    reading = two.read()
    next(reading)
    one.finish()

    assert {t.id for t in reading} <= set(IDS)
    two.finish()
    assert read(artifacts) == IDS


def test_a_file_is_not_written_of_half_a_run(artifacts):
    journal = open_one(artifacts)
    fill(journal, IDS[:PIECE])

    with pytest.raises(NotFoundError):
        journal.finish()
    assert not artifacts.exists(PATH)
    assert [t.id for t in open_one(artifacts).read()] == IDS[:PIECE]


def test_a_piece_that_is_broken_is_named(artifacts):
    fill(open_one(artifacts))
    artifacts.write_text("builds/b/rollouts/M1.parts/a/00001.parquet", "?")

    with pytest.raises(StorageError, match=r"M1\.parts/a/00001\.parquet.*cannot be read"):
        list(open_one(artifacts).read())
