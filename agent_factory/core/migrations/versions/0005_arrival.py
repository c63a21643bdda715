"""A record may have a number that tells when it came, by order and not by any clock: labels have one.

Labels of before get 0: they came before all others, and whoever asks for all of them gets them once more.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer, column, table

revision = "0005"
down_revision = "0004"

_records = table("records", column("kind"), column("arrival"))


def upgrade() -> None:
    op.add_column("records", Column("arrival", Integer))
    op.create_index("records_by_arrival", "records", ["kind", "project", "arrival"])
    op.execute(_records.update().where(_records.c.kind == "Feedback").values(arrival=0))


def downgrade() -> None:
    op.drop_index("records_by_arrival", "records")
    op.drop_column("records", "arrival")
