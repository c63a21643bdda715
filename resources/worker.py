"""Worker processes: where a heavy library works, one process a piece of work, through Dagster Pipes.

Invariants: a worker ends with the run that started it; what it made is in the store (its Pipes
messages are a hint). A worker that was killed is started again, and goes on from its checkpoint; one
that failed by itself is not. A worker runs under a lease of its asset's pool, so that what a person
or another deployment holds by the API is waited for too.
"""

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

from agent_factory.compute.lease import hold
from agent_factory.contracts.compute import ResourceSpec
from agent_factory.core.settings import CHECKOUT
from resources.process import end_with_parent
from resources.store import StoreResource

_RETRIES = 2
_SECONDS_TO_END = 20.0
_LEASE_SECONDS = 20.0
"""How long a killed run still holds its slot."""
_QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1"}


class WorkerResource(dg.ConfigurableResource):
    """Starts ``python -m <module> …`` beside the run and waits for its end.

    ``deadline_seconds`` is the longest that a worker may take, and the longest that it waits for a slot.
    """

    deadline_seconds: float
    store_url: str
    project: str

    def run(
        self, context: dg.AssetExecutionContext, module: str, arguments: Sequence[str], extras: Mapping[str, Any]
    ) -> None:
        """Run a worker to its end; raises RetryRequested if it was killed, Failure if it failed."""
        command = [sys.executable, "-m", module, *arguments]
        with self._hold_slot(context), _open_session(context, extras) as session:
            # The settings are in this process's environment, which the worker inherits.
            code = self._wait_for(command, {**os.environ, **_QUIET, **session.get_bootstrap_env_vars()})
        if code < 0:
            name = signal.Signals(-code).name
            context.log.warning(f"worker {module!r} was ended by {name}; it is started again from its checkpoint")
            raise dg.RetryRequested(max_retries=_RETRIES, seconds_to_wait=1)
        if code > 0:
            raise dg.Failure(
                description=f"worker {' '.join(command[1:])!r} ended with exit code {code}. "
                "Its message is in this run's stderr and in the stage's record (`factory build show`).",
                allow_retries=False,
            )

    @contextmanager
    def _hold_slot(self, context: dg.AssetExecutionContext) -> Generator[None]:
        """A lease of the asset's pool while the block runs; that of a killed run ends by itself."""
        pool = context.op_def.pool
        if pool is None:
            raise dg.Failure(f"asset {context.asset_key.to_user_string()!r} starts a worker and names no pool")
        with hold(
            StoreResource(url=self.store_url, project=self.project).open(),
            ResourceSpec(pool=pool),
            f"{context.asset_key.to_user_string()} of {context.partition_key}",
            wait_seconds=self.deadline_seconds,
            ttl_seconds=_LEASE_SECONDS,
            build=context.partition_key,
            project=self.project,
        ):
            yield

    def _wait_for(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        with subprocess.Popen(command, cwd=CHECKOUT, env=dict(environment), preexec_fn=_end_with_run) as process:
            try:
                return process.wait(timeout=self.deadline_seconds)
            except subprocess.TimeoutExpired as error:
                raise dg.Failure(
                    description=f"worker {' '.join(command[1:])!r} did not end within {self.deadline_seconds:g} s "
                    "and was stopped. Give it less to do, or set AGENT_FACTORY_WORKER_SECONDS higher.",
                    allow_retries=False,
                ) from error
            finally:
                _stop(process)


@contextmanager
def _open_session(context: dg.AssetExecutionContext, extras: Mapping[str, Any]) -> Generator[dg.PipesSession]:
    with warnings.catch_warnings():
        # Dagster warns of a preview and of an old name in its own code, which nothing here can change.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        opened = dg.open_pipes_session(
            context=context,
            context_injector=dg.PipesTempFileContextInjector(),
            message_reader=dg.PipesTempFileMessageReader(),
            extras=dict(extras),
        )
        with opened as session:
            yield session


def _stop(process: "subprocess.Popen[bytes]") -> None:
    # A worker that is asked by SIGINT writes its checkpoint and ends; one that does not is killed.
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()


def _end_with_run() -> None:
    # A run that is killed outright must not leave a worker that writes beside its successor.
    end_with_parent(signal.SIGTERM)
