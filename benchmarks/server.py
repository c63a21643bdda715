"""The API as a process of its own, on a port of this machine, started in milliseconds because its modules are there.

Invariant: the process is the API under uvicorn as ``factory api serve`` runs it; only its imports are shared.
"""

from __future__ import annotations

import http.client
import multiprocessing
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

_START_SECONDS = 120.0
_PRELOADED = ("agent_factory.api.app", "agent_factory.core.migration", "psycopg", "uvicorn.main", "uvloop", "httptools")
_CONTEXT = multiprocessing.get_context("forkserver")


def find_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _serve(port: int, environ: dict[str, str]) -> None:
    import uvicorn

    os.environ.update(environ)
    from agent_factory.api.app import create_app
    from agent_factory.core.settings import read_settings

    uvicorn.run(create_app(read_settings()), host="127.0.0.1", port=port, log_level="warning", access_log=False)


@dataclass
class ApiServer:
    """One API process at a time over one home and one store."""

    home: Path
    database_url: str
    port: int = field(default_factory=find_port)
    process: BaseProcess | None = None

    def start(self) -> None:
        """Start the process and wait until it answers."""
        environ = {"AGENT_FACTORY_HOME": str(self.home), "AGENT_FACTORY_DATABASE_URL": self.database_url}
        environ["AGENT_FACTORY_API_KEY"] = ""
        self.process = _CONTEXT.Process(target=_serve, args=(self.port, environ), daemon=True)
        self.process.start()
        end = time.monotonic() + _START_SECONDS
        while not self._answers():
            if time.monotonic() > end or not self.process.is_alive():
                raise RuntimeError(f"the API at port {self.port} did not start: exit code {self.process.exitcode}")
            time.sleep(0.01)

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nobody is told."""
        assert self.process is not None
        self.process.kill()
        self.process.join(30)

    def stop(self) -> None:
        """End it as a service manager does, then by force."""
        if self.process is not None and self.process.is_alive():
            self.process.terminate()
            self.process.join(20)
            if self.process.is_alive():
                self.kill()

    def _answers(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", "/health")
                return connection.getresponse().status == 200
            finally:
                connection.close()
        return False


@contextmanager
def serve_api(home: Path, database_url: str) -> Iterator[ApiServer]:
    """A started API while the block runs."""
    _CONTEXT.set_forkserver_preload([*_PRELOADED])
    server = ApiServer(home, database_url)
    try:
        server.start()
        yield server
    finally:
        server.stop()
