"""The Dagster instance of a home: made where it is not there, and claimed, so that no other home's platform takes it.

Invariant: an instance is of one home. It tells what stands in that home's store and artifacts; a second
daemon on it would do the first one's runs in its own. The claim is a file in the instance's folder, and
ends with the home that it names.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from agent_factory.cli.lock import hold_lock
from agent_factory.core.error import ConflictError, StorageError
from agent_factory.core.settings import INSTANCE_CONFIG

DAEMON_SETTINGS = {"DAGSTER_AUTOMATION_TICK_SETTLE_SECONDS": "0.2"}
"""Environment of the instance's daemon. A tick of the automation sensors notes how far the event log is and then reads
it; only with this above 0 does it read no further, and otherwise takes a report that comes between for two: a day was
made twice."""

CLAIM = "agent_factory_home"


def claim_instance(folder: Path, home: Path) -> None:
    """Make the instance's folder and claim it for ``home``; ConflictError where it is another home's."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with hold_lock(folder / f"{CLAIM}.lock", "another claim of the Dagster instance", wait_seconds=30):
            _claim(folder, home)
            if not (folder / INSTANCE_CONFIG.name).exists():
                shutil.copyfile(INSTANCE_CONFIG, folder / INSTANCE_CONFIG.name)
    except OSError as error:
        raise StorageError(f"the Dagster instance at {str(folder)!r} cannot be made: {error.strerror}") from error


def has_databases(folder: Path) -> bool:
    """Whether the instance's databases were made, whole: the version of the schedules' is written last."""
    path = folder / "schedules" / "schedules.db"
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10)) as database:
            return database.execute("SELECT count(*) FROM alembic_version").fetchone()[0] > 0
    except sqlite3.DatabaseError:
        return False


def _claim(folder: Path, home: Path) -> None:
    path = folder / CLAIM
    holder = Path(path.read_text().strip()) if path.exists() else None
    if holder == home:
        return
    if holder is not None and holder.is_dir():
        raise ConflictError(
            f"the Dagster instance at {str(folder)!r} is that of AGENT_FACTORY_HOME {str(holder)!r}, not of "
            f"{str(home)!r}: two platforms would do each other's runs. Unset DAGSTER_HOME to have one in the home, "
            "or give it another folder"
        )
    draft = path.with_suffix(".part")
    draft.write_text(f"{home}\n")
    draft.replace(path)
