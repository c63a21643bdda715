"""Platforms that start at once, and ports that others take: light processes listen as gRPC does, which shares ports."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent_factory.cli import platform as platform_module
from agent_factory.cli.platform import Platform
from agent_factory.cli.port import HOST, hold_ports, listens_alone
from agent_factory.cli.service import Running, Service, is_alive
from agent_factory.core.error import PortError, StorageError, WorkerError
from agent_factory.core.settings import read_settings

LISTEN = (
    "import socket, sys, time; time.sleep(0.5); s = socket.socket(); "
    "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1); "
    f"s.bind(({HOST!r}, int(sys.argv[1]))); s.listen(); time.sleep(60)"
)
WAIT = "import time; time.sleep(60)"


def listens(running: Running) -> bool:
    return running.port is None or listens_alone(running.port, running.pid)


class ListeningPlatform(Platform):
    """Each service with an address listens on it, half a second after it was started."""

    code = LISTEN
    at_work = threading.Event()

    def _service(self, name: str, command: Any, env: Any, probe: Any, port: Any, scheme: str = "http") -> Service:
        light = (sys.executable, "-c", WAIT) if port is None else (sys.executable, "-c", self.code, str(port))
        return super()._service(name, light, env, listens, port, scheme)

    def _begin_pools(self, env: Any) -> Any:
        self.at_work.set()
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", ""], stdout=pipe, stderr=pipe, text=True)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def platforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]) -> Iterator[list[ListeningPlatform]]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    homes = [read_settings({"AGENT_FACTORY_HOME": str(tmp_path / name)}) for name in ("one", "two")]
    found = [ListeningPlatform(settings, told.append) for settings in homes]
    yield found
    for platform in found:
        platform.down()


def test_platforms_that_start_at_once_share_no_port(platforms: list[ListeningPlatform]) -> None:
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(lambda platform: platform.up("up", webserver=True), platforms)
    ports = [{one.port for one in running.values() if one.port} for running in (first, second)]
    assert [len(found) for found in ports] == [4, 4]
    assert not ports[0] & ports[1]
    assert all(listens(one) for one in (*first.values(), *second.values()))


def test_one_that_starts_beside_another_says_that_it_waits(tmp_path: Path, platforms: list[ListeningPlatform]) -> None:
    told: list[str] = []
    with hold_ports(told.append):
        assert told == []
        waiting = threading.Thread(target=lambda: platforms[0].up("up", webserver=False))
        platforms[0].tell = told.append
        waiting.start()
        while not told:
            time.sleep(0.02)
        assert "waiting until it has its ports" in told[0]
        assert platforms[0].status() == []
    waiting.join(60)
    assert platforms[0].status()


def test_a_port_that_is_taken_after_it_was_chosen_is_given_up(
    platforms: list[ListeningPlatform], monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        answers = iter([taken])
        usual = platform_module.find_port
        monkeypatch.setattr(platform_module, "find_port", lambda *asked: next(answers, None) or usual(*asked))
        found = platforms[0].up("up", webserver=False)
    assert taken not in {one.port for one in found.values()}
    assert any(f"process {os.getpid()} listens on port {taken} too: another port is tried" in line for line in told)


def test_a_service_that_shares_its_port_gets_one_of_its_own(platforms: list[ListeningPlatform]) -> None:
    first = platforms[0].up("up", webserver=False)
    shared = first["code-server"].port
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((HOST, shared))
        other.listen()
        second = platforms[0].up("up", webserver=False)
    assert second["code-server"].port != shared
    assert second["mlflow"].pid == first["mlflow"].pid
    assert listens(second["code-server"])


def test_another_process_on_the_port_is_no_readiness() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        port = other.getsockname()[1]
        assert not listens_alone(port, os.getsid(0))
        other.listen()
        assert listens_alone(port, os.getsid(0))
        with pytest.raises(PortError, match=f"process {os.getpid()} listens on port {port}"):
            listens_alone(port, 999_999_999)


def test_a_start_that_fails_ends_what_it_began(platforms: list[ListeningPlatform]) -> None:
    platform = platforms[0]
    platform.code = "raise SystemExit('no room')"
    with pytest.raises(WorkerError, match="no room"):
        platform.up("up", webserver=True)
    assert platform.status() == []
    assert list(platform.folder.run.glob("*.pid.json")) == []


def test_a_start_that_is_stopped_ends_what_it_began(
    platforms: list[ListeningPlatform], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = platforms[0]
    kept = platform.up("up", webserver=False)
    begun: list[Running] = []

    def stop_it(_service: Service, running: Running) -> None:
        begun.extend(one for one in platform.status() if one.pid not in {other.pid for other in kept.values()})
        if begun:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)

    monkeypatch.setattr(platform_module, "wait_ready", stop_it)
    with pytest.raises(KeyboardInterrupt):
        platform.up("up", webserver=True)
    assert [one.name for one in begun] == ["dagster-webserver"]
    assert not is_alive(begun[0])
    assert {one.pid for one in platform.status()} == {one.pid for one in kept.values()}


def test_the_lock_is_in_no_folder_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"agent-factory-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="not a folder of yours"), hold_ports(print):
        pass
