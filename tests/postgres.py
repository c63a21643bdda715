"""A PostgreSQL server of one's own, in a temporary folder, reached by a socket in it.

Invariant: nothing is shared with another server and nothing is left behind. ``initdb`` and ``postgres``
refuse to be run by root: there they are run as ``nobody``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

_USER = "factory"
_DEADLINE_SECONDS = 60


def find_postgres() -> Path | None:
    """The folder of the newest server's programs, or None where there is none."""
    named = os.environ.get("AGENT_FACTORY_TEST_POSTGRES_BIN")
    found = [Path(named)] if named else [*Path("/usr/lib/postgresql").glob("*/bin")]
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    usable = [folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()]
    return max(usable, key=_version, default=None)


def _version(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


@dataclass(frozen=True)
class Server:
    """A server that runs; ``folder`` holds its socket."""

    folder: Path

    def url(self, database: str = "postgres") -> str:
        """What SQLAlchemy is given."""
        return f"postgresql+psycopg://{_USER}@/{database}?host={self.folder}"

    def make_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"f{uuid.uuid4().hex[:12]}"
        with psycopg.connect(host=str(self.folder), user=_USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(sql.Identifier(name))
            )
        return self.url(name)


@contextmanager
def run_postgres(programs: Path, *, durable: bool = False) -> Iterator[Server]:
    """A server while the block runs; ``durable`` writes through to the disk as a server in earnest does."""
    folder = Path(tempfile.mkdtemp(prefix="factory-pg-"))
    data, who = folder / "data", _who()
    if who:
        shutil.chown(folder, who["user"], who["group"])
    initdb = [programs / "initdb", "-D", data, "-U", _USER, "--auth=trust", "--encoding=UTF8", "--no-sync"]
    _run([*initdb, "--locale=C.UTF-8"], who, folder)
    options = [f"-k {folder}", "-c listen_addresses=''"]
    if not durable:
        options += ["-c fsync=off", "-c synchronous_commit=off", "-c full_page_writes=off"]
    control = [programs / "pg_ctl", "-D", data, "-w", "-t", str(_DEADLINE_SECONDS)]
    try:
        _run([*control, "-l", folder / "log", "-o", " ".join(options), "start"], who, folder)
        yield Server(folder)
    finally:
        subprocess.run(
            [*control, "-m", "immediate", "stop"], cwd=folder, check=False, capture_output=True, timeout=90, **who
        )
        shutil.rmtree(folder)


def _who() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _run(command: list[Any], who: dict[str, Any], folder: Path) -> None:
    # pg_ctl leaves the server with its own output: a pipe would be open for as long as it runs.
    with (folder / "told").open("w+b") as told:
        done = subprocess.run(command, cwd=folder, check=False, stdout=told, stderr=told, timeout=90, **who)
        if done.returncode:
            told.seek(0)
            log = folder / "log"
            more = log.read_text() if log.exists() else ""
            raise RuntimeError(f"{command[0]} failed: {told.read().decode()}{more}")
