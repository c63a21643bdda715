"""A signal, while the command is still being imported or at work: one line and 128 plus its number as exit code."""

import signal
import subprocess
import sys

import pytest

INTERRUPTED = """
import os, signal, sys
class Ctrl:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            try:
                os.kill(os.getpid(), {number})
            except KeyboardInterrupt:
                if not {lost}:
                    raise
signal.signal(signal.SIGINT, signal.{handler})
sys.meta_path.insert(0, Ctrl())
sys.argv = ["factory", "--help"]
import runpy
runpy.run_module("agent_factory.cli.main", run_name="__main__") if {as_module} else None
from agent_factory.cli.main import main
main()
"""


def interrupt(
    module: str,
    *,
    as_module: bool = False,
    lost: bool = False,
    handler: str = "default_int_handler",
    number: int = signal.SIGINT,
) -> tuple[int, str]:
    code = INTERRUPTED.format(module=module, as_module=as_module, lost=lost, handler=handler, number=int(number))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("as_module", [False, True])
@pytest.mark.parametrize("module", ["agent_factory.cli.command", "typer", "pydantic", "agent_factory.cli.runtime"])
def test_a_stop_while_importing_is_one_line_and_130(module: str, as_module: bool) -> None:
    code, told = interrupt(module, as_module=as_module)
    assert (code, told) == (130, "factory: stopped; run the same command again to go on\n")


def test_a_stop_is_not_lost_in_a_library_that_passes_over_exceptions() -> None:
    assert interrupt("typer", lost=True)[0] == 130


def test_who_ignores_the_signal_goes_on() -> None:
    assert interrupt("typer", handler="SIG_IGN") == (0, "")


STOPPED_AT_WORK = """
import asyncio, os, signal, sys
signal.signal(signal.SIGINT, signal.{handler})
import agent_factory.cli.command as command

def work(_arguments):
    async def episode(number):
        while True:
            if number == 1:
                os.kill(os.getpid(), {number})
            await asyncio.sleep(0)

    async def episodes():
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(episode(number))

    try:
        asyncio.run(episodes())
    finally:
        print("ended what was begun")

command.run_command = work
from agent_factory.cli.main import main
main()
"""


@pytest.mark.parametrize("handler", ["default_int_handler", "SIG_IGN"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_work_is_ended_by_any_signal_as_by_ctrl_c(number: int, handler: str) -> None:
    code = STOPPED_AT_WORK.format(number=int(number), handler=handler)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (
        128 + number,
        "factory: stopped; run the same command again to go on\n",
    )
    assert ended.stdout == "ended what was begun\n"


def test_a_signal_while_importing_is_told_as_ctrl_c_is() -> None:
    assert interrupt("typer", number=signal.SIGTERM) == (143, "factory: stopped; run the same command again to go on\n")
