"""Texts laid aside on disk while a dataset is made, so that what is in memory does not grow with them.

Invariant: a shelf lives as long as its block; nothing of it is left after that.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path


class Shelf:
    """Texts by their number, from 0."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._count = 0

    def put(self, text: str) -> int:
        """Lay a text aside; returns its number."""
        self._connection.execute("INSERT INTO texts VALUES (?, ?)", (self._count, text))
        self._count += 1
        return self._count - 1

    def get(self, number: int) -> str:
        """The text of that number; KeyError where there is none."""
        found = self._connection.execute("SELECT text FROM texts WHERE number = ?", (number,)).fetchone()
        if found is None:
            raise KeyError(number)
        return str(found[0])


@contextmanager
def open_shelf() -> Generator[Shelf]:
    """An empty shelf in a temporary folder."""
    with (
        tempfile.TemporaryDirectory(prefix="factory-shelf-") as folder,
        # Rows are read where another thread than the one that opened the shelf pulls them.
        closing(sqlite3.connect(Path(folder) / "shelf.db", check_same_thread=False)) as connection,
    ):
        for pragma in ("journal_mode=OFF", "synchronous=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE texts (number INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        yield Shelf(connection)
