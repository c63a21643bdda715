"""One whole round in a fresh home: its wall time, each stage's time, what was learnt, peak memory.

Everything is as ``make run`` does it; only the folders are temporary. Memory is the proportional set
size of the round's process and all its descendants, added up twice a second.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from agent_factory.contracts import EvalReport, StageRun
from agent_factory.core.settings import CHECKOUT, read_settings
from agent_factory.core.store import open_store
from benchmarks.figure import Figure

DEADLINE_SECONDS = 45 * 60
_SECONDS_BETWEEN_LOOKS = 0.5


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="round-") as folder:
        environ = _prepare(Path(folder))
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "agent_factory.cli.main", "round"], env=environ, cwd=CHECKOUT)
        with _watch_memory(process.pid) as memory:
            code = process.wait(timeout=DEADLINE_SECONDS)
        seconds = time.perf_counter() - started
        if code not in (0, 3):
            raise RuntimeError(f"the round ended with exit code {code}: see what it printed above")
        store = open_store(read_settings(environ).database_url)
        return [
            _bounded("round/wall", seconds, "s", 600),
            _bounded("round/peak_memory", memory[0] / 2**30, "GiB", 6),
            Figure(name="round/deployed", ours=float(code == 0), unit="1 = deployed", reach="1", met=code == 0),
            *_stages(store.find(StageRun)),
            *_learning(store.find(EvalReport)),
        ]


def _prepare(folder: Path) -> dict[str, str]:
    dagster_home = folder / "dagster_home"
    dagster_home.mkdir()
    shutil.copy(CHECKOUT / "dagster_home" / "dagster.yaml", dagster_home)
    return {**os.environ, "AGENT_FACTORY_HOME": str(folder / "home"), "DAGSTER_HOME": str(dagster_home)}


@contextmanager
def _watch_memory(pid: int) -> Iterator[list[int]]:
    peak, done = [0], threading.Event()

    def look() -> None:
        while not done.wait(_SECONDS_BETWEEN_LOOKS):
            peak[0] = max(peak[0], _tree_bytes(pid))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    yield peak
    done.set()
    watcher.join(timeout=10)


def _tree_bytes(pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            try:
                total += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue  # it ended between the two looks
    except psutil.NoSuchProcess:
        return total
    return total


def _bounded(name: str, value: float, unit: str, limit: float) -> Figure:
    return Figure(name=name, ours=round(value, 3), unit=unit, reach=f"<= {limit:g} {unit}", met=value <= limit)


def _stages(runs: list[StageRun]) -> list[Figure]:
    return [
        Figure(
            name=f"round/stage/{run.factory}/{run.stage}{'' if run.build else ' ' + run.id.split('.')[0]}",
            ours=round(run.worked_seconds(run.finished_at), 3),
            unit="s",
        )
        for run in runs
        if run.finished_at is not None
    ]


def _learning(reports: list[EvalReport]) -> list[Figure]:
    report = reports[-1]
    figures = [
        Figure(name=f"round/success/{score.model}", ours=round(100 * score.success.value, 2), unit="%")
        for score in report.scores
    ]
    candidate = report.score_of(report.candidate)
    if candidate.tool_call_success is not None:
        share = candidate.tool_call_success.value
        figures.append(
            Figure(
                name="round/tool_call_success", ours=round(100 * share, 2), unit="%", reach="> 80 %", met=share > 0.8
            )
        )
    levels = [
        (100 * (candidate.by_level[level].value - other.value), level)
        for score in report.scores
        if score.stage == "sft"
        for level, other in score.by_level.items()
    ]
    worst, level = min(levels)
    figures.append(
        Figure(
            name=f"round/least change of a level over SFT ({level})",
            ours=round(worst, 2),
            unit="points",
            reach=">= 0",
            met=worst >= 0,
        )
    )
    least = {"base": (30, "gain over M0"), "parent": (10, "gain of the reinforcement stage")}
    for comparison in report.comparisons:
        if comparison.role in least:
            points, what = least[comparison.role]
            met = 100 * comparison.difference >= points and comparison.low > 0
            interval = f"{100 * comparison.low:.1f} to {100 * comparison.high:.1f}"
            figures.append(
                Figure(
                    name=f"round/{what}",
                    ours=round(100 * comparison.difference, 2),
                    unit="points",
                    reach=f">= {points}, 95 % interval above 0 (here {interval})",
                    met=met,
                )
            )
    return figures
