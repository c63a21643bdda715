"""How an episode's rewards are mixed into the one number by which reinforcement ranks episodes.

Invariant: the environment's verdict decides what is kept; the mix only orders what it kept.
"""

from __future__ import annotations

from pydantic import Field

from agent_factory.contracts.record import Name, Record


class RewardConfig(Record):
    """Weights of a build's reward mix; ``id`` is the build's id, and a build without one has the defaults.

    ``success`` is added for a solved episode, ``reward_model`` multiplies the reward model's score;
    ``policy_violation``, ``tool_error`` and ``step`` are added once for each of those.
    """

    build: Name
    success: float = Field(default=1.0, ge=0)
    reward_model: float = Field(default=1.0, ge=0)
    policy_violation: float = Field(default=-1.0, le=0)
    tool_error: float = Field(default=0.0, le=0)
    step: float = Field(default=0.0, le=0)

    def mix(self, *, success: bool, reward_model: float, policy_violations: int, tool_errors: int, steps: int) -> float:
        """The episode's reward under these weights."""
        return (
            self.success * success
            + self.reward_model * reward_model
            + self.policy_violation * policy_violations
            + self.tool_error * tool_errors
            + self.step * steps
        )
