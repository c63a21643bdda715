"""The report as one HTML page that needs nothing else: no script, no font, no file from elsewhere.

Examples of failures link to their timelines at the API.

Invariant: every number on the page is from the EvalReport; what was not measured is a dash.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from agent_factory.contracts.evaluation import Comparison, EvalReport, Measure, ModelScore
from agent_factory.contracts.scenario import LEVELS
from agent_factory.core.address import timeline_url

_TEMPLATES = Path(__file__).parent / "template"
_STAGES = {"base": "base", "sft": "supervised", "policy": "reinforced"}
_ROLES = {"champion": "the model that serves", "parent": "its parent", "base": "the base model"}
MAX_CLUSTERS = 20


class Row(NamedTuple):
    """One line of the table: a name, what it means, and a cell for each model (None: not measured)."""

    name: str
    hint: str
    cells: tuple[Measure | str | None, ...]
    head: bool = False
    bar: bool = True


class Point(NamedTuple):
    """One model on the chart, in the coordinates of the drawing."""

    label: str
    stage: str
    x: float
    y: float
    low: float
    high: float
    text: str


class Chart(NamedTuple):
    """The trend: axis lines at shares, points from left to right, and the gate's bound if there is one."""

    width: float
    height: float
    left: float
    right: float
    lines: tuple[tuple[str, float], ...]
    points: tuple[Point, ...]
    bound: tuple[str, float] | None


def draw_page(report: EvalReport) -> str:
    """The page as HTML text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.lstrip_blocks = True
    environment.filters.update(percent=_percent, points=_points, timeline=partial(timeline_url, project=report.project))
    return environment.get_template("report.html.j2").render(
        report=report,
        candidate=report.score_of(report.candidate),
        heads=[(score.model, _head(report, score)) for score in report.scores],
        rows=_rows(report),
        chart=_draw_chart(report),
        comparisons=[(_ROLES[found.role], found, _judge(found)) for found in report.comparisons],
        clusters=report.failures[:MAX_CLUSTERS],
        more=sum(cluster.count for cluster in report.failures[MAX_CLUSTERS:]),
        failed=sum(cluster.count for cluster in report.failures),
        largest=max((cluster.count for cluster in report.failures), default=0),
        is_measure=lambda cell: isinstance(cell, Measure),
    )


def _head(report: EvalReport, score: ModelScore) -> str:
    if score.model == report.candidate:
        return f"{_STAGES.get(score.stage, score.stage)} · candidate"
    if score.model == _champion(report):
        return f"{_STAGES.get(score.stage, score.stage)} · serving"
    return _STAGES.get(score.stage, score.stage)


def _champion(report: EvalReport) -> str | None:
    return next((found.other for found in report.comparisons if found.role == "champion"), None)


def _rows(report: EvalReport) -> list[Row]:
    scores = report.scores
    prices: Any = report.settings.get("prices")
    currency = prices["currency"] if prices else ""
    hints = "share of tasks solved; 95 % interval beneath"
    return [
        Row("Success", hints, tuple(score.success for score in scores), head=True),
        *(
            Row(f"Level {level}", "", tuple(score.by_level.get(level) for score in scores))
            for level in LEVELS
            if any(level in score.by_level for score in scores)
        ),
        Row("Tool-call success", "calls that the tools took", tuple(score.tool_call_success for score in scores)),
        Row("Policy violations", "share of episodes", tuple(score.policy_violation for score in scores), bar=False),
        Row("Tokens per solved task", "", tuple(_number(score.tokens_per_solved) for score in scores)),
        Row("Cost per solved task", currency, tuple(_money(score.cost_per_solved) for score in scores)),
        Row("Episodes counted", "", tuple(f"{score.episodes:,}" for score in scores)),
        Row(
            "Episodes left out", "ended by a fault outside the agent", tuple(f"{score.left_out:,}" for score in scores)
        ),
    ]


def _draw_chart(report: EvalReport) -> Chart:
    width, height, left, right, top, bottom = 640.0, 280.0, 52.0, 20.0, 24.0, 46.0
    scores = [score for score in report.scores if score.model != _champion(report) or score.model == report.candidate]
    step = (width - left - right) / max(1, len(scores))

    def to_y(share: float) -> float:
        return round(top + (1 - share) * (height - top - bottom), 1)

    points = tuple(
        Point(
            label=score.model,
            stage=_STAGES.get(score.stage, score.stage),
            x=round(left + step * (index + 0.5), 1),
            y=to_y(score.success.value),
            low=to_y(score.success.low),
            high=to_y(score.success.high),
            text=_percent(score.success.value),
        )
        for index, score in enumerate(scores)
    )
    gate: Any = report.settings.get("gate")
    bound = (f"gate for the lower end: {gate['min_success'] * 100:g} %", to_y(gate["min_success"])) if gate else None
    lines = tuple((f"{share} %", to_y(share / 100)) for share in (0, 25, 50, 75, 100))
    return Chart(width, height, left, width - right, lines, points, bound)


def _judge(found: Comparison) -> str:
    if found.low > 0:
        return "better"
    return "worse" if found.high < 0 else "not told apart"


def _percent(share: float) -> str:
    return f"{share * 100:.1f}\N{NO-BREAK SPACE}%"


def _points(difference: float) -> str:
    return f"{difference * 100:+.1f}".replace("-", "−")


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:,.0f}"


def _money(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g}" if value < 0.01 else f"{value:.2f}"
