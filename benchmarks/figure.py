"""What a benchmark reports, and how a command is timed.

Invariant: a figure is measured in this run; what could not be measured has no figure, it raises.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One line of ``benchmarks/latest.json``.

    ``ratio`` is ours over the peer's, None where there is no peer. ``reach`` says in words what is
    to be reached and ``met`` whether it was; both are None where nothing is asked.
    """

    name: str
    ours: float
    unit: str
    peer: float | None = None
    ratio: float | None = None
    reach: str | None = None
    met: bool | None = None

    def to_json(self) -> dict[str, object]:
        return asdict(self)


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
