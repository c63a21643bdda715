"""How an episode's rewards are mixed into the one number by which reinforcement ranks episodes.

Invariant: the environment's verdict decides what is kept, and what it kept is solved without a breach
of the policy; the mix orders that, so it weighs only what solved episodes can differ in.
"""

from __future__ import annotations

from pydantic import Field

from agent_factory.contracts.record import Name, Record


class RewardConfig(Record):
    """Weights of a build's reward mix; ``id`` is the build's id, and a build without one has the defaults.

    ``reward_model`` multiplies the reward model's score; ``tool_error`` and ``step`` are added once for each
    of those.
    """

    build: Name
    reward_model: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    tool_error: float = Field(default=0.0, le=0, allow_inf_nan=False)
    step: float = Field(default=0.0, le=0, allow_inf_nan=False)

    def mix(self, *, reward_model: float, tool_errors: int, steps: int) -> float:
        """The reward of a solved episode under these weights."""
        return self.reward_model * reward_model + self.tool_error * tool_errors + self.step * steps
