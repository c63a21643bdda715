"""Ctrl-C while the command is still being imported: one line and exit code 130, whoever runs it."""

import subprocess
import sys

import pytest

INTERRUPTED = """
import os, signal, sys
class Ctrl:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            try:
                os.kill(os.getpid(), signal.SIGINT)
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
    module: str, *, as_module: bool = False, lost: bool = False, handler: str = "default_int_handler"
) -> tuple[int, str]:
    code = INTERRUPTED.format(module=module, as_module=as_module, lost=lost, handler=handler)
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
