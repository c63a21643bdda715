"""``python -m resources.nursery <module> …``: the warm process from which runs are forked.

It imports the definitions once; a run is then a fork of it and begins at once, where a fresh process
would import everything again. It reads one request a line from its standard input and answers each
with the process id of the run.

Invariants: it stays single-threaded and opens no connection, so that forking it is safe; where its
input ends (its daemon is gone) a run that is about to end may do so, the others are killed outright,
as a power cut would, and the next daemon finds them dead and tries them again.
"""

import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from typing import Any

from dagster._core.events import EngineEventData
from dagster._core.instance import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from dagster._core.origin import JobPythonOrigin
from dagster._grpc.impl import core_execute_run
from dagster._serdes import deserialize_value
from dagster._utils.hosted_user_process import recon_job_from_origin
from dagster._utils.interrupts import capture_interrupts, setup_interrupt_handlers

from resources.process import end_with_parent

_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_TO_END = 3.0


def main(modules: list[str]) -> int:
    """Serve requests until the input ends, or until told to retire and all runs have ended."""
    for module in modules:
        importlib.import_module(module)
    children: set[int] = set()
    retired = False
    while children or not retired:
        ready, _, _ = select.select([sys.stdin], [], [], _SECONDS_BETWEEN_LOOKS)
        children -= _reap()
        if not ready:
            continue
        line = sys.stdin.readline()
        if not line:
            break
        request = json.loads(line)
        retired = retired or bool(request.get("retire"))
        if not retired:
            children.add(_start_run(request))
    end = time.monotonic() + _SECONDS_TO_END
    while children and time.monotonic() < end:
        time.sleep(0.05)
        children -= _reap()
    for child in children:
        os.kill(child, signal.SIGKILL)
    return 0


def _start_run(request: dict[str, Any]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _live(request)
    sys.stdout.write(json.dumps({"run_id": request["run_id"], "pid": pid}) + "\n")
    sys.stdout.flush()
    return pid


def _live(request: dict[str, Any]) -> None:
    """The forked process: executes the run and ends, never returning into the nursery's loop."""
    code = 1
    try:
        os.setsid()
        end_with_parent(signal.SIGKILL)
        # The two pipes are the nursery's own.
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
        _execute(request)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _execute(request: dict[str, Any]) -> None:
    setup_interrupt_handlers()
    job = recon_job_from_origin(deserialize_value(request["job"], JobPythonOrigin))
    reference = deserialize_value(request["instance"], InstanceRef)
    with capture_interrupts(), DagsterInstance.from_ref(reference) as instance:
        run = instance.get_run_by_id(request["run_id"])
        if run is None:
            raise LookupError(f"run {request['run_id']!r} is not in the instance")
        message = f"Started process for run (pid: {os.getpid()})."
        instance.report_engine_event(message, run, EngineEventData.in_process(os.getpid()))
        for _ in core_execute_run(job, run, instance, inject_env_vars=False):
            pass


def _reap() -> set[int]:
    ended: set[int] = set()
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.add(pid)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
