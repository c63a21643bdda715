"""The environment variables of a program in a terminal: these and no others.

Invariant: they depend on the settings and the seed alone.
"""

from __future__ import annotations

import sys

from agent_factory.environment.terminal.setting import TerminalSection

SEED = "AGENT_FACTORY_SEED"
EPOCH = 1_795_251_600
"""2026-11-21 09:00 UTC, for programs that ask SOURCE_DATE_EPOCH for the time."""


def make_variables(section: TerminalSection, seed: int) -> dict[str, str]:
    """The variables of an episode with this seed."""
    return {
        "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/episode/home",
        "TMPDIR": "/episode/tmp",
        "SHELL": "/bin/sh",
        "USER": "agent",
        "TERM": "linux",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "LINES": str(section.rows),
        "COLUMNS": str(section.columns),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": str(EPOCH),
        SEED: str(seed),
    }
