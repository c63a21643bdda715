"""A dataset before it has a number: its rows on disk, and in memory only what decides which are taken.

Invariant: rows keep the order in which they came; what is decided (budget, split, digests) follows from
the rows, the budget and the seeds alone.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pyarrow as pa

from agent_factory.contracts.dataset import SPLITS, SplitName, SplitSpec
from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_rows
from agent_factory.data.budget import Budget, choose_rows, order_key
from agent_factory.data.row import Made, Row
from agent_factory.data.split import Groups, split_rows
from agent_factory.data.token import Ruler

_FILE = "rows.parquet"
_COUNTED = ("level", "kind", "pairing", "label")


class Side(NamedTuple):
    """A side of the dataset; ``name`` is None where it is not split."""

    name: SplitName | None
    rows: Sequence[int]
    digest: str


class Draft:
    """Rows laid down once; ``taken`` are the numbers of those that the dataset has."""

    def __init__(self, folder: Artifacts, schema: pa.Schema, ruler: Ruler, seed: int) -> None:
        self._folder = folder
        self.schema = schema
        self.ruler = ruler
        self._seed = seed
        self._groups = Groups(())
        self._strata: list[str] = []
        self._keys = array("Q")
        self._lengths = array("q")
        self.taken: Sequence[int] = ()

    def fill(self, made: Iterable[Made], split: SplitSpec | None) -> int:
        """Lay rows down; returns how many there are."""
        self._groups = Groups(split.together if split else ())
        self._folder.write_rows(_FILE, self.schema, self._watch(made))
        self.taken = range(len(self._keys))
        return len(self._keys)

    def _watch(self, made: Iterable[Made]) -> Iterator[Row]:
        strata: dict[str, str] = {}  # equal ones are kept once
        for row, bonds, stratum in made:
            self._groups.add(bonds)
            self._strata.append(strata.setdefault(stratum, stratum))
            self._keys.append(order_key(self._seed, ",".join(row["trace_ids"]) or str(row.get("scenario_id"))))
            self._lengths.append(self.ruler.measure(row))
            yield row

    def cut(self, budget: Budget) -> None:
        """Take no more than the budget has room for."""
        self.taken = choose_rows(budget, self._strata, self._keys, self._lengths)

    def part(self, split: SplitSpec | None) -> list[Side]:
        """The sides of the dataset, each with its digest: one where it is not split."""
        if split is None:
            return [Side(None, self.taken, digest_rows(self.rows(self.taken)))]
        keys = [order_key(split.seed, str(key)) for key in self._keys]
        placed = split_rows(split, self.taken, self._groups, self._strata, keys)
        sides: list[Side] = []
        for name in SPLITS:
            if rows := array("q", (row for row in self.taken if placed[row] == name)):
                sides.append(Side(name, rows, digest_rows(self.rows(rows))))
        return sides

    def rows(self, numbers: Sequence[int]) -> Iterator[Row]:
        """The rows of these numbers, which ascend."""
        wanted = iter(numbers)
        following = next(wanted, None)
        for number, row in enumerate(self._folder.read_rows(_FILE)):
            if number == following:
                yield row
                following = next(wanted, None)

    def measure(self) -> dict[str, Any]:
        """Statistics of the rows that are taken: counts by what they are, and how long they are."""
        lengths = sorted(self._lengths[row] for row in self.taken)
        unit = self.ruler.unit
        told: dict[str, Any] = {
            f"rows_by_{name}": dict(sorted(counted.items())) for name, counted in self._count().items()
        }
        told[f"{unit}_per_row"] = {
            "mean": sum(lengths) / len(lengths),
            "p50": lengths[len(lengths) // 2],
            "p95": lengths[min(len(lengths) - 1, int(len(lengths) * 0.95))],
            "max": lengths[-1],
            "total": sum(lengths),
        }
        told["counted_by"] = self.ruler.name or "characters: no tokenizer was known"
        return told

    def trace_ids(self) -> int:
        """How many traces the rows that are taken came from."""
        seen: set[int] = set()
        for row in self.rows(self.taken):
            seen.update(hash(name) for name in row["trace_ids"])
        return len(seen)

    def _count(self) -> dict[str, Counter[str]]:
        names = [name for name in _COUNTED if name in self.schema.names]
        counted = {name: Counter[str]() for name in names}
        chosen = set(self.taken) if len(self.taken) < len(self._keys) else None
        for number, row in enumerate(self._folder.read_rows(_FILE, names or None)):
            if chosen is None or number in chosen:
                for name in names:
                    counted[name][row[name] or "unknown"] += 1
        return counted


@contextmanager
def open_draft(schema: pa.Schema, ruler: Ruler, seed: int) -> Generator[Draft]:
    """An empty draft in a temporary folder, which goes with it."""
    with TemporaryDirectory(prefix="factory-draft-") as folder:
        yield Draft(Artifacts(folder), schema, ruler, seed)
