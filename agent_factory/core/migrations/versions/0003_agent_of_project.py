"""An agent's name is its project's own: agents of all projects but the default are kept in another row.

What the row is called is written out as it was, as the first schema is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256

from alembic import op
from sqlalchemy import column, select, table, update

revision = "0003"
down_revision = "0002"

_records = table("records", column("kind"), column("id"), column("project"), column("body"))
_own = (_records.c.kind == "Agent", _records.c.project != "default")


def upgrade() -> None:
    _name_rows(lambda project, name: f"/{sha256(f'{project}/{name}'.encode()).hexdigest()[:40]}")


def downgrade() -> None:
    """Fails, and changes nothing, where two projects have an agent of the same name."""
    _name_rows(lambda project, name: name)


def _name_rows(name_row: Callable[[str, str], str]) -> None:
    connection = op.get_bind()
    wanted = select(_records.c.id, _records.c.project, _records.c.body).where(*_own)
    for row, project, body in connection.execute(wanted).all():
        new = name_row(project, json.loads(body)["id"])
        connection.execute(update(_records).where(*_own, _records.c.id == row).values(id=new))
