"""Progress as it is shown: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol

from agent_factory.cli.output import say
from agent_factory.contracts.stage import StageRun
from agent_factory.core import clock

_LINE_SECONDS = 15.0


class Display(Protocol):
    """What shows stages."""

    def update(self, stages: list[StageRun]) -> None:
        """Show the stages as they are now."""
        ...


@contextmanager
def open_display(title: str) -> Generator[Display]:
    """A display on stderr, by what stderr is."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), refresh_per_second=4, transient=False) as live:
        yield LiveTable(title, live)


class Lines:
    """A line when a stage begins and ends, and every quarter of a minute while it runs."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[object, float]] = {}

    def update(self, stages: list[StageRun]) -> None:
        """Print what is new."""
        for run in stages:
            key = (run.state, run.started_at)
            known, at = self._told.get(run.id, (None, 0.0))
            if known == key and (run.state != "running" or time.monotonic() - at < _LINE_SECONDS):
                continue
            self._told[run.id] = (key, time.monotonic())
            say(f"  {describe(run)}")


class LiveTable:
    """A table that is drawn again."""

    def __init__(self, title: str, live: Any) -> None:
        self.title = title
        self._live = live
        self._began = time.monotonic()

    def update(self, stages: list[StageRun]) -> None:
        """Draw the stages."""
        from rich import box
        from rich.markup import escape
        from rich.table import Table

        elapsed = format_seconds(time.monotonic() - self._began)
        table = Table(title=f"{self.title}  {elapsed}", box=box.SIMPLE, title_justify="left")
        for name in ("stage", "state", "time", "progress", "measured"):
            table.add_column(name)
        colors = {"running": "yellow", "done": "green", "failed": "red"}
        for run in stages:
            color = colors[run.state]
            told = escape(run.error or format_measured(run))
            table.add_row(
                stage_name(run), f"[{color}]{run.state}[/{color}]", elapsed_of(run), format_progress(run), told
            )
        self._live.update(table)


def describe(run: StageRun) -> str:
    """A stage in one line."""
    parts = [f"{stage_name(run)}: {run.state}", elapsed_of(run), format_progress(run), format_measured(run)]
    if run.error:
        parts.append(run.error)
    return "  ".join(part for part in parts if part)


def stage_name(run: StageRun) -> str:
    """``factory/stage``, with the day where it is a day's."""
    name = f"{run.factory}/{run.stage}"
    return name if run.build else f"{name} {run.id.split('.')[0]}"


def elapsed_of(run: StageRun) -> str:
    """How long the stage took, or has run; where it was stopped, without the pause."""
    return format_seconds(run.worked_seconds(clock.now()))


def format_seconds(seconds: float) -> str:
    """``7.2 s`` or ``3:05``."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def format_progress(run: StageRun) -> str:
    """``12/150``, or nothing where the stage does not count."""
    return f"{run.done}/{run.total}" if run.total else ""


def format_measured(run: StageRun) -> str:
    """What was measured so far, as ``loss 0.31``."""
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in run.measured.items()
        if name not in ("requested_by", "reported_by")
    )
