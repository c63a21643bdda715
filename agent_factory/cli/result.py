"""The end of a build as a table: models in order, verdict and reasons, deployment."""

from __future__ import annotations

from typing import Any

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.evaluation import EvalReport, Measure, ModelScore
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.scenario import LEVELS
from agent_factory.core.artifact import Artifacts, open_artifacts
from agent_factory.core.store import Store
from agent_factory.runtime.end import End


def show_result(store: Store, build: BuildSpec, end: End, artifacts: Artifacts | None = None) -> None:
    """Print the report's table and what came of the build."""
    print_report(end.report, artifacts or open_artifacts())
    console = _console()
    if end.deployment is not None:
        state = end.deployment.state
        console.print(f"Deployed: {end.deployment.model} {state} as agent {end.deployment.agent!r}", highlight=False)
        if end.deployment.predecessor:
            console.print(f"  in place of {end.deployment.predecessor}", highlight=False)
    else:
        console.print(f"Build {build.id} is not released; what served before serves on.", highlight=False)


def print_report(report: EvalReport, artifacts: Artifacts) -> None:
    """Print a report: one row a model, differences, verdict and reasons, and where the page is."""
    console = _console()
    console.print(make_table(report))
    for item in report.comparisons:
        console.print(
            f"{item.candidate} - {item.other} ({item.role}): {100 * item.difference:+.1f} points "
            f"[{100 * item.low:+.1f}, {100 * item.high:+.1f}], n = {item.n}",
            highlight=False,
            markup=False,
        )
    if report.verdict is not None:
        color = "green" if report.verdict == "PASS" else "red"
        console.print(f"[bold {color}]{report.verdict}[/bold {color}]")
    for reason in report.reasons:
        console.print(f"  {reason}", highlight=False, markup=False)
    console.print(f"Report: {artifacts.locate(report.html_path)}", highlight=False, markup=False, soft_wrap=True)


def make_table(report: EvalReport) -> Any:
    """The scores as a table, a model a row, in the order of the report."""
    from rich import box
    from rich.table import Table

    table = Table(title=f"{report.build} on {report.taskset}", title_justify="left", box=box.SIMPLE)
    table.add_column("model")
    for name in ("success, 95 % CI", *LEVELS, "tool calls", "violations", "tokens/solved", "cost/solved"):
        table.add_column(name, justify="right", no_wrap=name == "success, 95 % CI")
    for score in report.scores:
        table.add_row(f"{score.model} {score.stage}", *_cells(score))
    return table


def _cells(score: ModelScore) -> list[str]:
    levels = [_percent(score.by_level.get(level)) for level in LEVELS]
    tokens = "-" if score.tokens_per_solved is None else f"{score.tokens_per_solved:.0f}"
    cost = "-" if score.cost_per_solved is None else f"{score.cost_per_solved:.2g}"
    share = score.success
    interval = f"{100 * share.value:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}]"
    return [interval, *levels, _percent(score.tool_call_success), _percent(score.policy_violation), tokens, cost]


def _percent(measure: Measure | None) -> str:
    return "-" if measure is None else f"{100 * measure.value:.0f} %"


def lineage(store: Store, build: str) -> str:
    """``M0 base → M1 sft → M3 policy, ranked by M2 reward``: what the build's evaluated candidate descends from."""
    (report,) = store.find(EvalReport, build=build, newest_first=True, limit=1)
    candidate = store.get(ModelManifest, report.candidate)
    chain = [candidate]
    while chain[0].parent is not None:
        chain.insert(0, store.get(ModelManifest, chain[0].parent))
    told = " → ".join(f"{model.id} {model.stage}" for model in chain)
    return told if candidate.scorer is None else f"{told}, ranked by {candidate.scorer} reward"


def _console() -> Any:
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=140)
