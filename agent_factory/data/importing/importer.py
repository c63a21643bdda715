"""Imports files of other systems: what can be read goes in, the rest is quarantined with file, place and reason.

Invariants: importing a file twice keeps its traces once; a row is kept whole or quarantined; however
long the file, one batch of its rows is held at a time.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from agent_factory.contracts.record import Count, Record
from agent_factory.contracts.trace import Trace
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import require_days
from agent_factory.core.error import ConflictError, FactoryError, InputError
from agent_factory.core.intake import Notices, Parcel, pack
from agent_factory.core.recipe import load_recipe
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.importing.detect import AUTO, find_format
from agent_factory.data.importing.quarantine import Quarantine
from agent_factory.data.importing.row import Format, NoTimeError, Origin, Quarantined, Row
from agent_factory.data.ingest import explain, require_trace
from agent_factory.data.stranger import Roll

_BATCH = 200
_BATCH_CHARACTERS = 8 * 2**20


class ImportReport(Record):
    """What became of a file: traces kept, and known already; rows that could not be read, and where those are told.

    ``days`` are the partitions that its traces belong to; ``examples`` are the first of the quarantined rows;
    ``warnings`` say what of the traces is not known here.
    """

    file: str
    format: str
    accepted: Count
    duplicates: Count
    quarantined: Count
    quarantine_path: str | None
    examples: tuple[Quarantined, ...]
    days: tuple[str, ...]
    warnings: Notices = Notices()


Progress = Callable[[float, int, int], None]
"""Is told the share of the file that is done, the traces that are in, and the rows that were quarantined."""


def import_traces(
    store: Store,
    artifacts: Artifacts,
    origin: Origin,
    source_format: str = AUTO,
    tell: Progress = lambda *_: None,
) -> ImportReport:
    """Keep the traces of a file, batch by batch, and the report of it.

    NotFoundError where there is no such recipe. InputError where there is no such file, it is not of the
    format, no data is taken of the day, or rows tell no time and no day was given; then what came before is kept.
    """
    found = find_format(source_format, origin.file)
    if origin.recipe is not None:
        load_recipe(origin.recipe)
    if origin.day is not None:
        require_days(origin.day, origin.day)
    name = clock.new_id("import")
    with Quarantine(artifacts, origin.project, name, str(origin.file)) as quarantine:
        intake = _Intake(TraceLog(store), quarantine)
        for row in found.rows(origin.file):
            intake.take(row, found, origin)
            tell(row.done, intake.accepted + intake.duplicates, quarantine.count)
        intake.flush()
        path = quarantine.keep()
    report = ImportReport(
        id=name,
        project=origin.project,
        created_at=clock.now(),
        file=str(origin.file),
        format=found.name,
        accepted=intake.accepted,
        duplicates=intake.duplicates,
        quarantined=quarantine.count,
        quarantine_path=path,
        examples=tuple(quarantine.examples),
        days=tuple(sorted(intake.days)),
        warnings=intake.roll.tell(),
    )
    store.put(report)
    return report


class _Intake:
    """Rows on their way in: a parcel each, kept a batch at a time."""

    def __init__(self, log: TraceLog, quarantine: Quarantine) -> None:
        self.accepted = self.duplicates = 0
        self.days: set[str] = set()
        self.roll = Roll()
        self._log = log
        self._quarantine = quarantine
        self._waiting: list[tuple[str, Parcel]] = []
        self._size = 0

    def take(self, row: Row, found: Format, origin: Origin) -> None:
        """Read a row and keep it, or quarantine it."""
        try:
            traces = _read(row, found, origin)
            parcel = pack(traces)
        except NoTimeError as error:
            if not self._waiting and not self.accepted and not self.duplicates and not self._quarantine.count:
                raise  # the first row: so it is with all of them
            self._quarantine.add(row.place, str(error))
        except (
            ValidationError,
            FactoryError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            RecursionError,
        ) as error:
            self._quarantine.add(row.place, describe(error))
        else:
            self.roll.add(traces)
            self._waiting.append((row.place, parcel))
            self._size += sum(len(kept["body"]) for kept in parcel.rows.values())
            if len(self._waiting) >= _BATCH or self._size >= _BATCH_CHARACTERS:
                self.flush()

    def flush(self) -> None:
        """Keep what waits."""
        outcomes = self._log.keep([parcel for _, parcel in self._waiting]) if self._waiting else []
        for (place, parcel), outcome in zip(self._waiting, outcomes, strict=True):
            if isinstance(outcome, ConflictError):
                self._quarantine.add(place, str(outcome))
                continue
            self.accepted += outcome.accepted
            self.duplicates += outcome.duplicates
            self.days.update(str(row["day"]) for row in parcel.rows.values())
        self._waiting, self._size = [], 0


def _read(row: Row, found: Format, origin: Origin) -> tuple[Trace, ...]:
    if isinstance(row.value, Exception):
        raise InputError(str(row.value))
    traces = found.traces(row.value, origin)
    for trace in traces:
        require_trace(trace)
    return traces


def describe(error: Exception) -> str:
    """Why a row could not be read, in words; what it holds is not shown, it may be personal."""
    if isinstance(error, ValidationError):
        return explain(error)
    if isinstance(error, KeyError):
        return f"no field {error}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, FactoryError | ValueError):
        return str(error)
    return f"it is not as the format has it: {error}"


def list_imports(store: Store, project: str, limit: int = 100) -> list[ImportReport]:
    """The imports of a project, newest first."""
    return store.find(ImportReport, project=project, limit=limit, newest_first=True)
