"""What was found against each trace of a day, weighed into one decision a trace.

Model: a person's word stands above all; then a rule that drops, then one that flags, in the order in
which they were found. Invariant: each trace that was looked at has one decision, in the order it came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from agent_factory.contracts.decision import Decision, Overruling, Verdict
from agent_factory.data.cleaning.finding import Finding

OVERRULED = "overruled"


class Ledger:
    """The traces of a day and what was found against them."""

    def __init__(self, overrulings: Mapping[str, Overruling]) -> None:
        self._overrulings = overrulings
        self._ids: list[str] = []
        self._findings: dict[str, list[Finding]] = {}
        self._reasons: dict[str, str] = {}

    def enter(self, trace_id: str) -> None:
        """A trace that was looked at."""
        self._ids.append(trace_id)

    def note(self, trace_id: str, finding: Finding | None) -> None:
        """Something found against a trace; None is nothing."""
        if finding is not None:
            self._findings.setdefault(trace_id, []).append(finding)

    def say(self, trace_id: str, reason: str) -> None:
        """The reviewer's reason as it may be shown: redacted."""
        self._reasons[trace_id] = reason

    def verdict(self, trace_id: str) -> Verdict:
        """What stands of a trace by now."""
        overruling = self._overrulings.get(trace_id)
        if overruling is not None:
            return "kept" if overruling.verdict == "keep" else "dropped"
        found = {finding.verdict for finding in self._findings.get(trace_id, ())}
        return "dropped" if "dropped" in found else "flagged" if found else "kept"

    def with_verdict(self, verdict: Verdict) -> frozenset[str]:
        """Ids of the traces that have a finding or an overruling and this verdict."""
        return frozenset(name for name in {*self._findings, *self._overrulings} if self.verdict(name) == verdict)

    def decisions(self) -> Iterator[Decision]:
        """One decision a trace."""
        for trace_id in self._ids:
            yield self._decide(trace_id)

    def count(self) -> dict[str, dict[str, int]]:
        """How many decisions there are by verdict, and by verdict and rule."""
        by_verdict: Counter[str] = Counter()
        by_rule: Counter[str] = Counter()
        for decision in self.decisions():
            by_verdict[decision.verdict] += 1
            by_rule[f"{decision.verdict}: {decision.rule}"] += 1
        return {"verdicts": dict(sorted(by_verdict.items())), "rules": dict(sorted(by_rule.items()))}

    def _decide(self, trace_id: str) -> Decision:
        found = sorted(self._findings.get(trace_id, ()), key=lambda finding: finding.verdict != "dropped")
        if found:
            told = (found[0].reason, *(f"also {other.rule}: {other.reason}" for other in found[1:]))
            ruled = Decision(trace_id=trace_id, verdict=found[0].verdict, rule=found[0].rule, reason="; ".join(told))
        else:
            ruled = Decision(trace_id=trace_id, verdict="kept", rule="redacted", reason="nothing speaks against it")
        overruling = self._overrulings.get(trace_id)
        if overruling is None:
            return ruled
        return Decision(
            trace_id=trace_id,
            verdict=self.verdict(trace_id),
            rule=OVERRULED,
            reason=self._reasons.get(trace_id, ""),
            ruled=f"{ruled.verdict} by {ruled.rule}: {ruled.reason}",
            reviewer=overruling.reviewer,
            overruled_at=overruling.created_at,
        )
