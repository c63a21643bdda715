"""What was forgotten does not come back: of a trace and of a session a keyed hash of project and id is left.

Invariant: whoever reads the store alone cannot tell from a tombstone which trace it is of.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from sqlalchemy import Connection, select

from agent_factory.contracts.forgetting import Tombstone
from agent_factory.contracts.trace import Trace
from agent_factory.core.error import ForgottenError
from agent_factory.core.intake import Key
from agent_factory.core.key import read_key
from agent_factory.core.settings import get_settings
from agent_factory.core.store import Store
from agent_factory.core.table import records

_CHUNK = 400


def name_tombstone(project: str, what: Literal["trace", "session"], name: str) -> str:
    """The id of the tombstone of a trace or a session, under the key of this home."""
    told = f"{what}:{project}:{name}".encode()
    return f"tomb-{hmac.new(read_key(get_settings().home), told, hashlib.sha256).hexdigest()[:40]}"


def refuse_buried(connection: Connection, rows: Mapping[Key, Mapping[str, Any]]) -> ForgottenError | None:
    """Why none of these rows of ``traces`` is taken in; None where neither a trace nor its session was forgotten."""
    buried = _find_buried(connection, rows)
    if not buried:
        return None
    more = f", as were {len(buried) - 1} more," if len(buried) > 1 else ""
    return ForgottenError(
        f"trace {min(buried)!r} was forgotten at a person's request{more} and is not taken in again: "
        "leave it out and send the rest"
    )


def list_buried(store: Store, project: str, traces: Iterable[Trace]) -> set[str]:
    """Ids of those of a project's traces that were forgotten, as themselves or with their session."""
    rows = {(project, trace.id): {"session_id": trace.session_id} for trace in traces}
    with store.begin(read_only=True) as connection:
        return _find_buried(connection, rows)


def _find_buried(connection: Connection, rows: Mapping[Key, Mapping[str, Any]]) -> set[str]:
    found: set[str] = set()
    for project in {project for project, _ in rows}:
        if not _has_tombstones(connection, project):  # as it is nearly always
            continue
        names: dict[str, set[str]] = {}
        for (owner, trace_id), row in rows.items():
            if owner == project:
                names.setdefault(name_tombstone(project, "trace", trace_id), set()).add(trace_id)
                if row["session_id"] is not None:
                    names.setdefault(name_tombstone(project, "session", row["session_id"]), set()).add(trace_id)
        found.update(*(names[tomb] for tomb in _find_tombstones(connection, list(names))))
    return found


def _find_tombstones(connection: Connection, names: list[str]) -> list[str]:
    found: list[str] = []
    for start in range(0, len(names), _CHUNK):
        query = select(records.c.id).where(
            records.c.kind == Tombstone.__name__, records.c.id.in_(names[start : start + _CHUNK])
        )
        found += connection.execute(query).scalars()
    return found


def _has_tombstones(connection: Connection, project: str) -> bool:
    query = select(records.c.id).where(records.c.kind == Tombstone.__name__, records.c.project == project).limit(1)
    return connection.execute(query).first() is not None
