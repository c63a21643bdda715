"""What a rule found in a trace, before it is weighed into a decision."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """A rule that speaks against a trace, with a reason that a person can read."""

    verdict: Literal["flagged", "dropped"]
    rule: str
    reason: str
