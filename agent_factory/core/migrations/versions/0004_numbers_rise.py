"""A trace's number is never given again: on SQLite, too, those of removed traces stay used.

SQLite gave the number of the newest trace again once that one was forgotten, and who reads by number had it
behind them already. PostgreSQL's sequence always rose.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import column, func, select, table

revision = "0004"
down_revision = "0003"

_traces = table("traces", column("number"))
_records = table("records", column("kind"))
_numbers = table("sqlite_sequence", column("name"), column("seq"))


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    with op.batch_alter_table("traces", recreate="always", table_kwargs={"sqlite_autoincrement": True}):
        pass  # made again as it is, with every number kept
    # What was removed left a tombstone each, so that no number was ever given above these two together.
    newest = connection.execute(select(func.max(_traces.c.number))).scalar() or 0
    removed = select(func.count()).select_from(_records).where(_records.c.kind == "Tombstone")
    used = newest + connection.execute(removed).scalar_one()
    connection.execute(_numbers.delete().where(_numbers.c.name == "traces"))
    connection.execute(_numbers.insert().values(name="traces", seq=used))


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("traces", recreate="always"):
            pass
