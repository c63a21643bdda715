"""What work costs, by the price table ``[prices]`` of a recipe's ``build.toml``.

Invariant: nothing is charged twice. Work that is metered in tokens is charged by its tokens (their
price covers the machine that made them); all other work by its CPU time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from agent_factory.core.buildfile import PriceSection
from agent_factory.core.error import InputError


class Prices(PriceSection):
    """A price table as ``build.toml`` has it, and what work costs by it."""

    def of_tokens(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The price of model calls."""
        prompt = prompt_tokens * self.prompt_million_tokens
        return (prompt + completion_tokens * self.completion_million_tokens) / 1e6

    def of_cpu(self, cpu_seconds: float) -> float:
        """The price of CPU time."""
        return cpu_seconds / 3600 * self.cpu_core_hour

    def of_work(self, cpu_seconds: float, prompt_tokens: int, completion_tokens: int) -> float:
        """The price of a piece of work: by its tokens where it has any, else by its CPU time."""
        if prompt_tokens or completion_tokens:
            return self.of_tokens(prompt_tokens, completion_tokens)
        return self.of_cpu(cpu_seconds)


def read_prices(settings: Mapping[str, Any]) -> Prices:
    """The prices of ``build.toml`` as read (or of ``BuildSpec.settings``); InputError names the key."""
    if "prices" not in settings:
        raise InputError("build.toml has no table [prices]: add currency, cpu_core_hour and the two token prices")
    try:
        return Prices.model_validate(settings["prices"])
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in ("prices", *first["loc"]))
        raise InputError(f"build.toml: {key} is {first['input']!r}: {first['msg']}") from error
