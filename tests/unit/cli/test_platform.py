"""The platform with light processes in place of its services."""

import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from pydantic import SecretStr

from agent_factory.cli import platform as platform_module
from agent_factory.cli.instance import claim_instance
from agent_factory.cli.lock import hold_lock
from agent_factory.cli.platform import Platform
from agent_factory.cli.port import HOST, find_port
from agent_factory.cli.service import Running, Service, ServiceFolder, stop
from agent_factory.core.error import BusyError, ConflictError, InputError, WorkerError
from agent_factory.core.settings import INSTANCE_CONFIG, Settings, read_settings

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


class LightPlatform(Platform):
    """Services that only sleep; ports, environment, pid files and locks are the real ones."""

    def _service(self, name: str, command: Any, env: Any, probe: Any, port: Any, scheme: str = "http") -> Service:
        return super()._service(name, SLEEP, env, lambda _: True, port, scheme)

    def _begin_pools(self, env: Any) -> Any:
        code = "import sys; sys.stderr.write('no such pool'); sys.exit(1)" if env.get("SPOIL") else ""
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True)


@pytest.fixture
def platform(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[LightPlatform]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(settings.home.parent))  # no platform of elsewhere is waited for
    found = LightPlatform(settings, lambda _: None)
    yield found
    found.down()


def test_up_starts_all_and_twice_is_once(platform: LightPlatform) -> None:
    first = platform.up("up", webserver=True)
    assert set(first) == {"mlflow", "api", "code-server", "dagster-daemon", "dagster-webserver"}
    assert {name: one.pid for name, one in platform.up("up", webserver=True).items()} == {
        name: one.pid for name, one in first.items()
    }
    ports = [one.port for one in first.values() if one.port]
    assert len(set(ports)) == 4
    workspace = yaml.safe_load((platform.folder.run / "workspace.yaml").read_text())
    assert workspace["load_from"][0]["grpc_server"]["port"] == first["code-server"].port
    assert sorted(platform.down()) == sorted(first)
    assert platform.status() == []
    assert platform.down() == []


@pytest.mark.parametrize("is_new", ["not there", "half made", ""])
def test_nobody_else_opens_a_new_instance_while_the_pools_process_makes_it(
    is_new: str, platform: LightPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_new != "not there":
        folder = platform.settings.dagster_home / "schedules"
        folder.mkdir(parents=True)
        with closing(sqlite3.connect(folder / "schedules.db")) as database:
            database.execute("CREATE TABLE alembic_version (version_num TEXT)")
            if not is_new:
                database.execute("INSERT INTO alembic_version VALUES ('5771160a95ad')")
                database.commit()
    order: list[str] = []
    end, begin = platform_module._end_pools, platform_module.start
    monkeypatch.setattr(platform_module, "_end_pools", lambda process: (end(process), order.append("pools")))
    monkeypatch.setattr(
        platform_module, "start", lambda service, *more: (order.append(service.name), begin(service, *more))[1]
    )
    platform.up("up", webserver=True)
    opening = ["code-server", "dagster-daemon", "dagster-webserver"]
    assert [name for name in order if name not in ("api", "mlflow")] == (
        ["pools", *opening] if is_new else [*opening, "pools"]
    )


def test_the_daemon_ends_first_and_the_others_at_once(platform: LightPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    together = threading.Barrier(4)

    def stop_with_the_others(running: Running, folder: ServiceFolder) -> bool:
        if ended:
            together.wait(20)
        ended.append(running.name)
        return stop(running, folder)

    platform.up("up", webserver=True)
    with monkeypatch.context() as patch:
        patch.setattr(platform_module, "stop", stop_with_the_others)
        assert len(platform.down()) == 5
    assert ended[0] == "dagster-daemon"


def test_the_end_tells_how_long_it_may_take(platform: LightPlatform) -> None:
    told: list[str] = []
    platform.tell = told.append
    platform.down()
    assert told == []
    platform.up("up", webserver=False)
    platform.down()
    assert "ending dagster-daemon: within 40 s, what has not ended by then is killed" in told


def test_a_taken_port_is_passed_over(platform: LightPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setitem(__import__("agent_factory.cli.platform", fromlist=["_PORTS"])._PORTS, "api", port)
        assert platform.up("up", webserver=False)["api"].port != port


def test_a_round_ends_only_what_it_started(platform: LightPlatform) -> None:
    kept = platform.up("up", webserver=True)
    assert platform.up("round", webserver=False)["api"].pid == kept["api"].pid
    assert platform.down(owner="round") == []
    platform.down()
    platform.up("round", webserver=False)
    # What a killed round left is taken over, here by a person.
    adopted = platform.up("up", webserver=False)
    assert platform.down(owner="round") == []
    assert {one.owner for one in adopted.values()} == {"up"}


def test_a_service_that_died_is_told_and_started_again(platform: LightPlatform) -> None:
    first = platform.up("up", webserver=False)
    dead = first["mlflow"]
    process = psutil.Process(dead.pid)
    process.kill()
    process.wait(10)
    with pytest.raises(WorkerError, match=r"mlflow .*ended by itself"):
        platform.check()
    second = platform.up("up", webserver=False)
    assert second["mlflow"].pid != dead.pid
    assert second["api"].pid == first["api"].pid
    platform.check()


def test_another_port_of_mlflow_reaches_those_who_use_it(platform: LightPlatform) -> None:
    first = platform.up("up", webserver=False)
    port = first["mlflow"].port
    process = psutil.Process(first["mlflow"].pid)
    process.kill()
    process.wait(10)
    assert port is not None
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((HOST, port))
        taken.listen()
        second = platform.up("up", webserver=False)
    assert second["mlflow"].port != port
    assert second["code-server"].pid != first["code-server"].pid


def test_down_waits_for_a_round(platform: LightPlatform) -> None:
    platform.up("round", webserver=False)
    with hold_lock(platform.round_lock, "a round"):
        with pytest.raises(BusyError, match="a round is running"):
            platform.down()
        platform.check()


def test_pools_that_cannot_be_written_are_told(platform: LightPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    spoiled = {**platform._environment(platform._choose_ports()), "SPOIL": "1"}
    monkeypatch.setattr(platform, "_environment", lambda _: spoiled)
    with pytest.raises(WorkerError, match="no such pool"):
        platform.up("up", webserver=False)


def test_a_users_own_mlflow_is_used(platform: LightPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    found = platform.up("up", webserver=False)
    assert "mlflow" not in found
    environment = psutil.Process(found["code-server"].pid).environ()
    assert environment["MLFLOW_TRACKING_URI"] == "http://mlflow.example:5000"
    assert environment["AGENT_FACTORY_HOME"] == os.environ["AGENT_FACTORY_HOME"]


def test_other_keys_start_the_api_anew_and_nothing_else(
    platform: LightPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = platform.up("up", webserver=False)
    platform.settings = platform.settings.model_copy(update={"api_key": SecretStr("another")})
    second = platform.up("up", webserver=False)
    assert {name for name in first if first[name].pid != second[name].pid} == {"api"}


@pytest.mark.parametrize("changes", [{"database_url": "nonsense"}, {"artifacts_url": "nope://x/y"}])
def test_settings_that_no_service_can_work_with_are_told_before_the_start(
    changes: dict[str, str], platform: LightPlatform
) -> None:
    platform.settings = platform.settings.model_copy(update=changes)
    with pytest.raises(InputError, match="Set AGENT_FACTORY_"):
        platform.up("up", webserver=False)
    assert list(platform.folder.logs.iterdir()) == []


def test_a_free_port_is_free(platform: LightPlatform) -> None:
    with socket.socket() as probe:
        probe.bind((HOST, find_port(0)))


def test_each_home_has_a_dagster_instance_of_its_own(platform: LightPlatform) -> None:
    found = platform.up("up", webserver=False)
    mine = platform.settings.home / "dagster_home"
    assert psutil.Process(found["dagster-daemon"].pid).environ()["DAGSTER_HOME"] == str(mine)
    assert (mine / "dagster.yaml").read_text() == INSTANCE_CONFIG.read_text()


def test_the_dagster_instance_of_another_home_is_refused(platform: LightPlatform, tmp_path: Path) -> None:
    platform.up("up", webserver=False)
    home = tmp_path / "other"
    shared = read_settings({"AGENT_FACTORY_HOME": str(home), "DAGSTER_HOME": str(platform.settings.dagster_home)})
    other = LightPlatform(shared, lambda _: None)
    with pytest.raises(ConflictError, match=rf"is that of AGENT_FACTORY_HOME '{platform.settings.home}'"):
        other.up("up", webserver=False)
    assert other.status() == []


def test_the_instance_of_a_home_that_is_gone_is_free(tmp_path: Path) -> None:
    gone, home = tmp_path / "gone", tmp_path / "home"
    gone.mkdir()
    claim_instance(tmp_path / "instance", gone)
    gone.rmdir()
    home.mkdir()
    claim_instance(tmp_path / "instance", home)
    gone.mkdir()
    with pytest.raises(ConflictError):
        claim_instance(tmp_path / "instance", gone)


def test_the_default_home_keeps_the_checkouts_instance() -> None:
    assert read_settings({}).dagster_home == INSTANCE_CONFIG.parent
    assert read_settings({"DAGSTER_HOME": "/elsewhere"}).dagster_home == Path("/elsewhere")
