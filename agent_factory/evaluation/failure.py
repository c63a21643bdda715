"""Failures by kind: which sorts of task a model gets wrong, for what reason, with traces to read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from agent_factory.contracts.evaluation import FailureCluster
from agent_factory.evaluation.measure import Episode

EXAMPLES = 3
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def cluster_failures(episodes: Sequence[Episode]) -> tuple[FailureCluster, ...]:
    """Failed episodes grouped by level, kind and reason, the largest group first.

    Numbers in a reason are written ``#``, so that the same mistake on two orders is one group.
    """
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for episode in episodes:
        if not episode.outcome.success:
            groups[(episode.scenario.level, episode.scenario.kind, find_reason(episode))].append(episode.trace.id)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(
        FailureCluster(level=level, kind=kind, reason=reason, count=len(ids), examples=tuple(sorted(ids)[:EXAMPLES]))
        for (level, kind, reason), ids in ordered
    )


def find_reason(episode: Episode) -> str:
    """The first of: what ended the episode early, a violation of the policy, a rule that was not met."""
    told = (episode.trace.failure, *episode.outcome.policy_violations, *episode.outcome.reasons)
    reason = next((text for text in told if text), "the grader gave no reason")
    return _NUMBER.sub("#", reason)
