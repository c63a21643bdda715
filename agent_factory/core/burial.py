"""What was forgotten does not come back: of a trace and of a session a keyed hash of project and id is left.

Invariant: whoever reads the store alone cannot tell from a tombstone which trace it is of.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping, Set
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


def refuse_buried(buried: Set[Key], keys: Set[Key]) -> ForgottenError | None:
    """Why none of the traces of these keys is taken in; None where none of them is among the ``buried``."""
    found = buried & keys
    if not found:
        return None
    more = f", as were {len(found) - 1} more," if len(found) > 1 else ""
    first = min(name for _, name in found)
    return ForgottenError(
        f"trace {first!r} was forgotten at a person's request{more} and is not taken in again: "
        "leave it out and send the rest"
    )


def list_buried(store: Store, project: str, traces: Iterable[Trace]) -> set[str]:
    """Ids of those of a project's traces that were forgotten, as themselves or with their session."""
    rows = [((project, trace.id), {"session_id": trace.session_id}) for trace in traces]
    with store.begin(read_only=True) as connection:
        return {name for _, name in find_buried(connection, rows)}


def find_buried(connection: Connection, rows: Collection[tuple[Key, Mapping[str, Any]]]) -> set[Key]:
    """Which of these rows of ``traces`` were forgotten, as themselves or with their session."""
    found: set[Key] = set()
    for project in {key[0] for key, _ in rows}:
        if not _has_tombstones(connection, project):  # as it is nearly always
            continue
        names: dict[str, set[Key]] = {}
        for key, row in rows:
            if key[0] == project:
                names.setdefault(name_tombstone(project, "trace", key[1]), set()).add(key)
                if row["session_id"] is not None:
                    names.setdefault(name_tombstone(project, "session", row["session_id"]), set()).add(key)
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
