"""What a benchmark reports, and how a command is timed.

Invariant: a value is measured, never taken from elsewhere; what lacks a prerequisite has none and says why.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of ``benchmarks/latest.json``.

    ``ratio`` is ours over the peer's, None where there is no peer. ``reach`` says in words what is
    to be reached and ``met`` whether it was; both are None where nothing is asked. ``missing`` says what
    was not measured, and why; without any value ``ours`` is None.
    """

    name: str
    ours: float | None
    unit: str
    peer: float | None = None
    ratio: float | None = None
    reach: str | None = None
    met: bool | None = None
    missing: str | None = None

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def skip(name: str, why: object) -> Figure:
    """The figure of what a missing prerequisite keeps from being measured; ``name`` begins with the benchmark's."""
    return Figure(name, None, "", missing=f"not measured: {why}")


def write_figures(path: Path, figures: Sequence[Figure], only: str | None) -> None:
    """Write the figures of a run; those of the benchmark ``only`` take their places among what the file holds.

    That it was not measured before is forgotten.
    """
    new = {figure.name: figure.to_json() for figure in figures}
    if len(new) != len(figures):
        raise ValueError(f"two figures share a name among {[figure.name for figure in figures]}: name them apart")
    old: list[dict[str, Any]] = json.loads(path.read_text()) if only and path.exists() else []
    kept = {line["name"]: line for line in old if line["ours"] is not None or line["name"].partition("/")[0] != only}
    path.write_text(json.dumps([*{**kept, **new}.values()], indent=2) + "\n")


def time_python(code: str, *, repeats: int, deadline_seconds: float = 120) -> float:
    """Median wall seconds of ``python -c code`` in fresh processes, after one that warms the disk cache."""
    command = [sys.executable, "-c", code]
    time_command(command, deadline_seconds)
    return median(time_command(command, deadline_seconds) for _ in range(repeats))


def time_command(command: Sequence[str], deadline_seconds: float) -> float:
    """Wall seconds of a command; CalledProcessError with its output where it fails."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, timeout=deadline_seconds)
    return time.perf_counter() - started
