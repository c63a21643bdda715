"""What each kind of labeler thinks of a trace, and how much a person's word on it would tell.

Informativeness is measured, not guessed:

    0.5 · disagreement + 0.3 · middle + 0.2 · rarity

- *disagreement*: the largest difference between two scores of the trace, whoever gave them (outcome,
  rules, each model, each person); 0 with fewer than two. Rules do not count where they found nothing
  against the trace (``NOTHING_AGAINST``), which says little.
- *middle*: 1 - |2 · score - 1|, how near the label's score is to neither good nor bad.
- *rarity*: 1 - log(n) / log(N), where n of the day's N traces are of its group; 1 for the only one of
  its group, 0 where all are alike. A group is a cluster of like tasks; where there is none a recipe's
  kind of task, else the set of tools called.

Invariant: it is in [0, 1] and follows from the day's traces and labels alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from agent_factory.contracts.record import Part
from agent_factory.contracts.trace import Feedback, Trace
from agent_factory.data.judge import NOTHING_AGAINST, Judgement

WEIGHTS = {"disagreement": 0.5, "middle": 0.3, "rarity": 0.2}


class Opinions(NamedTuple):
    """The scores of a trace by kind of labeler (means of people and models), None where nobody said any."""

    outcome: float | None
    rule: float | None
    model: float | None
    person: float | None
    spread: float


class Informativeness(Part):
    """The three measures and their weighted sum."""

    disagreement: float
    middle: float
    rarity: float

    @property
    def total(self) -> float:
        """From 0, nothing to learn, to 1."""
        return sum(weight * float(getattr(self, name)) for name, weight in WEIGHTS.items())


def collect(trace: Trace, given: Sequence[Feedback], ruled: Judgement) -> Opinions:
    """The opinions on a trace whose labels are ``given`` and that the rules judged as ``ruled``."""
    by_kind: dict[str, list[float]] = {}
    for feedback in given:
        by_kind.setdefault(feedback.kind, []).append(feedback.score)
    outcomes = by_kind.get("outcome", [])
    if trace.outcome is not None:
        outcomes = [float(trace.outcome.success)]
    rules = by_kind.get("rule", [ruled.score])
    models, people = by_kind.get("model", []), by_kind.get("person", [])
    said = [*outcomes, *models, *people, *(score for score in rules if score != NOTHING_AGAINST)]
    spread = max(said) - min(said) if said else 0.0
    return Opinions(_mean(outcomes), _mean(rules), _mean(models), _mean(people), spread)


def group_of(trace: Trace) -> str:
    """What it is one of: a recipe's kind of task, else the set of tools that were called."""
    kind = trace.metadata.get("kind")
    if kind is not None:
        return f"{trace.recipe or 'no recipe'}/{kind}"
    tools = sorted({call.name for step in trace.steps for call in step.action.tool_calls})
    return f"{trace.recipe or 'no recipe'}/{'+'.join(tools) or 'no tool'}"


def measure(score: float, spread: float, group: str, groups: Counter[str]) -> Informativeness:
    """How much a person's word would tell, among traces counted by group."""
    total = groups.total()
    rarity = 1.0 - math.log(groups[group]) / math.log(total) if total > 1 else 1.0
    return Informativeness(disagreement=spread, middle=1.0 - abs(2 * score - 1), rarity=max(0.0, rarity))


def _mean(scores: Sequence[float]) -> float | None:
    return sum(scores) / len(scores) if scores else None
