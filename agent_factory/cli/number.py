"""Numbers on the command line: how an option that takes one is declared.

Invariant: each has a lowest and a highest value, which its help tells, and nothing but a number between
them gets past the border; ``nan`` is between none.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

MOST = 2**31 - 1
_MONTH = 31 * 86_400


def number(low: float, high: float, help_: str | None = None) -> Any:
    """An option with a number from ``low`` to ``high``."""
    return typer.Option(min=low, max=high, help=help_)


Deadline = Annotated[float, number(1, _MONTH, "Seconds to wait at most.")]
Limit = Annotated[int, number(1, 100_000, "How many are told at most.")]
Seed = Annotated[int, number(0, MOST, "Of what is drawn at random.")]
