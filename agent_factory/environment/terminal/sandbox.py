"""One program in its sandbox, as the factory holds it: a terminal, a folder, questions, an end.

Invariants: nothing runs outside of a sandbox; once ``close`` returns, or the factory's process dies,
nothing of it runs any more; its folder is in memory and gone with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from agent_factory.core.error import ToolError

JAIL = Path(__file__).with_name("jail.py")
ANSWER_SECONDS = 10.0
END_SECONDS = 10.0
_HOW = (
    "The kind 'terminal' runs no program without its sandbox: it needs Linux 5.12 or later that lets this user "
    "make namespaces (`unshare --user --mount --net --pid --fork true` must work), see "
    "docs/factories/environment-terminal.md."
)


class Sandbox:
    """A running sandbox; ``terminal`` and ``folder`` are open file descriptors."""

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket) -> None:
        self._process, self._channel = process, channel
        self.terminal, self.folder = -1, -1
        self.exit_code: int | None = None

    @property
    def pid(self) -> int:
        """The outer process."""
        return self._process.pid

    @classmethod
    async def start(cls, spec: dict[str, Any], seconds: float) -> Self:
        """Start what ``jail.py`` describes; ToolError where the kernel refuses or it takes longer."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        paper = os.memfd_create("sandbox")
        try:
            os.write(paper, json.dumps(spec).encode())
            os.lseek(paper, 0, os.SEEK_SET)
            sandbox = cls(_spawn(theirs.fileno(), paper), ours)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(paper)
        try:
            _, (sandbox.terminal, sandbox.folder) = await sandbox._receive(seconds, 2)
            os.set_blocking(sandbox.terminal, False)
        except BaseException:
            await sandbox.close()
            raise
        return sandbox

    async def is_busy(self) -> bool:
        """Whether the program works, as against waiting; the ``exit_code`` is known after it ended.

        ToolError where the program could not be started, or the sandbox is gone.
        """
        try:
            self._channel.send(b"?")
        except OSError as error:
            raise ToolError(f"the sandbox ended: {error}") from error
        told, _ = await self._receive(ANSWER_SECONDS, 0)
        self.exit_code = told["exit"]
        return bool(told["busy"])

    async def close(self) -> None:
        """Kill all that runs inside and wait until it is gone; ToolError where it does not go."""
        for held in (self.terminal, self.folder):
            if held >= 0:
                os.close(held)
        self.terminal = self.folder = -1
        self._channel.close()
        if not await self._ended(END_SECONDS):
            self._process.kill()
            if not await self._ended(END_SECONDS):
                raise ToolError(f"the sandbox of process {self.pid} did not end within {2 * END_SECONDS:g} s")

    async def _ended(self, seconds: float) -> bool:
        pause, waited = 0.002, 0.0
        while self._process.poll() is None:
            if waited > seconds:
                return False
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(0.1, pause * 2)
        return True

    async def _receive(self, seconds: float, most: int) -> tuple[dict[str, Any], list[int]]:
        try:
            async with asyncio.timeout(seconds):
                await wait_readable(self._channel.fileno())
        except TimeoutError as error:
            raise ToolError(f"the sandbox did not answer within {seconds:g} s") from error
        message, files, _, _ = socket.recv_fds(self._channel, 8192, most, socket.MSG_CMSG_CLOEXEC)
        if not message:
            raise ToolError("the sandbox ended before it answered: it was killed, or memory is short")
        told: dict[str, Any] = json.loads(message)
        if "refused" in told:
            how = f" {_HOW}" if told["refused"].startswith("no sandbox") else ""
            raise ToolError(f"{told['refused']}.{how}")
        return told, list(files)


def _spawn(channel: int, paper: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(JAIL), str(channel), str(paper)],
        pass_fds=(channel, paper),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},
        start_new_session=True,
    )


async def wait_readable(file: int) -> None:
    """Wait until there is something to read; the caller sets the deadline."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(file, lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(file)
