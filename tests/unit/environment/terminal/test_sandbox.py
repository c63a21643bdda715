"""The sandbox: what a program does not get at, and that nothing of it is left."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from agent_factory.core.error import ToolError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.terminal import jail
from agent_factory.environment.terminal.world import open_terminal_world

pytestmark = pytest.mark.live

# Answers an expression with the value or the error's name.
SHELL = """
import ctypes, os, socket, subprocess
print("ready")
while True:
    asked = input()
    try:
        print("is", eval(asked))
    except Exception as error:
        print("is", type(error).__name__)
"""
DAEMON = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        time.sleep(600)
    os._exit(0)
os.wait()
print("ready")
"""


@pytest.fixture
async def ask(start):
    player = await start(SHELL, columns=200)

    async def ask_one(expression):
        told = await player.do("type", text=expression, submit=True)
        return told.rpartition("\nis ")[2]

    return ask_one


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("socket.create_connection(('127.0.0.1', 22), 2)", "OSError"),
        ("socket.getaddrinfo('example.org', 80)", "gaierror"),
        ("[name for _, name in socket.if_nameindex()]", "['lo']"),
        ("open('/usr/x', 'w')", "OSError"),
        ("open('/etc/passwd', 'a')", "PermissionError"),
        ("open('/x', 'w')", "OSError"),
        (f"os.path.exists({__file__!r})", "False"),
        ("os.path.exists('/etc/shadow')", "False"),
        ("os.path.exists('/sys')", "False"),
        ("os.getuid(), os.getgid(), os.getpid()", "(1000, 1000, 2)"),
        ("os.setuid(0)", "PermissionError"),
        ("os.listdir('/proc/1/fd')", "PermissionError"),
        ("sorted(os.listdir('/proc/self/fd'))", "['0', '1', '2', '3']"),
        ("ctypes.CDLL(None).unshare(0x10000000)", "-1"),
        ("ctypes.CDLL(None).mount(b'none', b'/episode/tmp', b'tmpfs', 0, None)", "-1"),
        ("ctypes.CDLL(None).sethostname(b'x', 1)", "-1"),
        ("os.stat('/usr/bin/su').st_mode & 0o4000 and subprocess.run(['su', '-c', 'true']).returncode", "1"),
        ("'PYTEST_CURRENT_TEST' in os.environ, os.environ['HOME']", "(False, '/episode/home')"),
        ("os.ttyname(0), os.getcwd(), socket.gethostname()", "('/dev/pts/0', '/episode/folder', 'episode')"),
    ],
)
async def test_a_program_is_shut_in(ask, expression, told):
    assert await ask(expression) == told


async def test_nothing_is_left_after_the_end(start):
    player = await start(DAEMON + "time.sleep(600)")
    outer = psutil.Process(player.environment._sandbox.pid)
    inside = [outer, *outer.children(recursive=True)]
    assert len(inside) == 4  # outer, process 1, program, daemon

    await player.environment.close()

    assert [process for process in inside if process.is_running()] == []


async def test_a_daemon_does_not_outlive_the_program(start):
    player = await start(DAEMON + "input()")
    outer = psutil.Process(player.environment._sandbox.pid)
    assert len(outer.children(recursive=True)) == 3

    assert "has ended with exit code 0" in await player.do("press", key="Enter")

    deadline = time.monotonic() + 20
    while len(outer.children(recursive=True)) > 1:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


CHILD = """
import asyncio, pathlib, sys
from agent_factory.core.recipe import Recipe
from agent_factory.environment.terminal.world import open_terminal_world

async def main():
    settings = {"command": ["sleep", "600"], "folder": "."}
    async with open_terminal_world(Recipe(pathlib.Path(sys.argv[1])), settings) as world:
        sandbox = await world.start({}, 0)
        print(sandbox.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def test_nothing_is_left_when_the_factory_is_killed(sandboxed, tmp_path):
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    home = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=home) as factory:
        outer = psutil.Process(int(factory.stdout.readline()))
        inside = [outer, *outer.children(recursive=True)]
        factory.kill()

    gone, alive = psutil.wait_procs(inside, timeout=30)
    assert (len(gone), alive) == (3, [])


@pytest.mark.parametrize("broken", ["unshare", "write_maps", "pivot_root"])
async def test_a_kernel_that_refuses_is_told_and_nothing_runs(sandboxed, tmp_path, monkeypatch, broken):
    source = Path(jail.__file__).read_text()
    spoiled = {
        "unshare": source.replace("libc.unshare(NAMESPACES)", "libc.unshare(-1)"),
        "write_maps": source.replace('f"/proc/{process}/{name}"', 'f"/proc/{process}/no-{name}"'),
        "pivot_root": source.replace("PIVOT_ROOT[platform.machine()]", "-1"),
    }[broken]
    assert spoiled != source
    (tmp_path / "jail.py").write_text(spoiled)
    monkeypatch.setattr("agent_factory.environment.terminal.sandbox.JAIL", tmp_path / "jail.py")
    settings = {"command": ["touch", str(tmp_path / "ran")], "folder": ".", "readable": [str(tmp_path)]}

    with pytest.raises(ToolError, match=r"no sandbox: .*'terminal' runs no program without its sandbox"):
        async with open_terminal_world(Recipe(tmp_path), settings):
            pass
    assert not (tmp_path / "ran").exists()


async def test_a_sandbox_that_was_killed_is_told(start):
    player = await start(SHELL)
    os.kill(player.environment._sandbox.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20

    async def look_on():
        while time.monotonic() < deadline:
            await player.do("screen")

    with pytest.raises(ToolError, match="the sandbox ended"):
        await look_on()
