"""What is left of a person who asked to be forgotten: keyed hashes, and marks on what was made before.

Invariant: none of these names a person; the ids of traces that are being removed stand in a Forgetting
only while it is at work, so that it can go on after its process ended.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent_factory.contracts.record import Count, Instant, Name, Part, Record

Outcome = Literal["found", "already", "nothing"]


class Forgetting(Record):
    """A request to forget; ``id`` follows from the project and ``subjects``, so that a repeat is the same one.

    ``subjects`` are labels with keyed hashes. Of traces that began before ``asked_at`` none about them is
    taken into a dataset. ``datasets`` and ``models`` hold traces of theirs and are marked.
    """

    subjects: tuple[str, ...]
    asked_at: Instant
    state: Literal["working", "done"]
    traces: Count = 0
    records: Count = 0
    days: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    pending_traces: tuple[str, ...] = ()
    pending_sessions: tuple[str, ...] = ()
    pending_records: tuple[str, ...] = ()
    finished_at: Instant | None = None


class Tombstone(Record):
    """That a trace was forgotten; ``id`` is a keyed hash of its project and id."""

    forgetting: Name


class Mark(Record):
    """That a dataset or model holds traces of forgotten people; ``id`` is ``mark-<forgetting>-<target>``."""

    target_kind: Literal["dataset", "model"]
    target: Name
    forgetting: Name
    traces: Count
    via: tuple[str, ...] = Field(default=())


class ForgetReport(Part):
    """What was found of a person and, unless it was a dry run, removed; ids are told, the person is not.

    ``outcome`` is ``found`` where there was something, ``already`` where an earlier request had left nothing to
    do, and ``nothing`` where nothing is known of such a person: then nothing was done or recorded.
    ``datasets`` and ``models`` hold traces of theirs and are marked. ``matched`` counts the traces by the
    keyed hash that they were found by. Traces that are kept and cannot be read were searched as text alone;
    ``unreadable`` is how many. ``wiped`` is None for a dry run and for ``nothing``, and False where a reader of
    the database kept its log from being begun anew: then the request is to be sent again. ``searched`` is how many
    traces there are at all; ``confirm`` the number of traces and records that is to be said for it to be done, where
    it is more than may be one person's.
    """

    id: str
    outcome: Outcome
    dry_run: bool
    matched: dict[str, int]
    traces: tuple[str, ...]
    sessions: tuple[str, ...]
    records: Count
    days: tuple[str, ...]
    datasets: tuple[str, ...]
    models: tuple[str, ...]
    unreadable: Count = 0
    searched: Count = 0
    confirm: Count | None = None
    wiped: bool | None = None
