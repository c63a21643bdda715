"""A program in a terminal as an environment: keys go in, the screen comes back as text.

Invariants: a result tells the screen once the program waits again, or says that it does not; what a program
prints is read up to a bound in each step, and no further; the state is its folder and how it ended.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from typing import Any

from agent_factory.agent.argument import ArgumentCheck
from agent_factory.agent.toolbox import ToolResult, fail
from agent_factory.contracts.message import Message, Tool, ToolCall
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.error import InputError, ToolError
from agent_factory.environment.terminal.folder import Files, read_files, read_state
from agent_factory.environment.terminal.key import KEYS, encode_key
from agent_factory.environment.terminal.sandbox import Sandbox, wait_readable
from agent_factory.environment.terminal.screen import TerminalScreen
from agent_factory.environment.terminal.setting import MIB, TerminalSection
from agent_factory.environment.terminal.tool import TOOLS
from agent_factory.environment.terminal.variable import make_variables

CHUNK = 4096
MARGIN = 0.8
"""The share of a step's deadline that is waited; the rest is for looking."""


class TerminalWorld:
    """The program's settings and the files that each episode begins with."""

    def __init__(self, section: TerminalSection, template: Files, root: str) -> None:
        self.section, self.template, self.root = section, template, root
        self.arguments = ArgumentCheck()

    def make(self) -> TerminalEnvironment:
        """An environment for one episode."""
        return TerminalEnvironment(self)

    async def start(self, files: Files, seed: int) -> Sandbox:
        """The program in a sandbox of its own, with these files over the template's."""
        section = self.section
        spec: dict[str, Any] = {
            "root": self.root,
            "readable": section.shown,
            "command": section.command,
            "env": make_variables(section, seed),
            "rows": section.rows,
            "columns": section.columns,
            "limits": section.limits,
            "disk_bytes": section.disk_mib * MIB,
            "files": {**self.template, **files},
        }
        return await Sandbox.start(spec, section.start_seconds)


class TerminalEnvironment:
    """The world of one episode: a sandbox and the screen in front of it."""

    def __init__(self, world: TerminalWorld) -> None:
        self.tools: tuple[Tool, ...] = TOOLS
        self._world, self._section = world, world.section
        self._sandbox: Sandbox | None = None
        self._screen: TerminalScreen
        self._keys = b""
        self._read, self._bound = 0, 0

    async def reset(self, scenario: Scenario, seed: int) -> None:
        """See ``Environment``; the program has shown its first screen afterwards."""
        await self.close()
        unknown = [name for name in scenario.tools if name not in _BY_NAME]
        if unknown or scenario.faults:
            what = f"the tool {unknown[0]!r}" if unknown else "faults"
            raise InputError(
                f"scenario {scenario.id!r} asks for {what}; a terminal has {', '.join(_BY_NAME)}, no faults"
            )
        self.tools = tuple(tool for tool in TOOLS if tool.name in scenario.tools)
        section = self._section
        self._screen = TerminalScreen(section.rows, section.columns, self._send)
        self._keys, self._read, self._bound = b"", 0, section.output_kib * 1024
        ends_at = time.monotonic() + section.start_seconds
        self._sandbox = await self._world.start(read_files(scenario), seed)
        while not self._read and self._running.exit_code is None:
            if time.monotonic() > ends_at:
                told = f"{section.command!r} has shown nothing within {section.start_seconds:g} s"
                raise ToolError(f"scenario {scenario.id!r}: {told}")
            await self._pump(section.still_milliseconds / 1000)
            await self._running.is_busy()
        await self._settle(max(0.0, ends_at - time.monotonic()))
        if self._running.exit_code is not None:
            raise ToolError(
                f"scenario {scenario.id!r}: {section.command!r} ended at once with exit code "
                f"{self._running.exit_code}; its {self._screen.describe()}"
            )

    async def step(self, call: ToolCall, deadline_seconds: float) -> ToolResult:
        """See ``Environment``."""
        tool = _BY_NAME.get(call.name)
        if tool is None:
            return fail(call, 404, f"there is no tool {call.name}; there are: {', '.join(_BY_NAME)}")
        wrong = self._world.arguments.find_wrong(call.name, tool.parameters, call.arguments)
        if wrong is not None:
            return fail(call, 422, wrong)
        given: dict[str, Any] = dict(call.arguments)
        keys = self._encode(call.name, given)
        if keys and self._running.exit_code is not None:
            return fail(call, 409, f"the program has ended with exit code {self._running.exit_code}")
        self._keys += keys
        self._bound = self._read + self._section.output_kib * 1024
        seconds = deadline_seconds * MARGIN
        if call.name == "terminal_wait":
            await self._wait_for_change(min(given["seconds"], seconds / 2))
            seconds /= 2
        note = await self._settle(min(self._section.action_seconds, seconds))
        return self._show(call, note)

    async def state(self) -> Json:
        """See ``Environment``: ``files`` by name, and the program's ``exit`` code, None while it runs."""
        await self._running.is_busy()
        return {"files": read_state(self._running.folder), "exit": self._running.exit_code}

    async def close(self) -> None:
        """See ``Environment``."""
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            await sandbox.close()

    def _encode(self, tool: str, given: dict[str, Any]) -> bytes:
        if tool == "terminal_press":
            return encode_key(given["key"], self._screen.application_keys) * given.get("times", 1)
        if tool == "terminal_type":
            return given["text"].encode() + (KEYS["Enter"].encode() if given.get("submit") else b"")
        return b""

    def _send(self, keys: bytes) -> None:
        self._keys += keys

    async def _settle(self, seconds: float) -> str | None:
        """Read until the program waits; why not, where it does not within the time or prints too much."""
        running, section = self._running, self._section
        ends_at = time.monotonic() + seconds
        while True:
            quiet = await self._pump(section.still_milliseconds / 1000)
            if self._read == self._bound:
                return f"the program is still writing after {section.output_kib} KiB"
            if quiet and not await running.is_busy() and await self._pump(0.0):
                return None
            if time.monotonic() > ends_at:
                return f"the program still works after {seconds:g} s" if quiet else "the program is still writing"

    async def _wait_for_change(self, seconds: float) -> None:
        ends_at, before = time.monotonic() + seconds, self._screen.describe()
        while time.monotonic() < ends_at and self._screen.describe() == before and self._running.exit_code is None:
            await self._pump(0.05)
            await self._running.is_busy()

    async def _pump(self, seconds: float) -> bool:
        """Move keys in and output out once; whether there was no output for ``seconds``."""
        terminal, most = self._running.terminal, min(CHUNK, self._bound - self._read)
        if not most:
            return False
        try:
            with suppress(BlockingIOError):  # the program has not read what came before
                self._keys = self._keys[os.write(terminal, self._keys[:CHUNK]) if self._keys else 0 :]
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await wait_readable(terminal)
            output = os.read(terminal, most)
        except BlockingIOError:
            return True
        except OSError as error:  # its first process holds the terminal open as long as it lives
            raise ToolError(f"the sandbox ended: {error}") from error
        self._read += len(output)
        self._screen.feed(output)
        return False

    def _show(self, call: ToolCall, note: str | None) -> ToolResult:
        code = self._running.exit_code
        notes = [note] if note else []
        if code is not None:
            notes.append(f"the program has ended with exit code {code}")
        content = "\n".join([*(f"note: {text}" for text in notes), self._screen.describe()])
        return ToolResult(Message(role="tool", tool_call_id=call.id, name=call.name, content=content), None)

    @property
    def _running(self) -> Sandbox:
        if self._sandbox is None:
            raise ToolError("the terminal's environment is not open: reset it first")
        return self._sandbox


_BY_NAME = {tool.name: tool for tool in TOOLS}
