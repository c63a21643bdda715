"""Two models on the same scenarios: the difference of their success with a paired interval.

Invariant: only scenarios that were counted for both are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from agent_factory.contracts.evaluation import Comparison
from agent_factory.core.error import InputError
from agent_factory.evaluation.measure import CONFIDENCE, Episode

Role = Literal["champion", "parent", "base"]


def compare(
    candidate: str, episodes: Sequence[Episode], other: str, others: Sequence[Episode], role: Role
) -> Comparison:
    """Share solved by the candidate minus share solved by the other, with its 95 % interval.

    ``difference`` is (b - c) / n, where b scenarios were solved by the candidate alone and c by the
    other alone. The interval is Wald's for paired shares after half a scenario is added to each of
    the four cells (Agresti and Min 2005, Statistics in Medicine 24:729), so that it keeps its width
    where the two hardly differ; computed with statsmodels' DescrStatsW.
    Raises InputError where no scenario was counted for both.
    """
    from statsmodels.stats.weightstats import DescrStatsW

    solved = {episode.scenario.id: episode.outcome.success for episode in others}
    pairs = [
        (episode.outcome.success, solved[episode.scenario.id]) for episode in episodes if episode.scenario.id in solved
    ]
    if not pairs:
        raise InputError(f"{candidate} and {other} share no counted scenario: they cannot be compared")
    count = len(pairs)
    gained = sum(ours and not theirs for ours, theirs in pairs)
    lost = sum(theirs and not ours for ours, theirs in pairs)
    statistic = DescrStatsW([1.0, 0.0, -1.0], weights=[gained + 0.5, count - gained - lost + 1.0, lost + 0.5])
    low, high = statistic.zconfint_mean(alpha=1 - CONFIDENCE)
    return Comparison(
        candidate=candidate,
        other=other,
        role=role,
        difference=(gained - lost) / count,
        low=max(-1.0, float(low)),
        high=min(1.0, float(high)),
        n=count,
    )
