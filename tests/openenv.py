"""The real openenv package in an environment of its own, where it was installed (``make openenv``)."""

import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

PYTHON = Path(__file__).parents[1] / ".venv" / "openenv" / "bin" / "python"
REASON = f"openenv is not installed at {PYTHON}: make openenv"
COUNTER = """
import asyncio, sys, uvicorn
from openenv.core.env_server import create_fastapi_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, ConcurrencyConfig, Observation, State

class Add(Action):
    amount: int = 0
    wait_seconds: float = 0.0

class Total(Observation):
    total: int = 0

class Adder(Environment[Add, Total, State]):
    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self):
        super().__init__()
        self._state = State(episode_id="e", step_count=0)
        self._total = 0

    def reset(self, seed=None, episode_id=None, start=0, **more):
        self._total = start
        self._state = State(episode_id=episode_id, step_count=0, total=start)
        return Total(total=start)

    def step(self, action, timeout_s=None, **more):
        raise NotImplementedError

    async def step_async(self, action, timeout_s=None, **more):
        if action.amount > 99:
            raise ValueError("too much")
        await asyncio.sleep(action.wait_seconds)
        self._total += action.amount
        self._state = State(episode_id="e", step_count=self._state.step_count + 1, total=self._total)
        return Total(total=self._total, reward=float(self._total == 7), done=self._total >= 7)

    @property
    def state(self):
        return self._state

app = create_fastapi_app(Adder, Add, Total, concurrency_config=ConcurrencyConfig(max_concurrent_envs=4096))
server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))

async def main():
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await task

asyncio.run(main())
"""


@contextmanager
def serve(*arguments):
    """The port that a program in openenv's environment prints when its server answers."""
    with subprocess.Popen([PYTHON, "-W", "ignore", *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()  # it would wait for steps that wait
            process.wait(30)


def serve_counter():
    """The port of openenv's own server with an environment that adds, waits, and rewards a total of 7."""
    return serve("-c", COUNTER)


def run_client(code, deadline_seconds=120):
    """What a program in openenv's environment prints."""
    begun = time.monotonic()
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=deadline_seconds
    )
    if done.returncode != 0:
        raise RuntimeError(f"after {time.monotonic() - begun:.0f} s: {done.stderr[-2000:]}")
    return done.stdout
