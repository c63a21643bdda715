"""How the rows of a dataset are parted into train, validation and test.

Model: rows that share a person, a session or a task form a group; groups are placed whole, the largest
first and then in a seeded order, each on the side that has least of what it should have, counted over
its strata (level and tool) and over all rows. Invariants: no group is on two sides; the same rows and
seed give the same sides.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from agent_factory.contracts.dataset import Bond, SplitName, SplitSpec
from agent_factory.core.error import InputError


class Groups:
    """Rows that belong together, found as they come: a union-find over rows and what binds them."""

    def __init__(self, together: Iterable[Bond]) -> None:
        self._prefixes = tuple(f"{bond}:" for bond in together)
        self._parents = array("q")
        self._bonds: dict[int, int] = {}
        self._rows = array("q")

    def add(self, bonds: Iterable[str]) -> None:
        """The next row, with what binds it to others."""
        row = self._node()
        self._rows.append(row)
        for bond in bonds:
            if bond.startswith(self._prefixes):
                name = int.from_bytes(hashlib.blake2b(bond.encode(), digest_size=8).digest(), "big")
                if name not in self._bonds:
                    self._bonds[name] = self._node()
                self._join(row, self._bonds[name])

    def group_of(self, row: int) -> int:
        """A number that the rows of one group share; ``row`` counts from 0 in the order of ``add``."""
        return self._root(self._rows[row])

    def _node(self) -> int:
        self._parents.append(len(self._parents))
        return len(self._parents) - 1

    def _root(self, node: int) -> int:
        while self._parents[node] != node:
            self._parents[node] = self._parents[self._parents[node]]
            node = self._parents[node]
        return node

    def _join(self, one: int, other: int) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        self._parents[second] = first


def split_rows(
    spec: SplitSpec, rows: Sequence[int], groups: Groups, strata: Sequence[str], keys: Sequence[int]
) -> dict[int, SplitName]:
    """The side of each of ``rows`` (numbers into ``groups``, ``strata`` and ``keys``).

    InputError where a side with a share would be empty because too much hangs together.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        members[groups.group_of(row)].append(row)
    asked: dict[SplitName, float] = {"train": spec.train, "validation": spec.validation, "test": spec.test}
    shares: dict[SplitName, float] = {name: share for name, share in asked.items() if share > 0}
    sides = _Sides(shares, Counter(strata[row] for row in rows))
    ordered = sorted(members.values(), key=lambda group: (-len(group), min(keys[row] for row in group)))
    placed: dict[int, SplitName] = {}
    for group in ordered:
        side = sides.place(Counter(strata[row] for row in group))
        placed.update(dict.fromkeys(group, side))
    empty = sorted(set(shares) - set(placed.values()))
    if empty:
        raise InputError(
            f"no row is left for {' and '.join(empty)}: {len(rows)} rows form {len(ordered)} groups that share "
            f"{', '.join(spec.together) or 'nothing'}, the largest with {len(ordered[0])}. "
            "Take more days, give fewer sides a share, or keep less together (split.together)."
        )
    return placed


class _Sides:
    """What each side has so far, by stratum and in all."""

    def __init__(self, shares: dict[SplitName, float], totals: Counter[str]) -> None:
        self._shares = shares
        self._totals = totals
        self._all = totals.total()
        self._has: dict[SplitName, Counter[str]] = {name: Counter() for name in shares}

    def place(self, group: Counter[str]) -> SplitName:
        """The side that lacks most after it took the group; the group is counted there."""
        # A seeded order gives the ties: the first side that is asked for has them.
        side = max(self._shares, key=lambda name: self._lack(name, group))
        self._has[side].update(group)
        return side

    def _lack(self, side: SplitName, group: Counter[str]) -> float:
        share, has, size = self._shares[side], self._has[side], group.total()
        of_all = 1 - (has.total() + size) / (share * self._all)
        of_strata = sum(
            count / size * (1 - (has[stratum] + count) / (share * self._totals[stratum]))
            for stratum, count in group.items()
        )
        return of_all + of_strata
