"""The platform on one machine: MLflow, the API, Dagster's code server, daemon and web server.

Invariants: starting what runs already changes nothing; a start that does not come to its end leaves what
ran before it and nothing else; `down` ends what was started here, and nothing else; all addresses are of
the loopback interface, and no other process listens there; a Dagster instance is of one home.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import yaml

from agent_factory.cli.instance import DAEMON_SETTINGS, claim_instance, has_databases
from agent_factory.cli.lock import hold_lock, is_locked
from agent_factory.cli.port import HOST, find_port, hold_ports, listens_alone
from agent_factory.cli.premise import require_usable
from agent_factory.cli.probe import answers_http, has_lived, serves_grpc
from agent_factory.cli.service import (
    STOP_SECONDS,
    Running,
    Service,
    ServiceFolder,
    check_alive,
    is_alive,
    start,
    stop,
    wait_ready,
)
from agent_factory.cli.workspace import read_location
from agent_factory.core.error import BusyError, DeadlineError, FactoryError, PortError, WorkerError
from agent_factory.core.settings import CHECKOUT, Settings

_PORTS = {"mlflow": 5000, "api": 8400, "code-server": 4266, "dagster-webserver": 3000}
# The daemon first, so that the runs that it ends still find the others; these all at once.
_ENDING = (("dagster-daemon",), ("dagster-webserver", "code-server", "api", "mlflow"))
_POOL_SECONDS = 180.0
_TRIES = 3
Tell = Callable[[str], None]


class Platform:
    """The services of one home folder."""

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self.settings = settings
        self.tell = tell
        self.folder = ServiceFolder(settings.home)
        self.round_lock = self.folder.run / "round.lock"
        self._lock = self.folder.run / "platform.lock"

    def up(self, owner: str, *, webserver: bool) -> dict[str, Running]:
        """Start what does not run, wait until all is ready; returns the services by name.

        Raises WorkerError or DeadlineError, naming the service and the end of its log; what was begun is ended then.
        InputError, before anything is started, where the settings name what no service could work with.
        """
        require_usable(self.settings)
        with hold_lock(self._lock, "another start or stop of the platform", wait_seconds=120):
            claim_instance(self.settings.dagster_home, self.settings.home)
            with hold_ports(self.tell), self._ending_what_fails():
                for _ in range(_TRIES - 1):
                    try:
                        return self._start_all(self._choose_ports(), owner, webserver)
                    except PortError as error:
                        self.tell(f"{error}: another port is tried")
                return self._start_all(self._choose_ports(), owner, webserver)

    def _start_all(self, ports: dict[str, int], owner: str, webserver: bool) -> dict[str, Running]:
        env = self._environment(ports)
        code_server = self._code_server(ports, env)
        services = [self._api(ports, env), *self._mlflow(ports)]
        running = {service.name: self._ensure(service, owner) for service in services}
        # Two that make the databases of a new instance at once spoil them for good: the pools' process does it alone.
        is_new = not has_databases(self.settings.dagster_home)
        with self._writing_pools(env) as wait_for_pools:
            if is_new:
                wait_for_pools()
            services.append(code_server)
            running[code_server.name] = self._ensure(code_server, owner)
            # The daemon reads the definitions when it starts: the code server must serve by then.
            wait_ready(code_server, running[code_server.name])
            workspace = self._write_workspace(ports["code-server"])
            later = [self._daemon(workspace, env | DAEMON_SETTINGS), *self._webserver(workspace, ports, env, webserver)]
            running |= {service.name: self._ensure(service, owner) for service in later}
            for service in (*services, *later):
                wait_ready(service, running[service.name])
        return running

    @contextmanager
    def _ending_what_fails(self) -> Generator[None]:
        """Where the block does not come to its end, by a fault or a signal, end what it began."""
        before = {running.pid for running in self.folder.all()}
        try:
            yield
        except BaseException:
            self.tell("the start is given up: what it began is ended")
            self._end(lambda running: running.pid not in before)
            raise

    def down(self, *, owner: str | None = None) -> list[str]:
        """End the services (of one owner); returns the names of those that were running."""
        if owner is None and is_locked(self.round_lock):
            raise BusyError("a round is running and needs the platform: stop it (Ctrl-C) first")
        with hold_lock(self._lock, "another start or stop of the platform", wait_seconds=120):
            return self._end(lambda running: owner in (None, running.owner))

    def _end(self, is_meant: Callable[[Running], bool]) -> list[str]:
        ended: list[str] = []
        for names in _ENDING:
            found = [self.folder.recall(name) for name in names]
            wanted = [running for running in found if running is not None and is_meant(running)]
            if any(is_alive(running) for running in wanted):
                told = ", ".join(running.name for running in wanted)
                self.tell(f"ending {told}: within {STOP_SECONDS:g} s, what has not ended by then is killed")
            with ThreadPoolExecutor() as pool:
                lived = pool.map(lambda running: stop(running, self.folder), wanted)
                ended += [running.name for running, was in zip(wanted, lived, strict=True) if was]
        return ended

    def status(self) -> list[Running]:
        """The services that run."""
        return self.folder.all()

    def check(self) -> None:
        """WorkerError, with the end of its log, if a service has ended by itself."""
        for name in itertools.chain(*_ENDING):
            running = self.folder.recall(name)
            if running is not None:
                check_alive(running)

    def _begin_pools(self, env: dict[str, str]) -> subprocess.Popen[str]:
        """Hand the limits of ``recipes/pools.toml`` to Dagster, while the services start."""
        command = [sys.executable, "-m", "resources.pools"]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=CHECKOUT, env={**os.environ, **env}, stdout=pipe, stderr=pipe, text=True)

    @contextmanager
    def _writing_pools(self, env: dict[str, str]) -> Generator[Callable[[], None]]:
        """Write the pools beside the block; what it is given waits until they are written, as the block's end does."""
        with self._begin_pools(env) as process:
            try:
                yield lambda: _end_pools(process)
                if process.returncode is None:
                    _end_pools(process)
            except BaseException:
                process.kill()
                raise

    def _ensure(self, service: Service, owner: str) -> Running:
        known = self.folder.read(service.name)
        if known is not None and known.fingerprint == service.fingerprint:
            if owner == "up" and known.owner != owner:
                known = known.model_copy(update={"owner": owner})
                self.folder.write(known)
            return known
        if known is not None:
            self.tell(f"{service.name} runs with other settings: it is started again")
            owner = known.owner if known.owner == "up" else owner
            stop(known, self.folder)
        where = f" on {service.url}" if service.url else ""
        self.tell(f"starting {service.name}{where}")
        return start(service, self.folder, owner)

    def _choose_ports(self) -> dict[str, int]:
        """The port that a service has or last had; for others the usual one, or a free one if it is taken.

        A service that shares its port with another process is ended, to have one of its own.
        """
        ports: dict[str, int] = {}
        for name, usual in _PORTS.items():
            known = self.folder.recall(name)
            port = (known.port if known is not None else None) or usual
            running = known is not None and is_alive(known) and _has_its_port(known)
            if known is not None and not running:
                stop(known, self.folder)  # what a killed service left behind may hold its port
            ports[name] = port if running else find_port(port, frozenset(ports.values()))
        return ports

    def _environment(self, ports: dict[str, int]) -> dict[str, str]:
        given = os.environ.get("MLFLOW_TRACKING_URI", "")
        return {
            "AGENT_FACTORY_HOME": str(self.settings.home),
            "AGENT_FACTORY_RECIPES": str(self.settings.recipes),
            "AGENT_FACTORY_DATABASE_URL": self.settings.database_url,
            "AGENT_FACTORY_ARTIFACTS_URL": self.settings.artifacts_url,
            "AGENT_FACTORY_API_URL": f"http://{HOST}:{ports['api']}",
            "AGENT_FACTORY_PROJECT": self.settings.project,
            "DAGSTER_HOME": str(self.settings.dagster_home),
            "PYTHONPATH": str(CHECKOUT),  # Dagster's programs load the run launcher from the checkout
            "MLFLOW_TRACKING_URI": given if given.startswith("http") else f"http://{HOST}:{ports['mlflow']}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "DO_NOT_TRACK": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def _mlflow(self, ports: dict[str, int]) -> list[Service]:
        if os.environ.get("MLFLOW_TRACKING_URI", "").startswith("http"):
            return []  # a server of the user's own
        port = ports["mlflow"]
        home = self.settings.home
        command = (
            *(sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"),
            *("--no-serve-artifacts", "--default-artifact-root", str(home / "mlflow")),
        )
        # Its job runner (for judges and prompts) would be a second process, and is not used.
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        return [self._service("mlflow", command, quiet, answers_http, port)]

    def _api(self, ports: dict[str, int], env: dict[str, str]) -> Service:
        port = ports["api"]
        command = (sys.executable, "-m", "agent_factory.cli.main", "api", "serve", "--port", str(port))
        return self._service("api", command, {**env, **self._keys()}, answers_http, port)

    def _keys(self) -> dict[str, str]:
        """What the API reads at its start only: it is started again where another key or file is given."""
        key, file = self.settings.api_key, self.settings.api_keys
        given = {} if key is None else {"AGENT_FACTORY_API_KEY": key.get_secret_value()}
        return given if file is None else {**given, "AGENT_FACTORY_API_KEYS": str(file)}

    def _code_server(self, ports: dict[str, int], env: dict[str, str]) -> Service:
        port = ports["code-server"]
        location = read_location()
        command = (
            *(sys.executable, "-m", "dagster", "code-server", "start", "--host", HOST, "--port", str(port)),
            *("--module-name", location["module_name"], "--location-name", location["location_name"]),
            *("--working-directory", str(CHECKOUT), "--log-level", "warning"),
        )
        return self._service("code-server", command, env, serves_grpc, port, scheme="grpc")

    def _daemon(self, workspace: Path, env: dict[str, str]) -> Service:
        command = (_beside_python("dagster-daemon"), "run", "--workspace", str(workspace), "--log-level", "info")
        return self._service("dagster-daemon", command, env, has_lived, None)

    def _webserver(self, workspace: Path, ports: dict[str, int], env: dict[str, str], wanted: bool) -> list[Service]:
        if not wanted:
            return []
        port = ports["dagster-webserver"]
        command = (
            *(_beside_python("dagster-webserver"), "--host", HOST, "--port", str(port)),
            *("--workspace", str(workspace), "--dagster-log-level", "warning"),
        )
        return [self._service("dagster-webserver", command, env, answers_http, port)]

    def _service(
        self,
        name: str,
        command: tuple[str, ...],
        env: dict[str, str],
        probe: Callable[[Running], bool],
        port: int | None,
        scheme: str = "http",
    ) -> Service:
        url = None if port is None else f"{scheme}://{HOST}:{port}"
        return Service(name=name, command=command, env=env, probe=probe, port=port, url=url, cwd=CHECKOUT)

    def _write_workspace(self, port: int) -> Path:
        """Daemon and web server share the one code server, which loads the definitions once."""
        path = self.folder.run / "workspace.yaml"
        server = {"host": HOST, "port": port, "location_name": read_location()["location_name"]}
        path.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
        return path


def _end_pools(process: subprocess.Popen[str]) -> None:
    try:
        _, told = process.communicate(timeout=_POOL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise DeadlineError(f"the pools were not written into Dagster within {_POOL_SECONDS:g} s") from error
    if process.returncode != 0:
        raise WorkerError(f"the pools could not be written into Dagster: {told.strip()[-800:]}")


def _has_its_port(running: Running) -> bool:
    if running.port is None:
        return True
    try:
        listens_alone(running.port, running.pid)
    except PortError:
        return False
    return True


def _beside_python(name: str) -> str:
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise FactoryError(f"{path} is missing: run `make setup`")
    return str(path)
