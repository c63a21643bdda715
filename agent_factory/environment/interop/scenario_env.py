"""A Gymnasium view of our environments: text in, text out, as assistant messages and conversations in JSON.

An action is an assistant message in JSON, in OpenAI's wire format; text that is none ends the episode as failed.
An observation is the messages that are new since the last action, in JSON. To import this module registers
``agent_factory/Scenario-v0``. Source: Gymnasium's API, https://gymnasium.farama.org/api/env/.
"""

from __future__ import annotations

import json
import string
from typing import Any

import gymnasium
from gymnasium.envs.registration import register
from gymnasium.spaces import Text

from agent_factory.contracts.scenario import Split
from agent_factory.core.error import InputError, ToolError
from agent_factory.core.recipe import Recipe, load_recipe
from agent_factory.environment.interop.action import read_action
from agent_factory.environment.interop.seat import Sight
from agent_factory.environment.interop.stage import Stage
from agent_factory.environment.scenario import draw_scenarios

_CHARACTERS = frozenset(string.printable)
ACTION_MAX = 20_000
OBSERVATION_MAX = 1_000_000
"""Characters of the longest action and observation; JSON is written in ASCII."""


class ScenarioEnv(gymnasium.Env[str, str]):
    """A recipe's scenarios as episodes; ``reset(options={"scenario": id})`` chooses one, else the seed does."""

    def __init__(
        self,
        recipe: str | Recipe = "support_desk",
        kind: str | None = None,
        split: Split = "train",
        count: int = 100,
        seed: int = 0,
    ) -> None:
        """Draw ``count`` scenarios and open the recipe's world, or one of another ``kind``."""
        self.metadata = {"render_modes": []}
        found = load_recipe(recipe) if isinstance(recipe, str) else recipe
        self.scenarios = draw_scenarios(found, split, count, seed)
        self.action_space = Text(ACTION_MAX, charset=_CHARACTERS)
        self.observation_space = Text(OBSERVATION_MAX, charset=_CHARACTERS)
        self._stage = Stage(found, self.scenarios, kind)
        self._seat = self._stage.sit()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """The opening, and what may be called; InputError where ``options`` has something else than ``scenario``."""
        super().reset(seed=seed)
        beside = set(options or {}) - {"scenario"}
        if beside:
            raise InputError(f"options has {sorted(beside)[0]!r}, expected 'scenario' and nothing else")
        drawn = int(self.np_random.integers(2**31))
        sight = self._stage.run(self._seat.reset(drawn, (options or {}).get("scenario")))
        return _write(sight), {"scenario": sight.scenario, "tools": [tool.to_wire() for tool in self._seat.tools]}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Act; ``truncated`` says that the step limit ended the episode, ``info`` has the outcome at its end."""
        sight = self._stage.run(self._seat.act(read_action(action)))
        limited = (sight.failure or "").startswith("step limit")
        info: dict[str, Any] = {"scenario": sight.scenario}
        if sight.outcome is not None:
            info["outcome"] = sight.outcome.model_dump(mode="json")
        return _write(sight), sight.reward, sight.done and not limited, limited, info

    def close(self) -> None:
        """Give back the episode, the world and its thread."""
        try:
            if self._seat.tools:
                self._stage.run(self._seat.close())
        finally:
            self._stage.close()


def _write(sight: Sight) -> str:
    text = json.dumps([message.to_wire() for message in sight.messages])
    if len(text) > OBSERVATION_MAX:
        raise ToolError(f"the observation has {len(text)} characters, at most {OBSERVATION_MAX} are given")
    return text


register(id="agent_factory/Scenario-v0", entry_point=f"{__name__}:ScenarioEnv")
