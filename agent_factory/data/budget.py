"""Which rows are taken where fewer are wanted than there are.

Model: rows are drawn by a keyed order of their own, evenly over strata, until the budget of rows or
tokens is reached. Invariants: the choice follows from the rows and the seed alone; a larger budget of
the same rows takes all that a smaller one took; no row is cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from agent_factory.contracts.record import Part


class Budget(Part):
    """At most so many rows, and so many tokens; None asks for nothing."""

    max_rows: int | None = None
    max_tokens: int | None = None


def order_key(seed: int, name: str) -> int:
    """Where a row stands in the drawing: 64 bits that look random and follow from seed and name."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest(), "big")


def choose_rows(budget: Budget, strata: Sequence[str], keys: Sequence[int], tokens: Sequence[int]) -> list[int]:
    """Numbers of the rows that are taken, ascending; ``strata``, ``keys`` and ``tokens`` have one entry a row."""
    rows = range(len(keys))
    within_rows = budget.max_rows is None or budget.max_rows >= len(keys)
    if within_rows and (budget.max_tokens is None or sum(tokens) <= budget.max_tokens):
        return list(rows)
    taken: list[int] = []
    spent = 0
    for row in _draw(strata, keys):
        spent += tokens[row]
        if len(taken) == budget.max_rows or (budget.max_tokens is not None and spent > budget.max_tokens):
            break
        taken.append(row)
    return sorted(taken)


def _draw(strata: Sequence[str], keys: Sequence[int]) -> list[int]:
    """All rows, so ordered that each beginning of the order holds the strata in their shares."""
    members: dict[str, list[int]] = {}
    for row, stratum in enumerate(strata):
        members.setdefault(stratum, []).append(row)
    drawn: list[tuple[float, int, int]] = []
    for stratum in sorted(members):
        ordered = sorted(members[stratum], key=lambda row: (keys[row], row))
        drawn.extend(((rank + 0.5) / len(ordered), keys[row], row) for rank, row in enumerate(ordered))
    return [row for _, _, row in sorted(drawn)]
