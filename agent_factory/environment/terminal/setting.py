"""``[environment.settings.terminal]`` in build.toml: the program, its folder, its screen and its limits.

Invariant: what stands here is checked before anything is started.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import Field, ValidationError

from agent_factory.contracts.record import Json
from agent_factory.core.buildfile import Section
from agent_factory.core.error import InputError

MIB = 2**20
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/ld.so.cache", "/etc/terminfo")
"""What programs of the system need; the program may read it."""


class TerminalSection(Section):
    """A program in a terminal.

    ``command`` is looked for on the PATH of the sandbox (the factory's own Python first) and starts in a
    copy of the recipe's ``folder``; ``readable`` are further paths of this machine that it may read. The
    program counts as still when ``still_milliseconds`` passed without output and nothing runs; a step waits
    ``action_seconds`` for that at most, a start ``start_seconds``. Each process has at most ``cpu_seconds``,
    ``memory_mib`` and ``files``, all together ``processes`` and ``disk_mib``; ``output_kib`` are read in a step.
    """

    command: tuple[str, ...] = Field(min_length=1)
    folder: str
    readable: tuple[Path, ...] = ()
    rows: int = Field(default=24, ge=2, le=100)
    columns: int = Field(default=80, ge=10, le=200)
    still_milliseconds: int = Field(default=100, ge=20, le=5000)
    action_seconds: float = Field(default=5.0, gt=0, le=60)
    start_seconds: float = Field(default=20.0, gt=0, le=50)
    cpu_seconds: int = Field(default=60, ge=1, le=3600)
    memory_mib: int = Field(default=512, ge=16, le=65_536)
    disk_mib: int = Field(default=64, ge=1, le=4096)
    processes: int = Field(default=64, ge=1, le=4096)
    files: int = Field(default=256, ge=16, le=65_536)
    output_kib: int = Field(default=256, ge=4, le=16_384)

    @property
    def limits(self) -> dict[str, int]:
        """The program's rlimits by name."""
        return {
            "CPU": self.cpu_seconds,
            "AS": self.memory_mib * MIB,
            "FSIZE": self.disk_mib * MIB,
            "NPROC": self.processes,
            "NOFILE": self.files,
            "CORE": 0,
        }

    @property
    def shown(self) -> list[str]:
        """The paths that the program may read, none of them inside another."""
        asked = [*SYSTEM, sys.prefix, sys.base_prefix, *(str(path) for path in self.readable)]
        paths = [Path(path) for path in dict.fromkeys(asked)]
        return [str(path) for path in paths if not any(other in path.parents for other in paths)]


def read_section(settings: Json, recipe: str) -> TerminalSection:
    """The settings of a recipe, checked; InputError names what is wrong."""
    try:
        section = TerminalSection.model_validate(settings)
    except ValidationError as error:
        raise InputError(f"recipe {recipe!r}: [environment.settings.terminal] in build.toml: {error}") from error
    lost = [str(path) for path in section.readable if not path.is_absolute() or not path.exists()]
    if lost:
        raise InputError(
            f"recipe {recipe!r}: [environment.settings.terminal] readable has {lost[0]!r}, "
            "expected absolute paths that are there"
        )
    return section
