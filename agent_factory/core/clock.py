"""Time and identifiers, in one place so that both can be replaced in a test."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime


def now() -> datetime:
    """The present instant in UTC."""
    return datetime.now(UTC)


def today() -> str:
    """The present day partition, YYYY-MM-DD in UTC."""
    return now().date().isoformat()


def new_id(prefix: str) -> str:
    """A fresh identifier such as ``run-0198c5…``: sortable by time to the millisecond, then random."""
    milliseconds = int(now().timestamp() * 1000)
    return f"{prefix}-{milliseconds:011x}{uuid.uuid4().hex[:10]}"
