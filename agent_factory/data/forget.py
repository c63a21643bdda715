"""Forgets a person: their traces leave the store, the day files and all datasets to come.

What was made before stays as it is and is marked: datasets, and models that learned from them. Invariants:
what is to be done is recorded before it is begun, so that a killed process loses nothing of it; doing it
again changes nothing; only keyed hashes are left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

from agent_factory.contracts.forgetting import ForgetReport, Forgetting, Mark, Outcome, Tombstone
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.burial import name_tombstone
from agent_factory.core.day import DayFileName, day_path
from agent_factory.core.digest import digest_json
from agent_factory.core.erasure import erase_records, erase_traces, settle_erasure
from agent_factory.core.error import InputError
from agent_factory.core.refresh import request_refresh
from agent_factory.core.store import Store
from agent_factory.data.importing.removal import KINDS, blank_quarantined
from agent_factory.data.lineage import Family, find_datasets_of, find_models_of
from agent_factory.data.search import Found, search
from agent_factory.data.subject import Subject, read_subjects
from agent_factory.privacy.redactor import open_redactor

_MOST = 20
_SHARE = 0.1


def forget(
    store: Store,
    artifacts: Artifacts,
    project: str,
    subjects: Sequence[str],
    *,
    dry_run: bool = False,
    confirm: int | None = None,
) -> ForgetReport:
    """Forget the person who is named by any of ``subjects``; InputError where one names nobody.

    What was found by mere words (no e-mail, number or ``LABEL:value``), and what is found in more than 20 traces and a
    tenth of all or in as many other records, may be more than one person's: InputError unless ``confirm`` is how many
    traces and records there are. Where nothing is known of them nothing is
    done or recorded; where they are forgotten already, what was left undone is done, and traces that began before
    now are kept out.
    """
    named = read_subjects(subjects, open_redactor())
    if not named:
        raise InputError("nobody was named: give an e-mail, a full name, a phone number or an id")
    found = search(store, artifacts, project, named)
    asked = _ask(found, sure=all(subject.sure for subject in named))
    if asked is not None and asked != confirm and not dry_run:
        raise InputError(
            f"this is found in {len(found.traces)} of {found.searched} traces and in {len(found.records)} other "
            "records, which may be more than one person's: look at them with "
            '--dry-run ("dry_run": true) and name the person in another way; or, where all of them are to go, say so '
            f'by their number: --confirm {asked} ("confirm": {asked})'
        )
    record = _plan(store, artifacts, project, named, found)
    outcome = _outcome_of(store, record, found)
    wiped = None if dry_run or outcome == "nothing" else finish(store, artifacts, record)
    return ForgetReport(
        id=record.id,
        outcome=outcome,
        dry_run=dry_run,
        matched=found.matched,
        traces=record.pending_traces,
        sessions=record.pending_sessions,
        records=len(record.pending_records),
        days=record.days,
        datasets=record.datasets,
        models=record.models,
        unreadable=found.unreadable,
        searched=found.searched,
        confirm=asked,
        wiped=wiped,
    )


def _ask(found: Found, *, sure: bool) -> int | None:
    """How many traces and records are to be confirmed; None where these can only be one person's."""
    sizes = ((len(found.traces), found.searched), (len(found.records), found.kept))
    many = any(count > _MOST and count > whole * _SHARE for count, whole in sizes)
    return len(found.traces) + len(found.records) or None if many or not sure else None


def resume_forgettings(store: Store, artifacts: Artifacts) -> list[Forgetting]:
    """Go on with what a killed process left undone; returns it."""
    left = store.find(Forgetting, state="working")
    for record in left:
        finish(store, artifacts, record)
    return left


def finish(store: Store, artifacts: Artifacts, record: Forgetting) -> bool:
    """Do what the record asks, each step as if it had not been done; True once the database's files are clean."""
    store.put(record, replace=True)
    _bury(store, record)
    _mark(store, artifacts, record)
    erase_traces(store, record.project, record.pending_traces)
    named = [_split(name) for name in record.pending_records]
    erase_records(store, record.project, [told for told in named if told[0] not in KINDS])
    blank_quarantined(store, artifacts, record.project, [told for told in named if told[0] in KINDS])
    for day in record.days:
        _rewrite_day(artifacts, record.project, day, frozenset(record.pending_traces))
        request_refresh(store, record.project, day, f"{record.id}: a person was forgotten")
    done = {"state": "done", "finished_at": clock.now(), "days": record.days}
    empty = {"pending_traces": (), "pending_sessions": (), "pending_records": ()}
    store.put(record.model_copy(update={**done, **empty}), replace=True)
    return settle_erasure(store)


def _plan(store: Store, artifacts: Artifacts, project: str, subjects: Sequence[Subject], found: Found) -> Forgetting:
    """What is to be done, with what an earlier request for the same person left undone."""
    names = tuple(sorted({subject.name for subject in subjects}))
    name = f"forget-{digest_json([project, names])[:20]}"
    before = store.peek(Forgetting, name)
    traces = {*found.traces, *(before.pending_traces if before else ())}
    days = {*found.traces.values(), *(before.days if before else ())}
    family = Family(store, artifacts, project)
    datasets = {*find_datasets_of(family, traces, names), *(before.datasets if before else ())}
    paths = [day_path(project, day, "clean_events") for day in days]
    models = find_models_of(family, [*datasets, *paths], found.recipes)
    now = clock.now()
    return Forgetting(
        id=name,
        project=project,
        created_at=before.created_at if before else now,
        subjects=names,
        asked_at=now,
        state="working",
        traces=(before.traces if before else 0) + len(found.traces),
        records=(before.records if before else 0) + len(found.records),
        days=tuple(sorted(days)),
        datasets=tuple(sorted(datasets)),
        models=tuple(sorted({*models, *(before.models if before else ())})),
        pending_traces=tuple(sorted(traces)),
        pending_sessions=tuple(sorted({*found.sessions, *(before.pending_sessions if before else ())})),
        pending_records=tuple(sorted({*found.records, *(before.pending_records if before else ())})),
    )


def _outcome_of(store: Store, record: Forgetting, found: Found) -> Outcome:
    """Whether there is something to do, or there was, under these names or with others."""
    if found.traces or found.sessions or found.records:
        return "found"
    names = set(record.subjects)
    if any(names & set(one.subjects) for one in store.find(Forgetting, project=record.project)):
        return "already"
    return "found" if record.datasets or record.models else "nothing"


def _bury(store: Store, record: Forgetting) -> None:
    names = [name_tombstone(record.project, "trace", name) for name in record.pending_traces]
    names += [name_tombstone(record.project, "session", name) for name in record.pending_sessions]
    with store.begin() as connection:
        for name in names:
            tombstone = Tombstone(id=name, project=record.project, created_at=record.asked_at, forgetting=record.id)
            store.put_in(connection, tombstone, replace=True)


def _mark(store: Store, artifacts: Artifacts, record: Forgetting) -> None:
    family = Family(store, artifacts, record.project)
    held = find_datasets_of(family, record.pending_traces)
    via = find_models_of(
        family, [*record.datasets, *(day_path(record.project, d, "clean_events") for d in record.days)]
    )
    for target in record.datasets:
        _put_mark(store, record, "dataset", target, len(held.get(target, ())), ())
    for target in record.models:
        model = family.models.get(target)
        sources = {name for one in (family.parents_of(model) if model else ()) for name in one.dataset_ids}
        _put_mark(store, record, "model", target, _count(held, sources, record), via.get(target, ()))


def _count(held: dict[str, set[str]], sources: Iterable[str], record: Forgetting) -> int:
    """How many of the person's traces went into a model: those of its datasets, all where it read their days."""
    days = {day_path(record.project, day, "clean_events") for day in record.days}
    if not days.isdisjoint(sources):
        return len(record.pending_traces)
    return len(set[str]().union(*(held.get(name, ()) for name in sources)))


def _put_mark(store: Store, record: Forgetting, kind: str, target: str, traces: int, via: tuple[str, ...]) -> None:
    name = f"mark-{record.id.removeprefix('forget-')}-{target}"
    before = store.peek(Mark, name)
    told = {"target_kind": kind, "target": target, "forgetting": record.id, "via": via}
    # What was found by its subject alone, or through another model, is of one trace at least.
    count = max(traces, before.traces if before else 1)
    base = {"id": name, "project": record.project, "created_at": record.asked_at}
    store.put(Mark.model_validate({**base, **told, "traces": count}), replace=True)


def _rewrite_day(artifacts: Artifacts, project: str, day: str, ids: frozenset[str]) -> None:
    """Write the files of a day again without these traces; a file that holds none of them stays as it is."""
    for name in get_args(DayFileName):
        path = day_path(project, day, name)
        if not artifacts.exists(path):
            continue
        schema = artifacts.read_schema(path)
        column = "id" if "id" in schema.names else "trace_id"
        if any(row[column] in ids for row in artifacts.read_rows(path, (column,), batch=5000)):
            kept = (row for row in artifacts.read_rows(path) if row[column] not in ids)
            artifacts.write_rows(path, schema, kept)


def _split(name: str) -> tuple[str, str]:
    kind, _, record_id = name.partition(":")
    return kind, record_id
