"""The report as Markdown, as the Dagster UI shows it: a table of the models, and bars of their success."""

from agent_factory.contracts.evaluation import EvalReport, Measure, ModelScore

_BAR = 20


def draw_table(report: EvalReport) -> str:
    """One row a model: success with its interval, each level, tool calls, violations, tokens and cost a solved task."""
    levels = sorted({level for score in report.scores for level in score.by_level})
    head = ["model", "success", "", *levels, "tool calls", "violations", "tokens / solved", "cost / solved"]
    lines = [_row(head), _row(["---"] * len(head))]
    lines += [_row(_cells(score, levels)) for score in report.scores]
    return "\n".join(lines)


def _cells(score: ModelScore, levels: list[str]) -> list[str]:
    filled = round(score.success.value * _BAR)
    return [
        f"{score.model} ({score.stage})",
        _measure(score.success),
        "█" * filled + "░" * (_BAR - filled),
        *(f"{score.by_level[level].value:.0%}" if level in score.by_level else "–" for level in levels),
        _measure(score.tool_call_success) if score.tool_call_success else "–",
        _measure(score.policy_violation),
        f"{score.tokens_per_solved:.0f}" if score.tokens_per_solved is not None else "–",
        f"{score.cost_per_solved:.6f}" if score.cost_per_solved is not None else "–",
    ]


def _measure(measure: Measure) -> str:
    return f"{measure.value:.1%} [{measure.low:.1%}, {measure.high:.1%}]"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
