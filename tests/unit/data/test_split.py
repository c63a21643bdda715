"""Rows are parted by whole groups, in the shares that were asked for, over every stratum."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

import pytest

from agent_factory.contracts.dataset import SplitSpec
from agent_factory.core.error import InputError
from agent_factory.data.budget import Budget, choose_rows, order_key
from agent_factory.data.split import Groups, split_rows

STRATA = [f"L{1 + i % 5}/{('get', 'cancel')[i % 2]}" for i in range(1000)]
KEYS = [order_key(7, f"t{i}") for i in range(1000)]


def make_groups(bonds: list[tuple[str, ...]], spec: SplitSpec) -> Groups:
    groups = Groups(spec.together)
    for bond in bonds:
        groups.add(bond)
    return groups


def test_shares_hold_in_all_and_in_every_stratum() -> None:
    spec = SplitSpec()
    groups = make_groups([()] * 1000, spec)
    placed = split_rows(spec, range(1000), groups, STRATA, KEYS)
    assert set(placed) == set(range(1000))
    of = Counter(placed.values())
    assert all(abs(of[name] - count) <= 10 for name, count in (("train", 800), ("validation", 100), ("test", 100))), of
    for stratum in set(STRATA):
        sides = Counter(placed[row] for row in range(1000) if STRATA[row] == stratum)
        assert 70 <= sides["train"] <= 90, (stratum, sides)
        assert sides["validation"] >= 5, (stratum, sides)
        assert sides["test"] >= 5, (stratum, sides)


def test_what_belongs_together_is_on_one_side() -> None:
    rng = Random(3)
    bonds = [
        (f"subject:EMAIL:{rng.randrange(300)}", f"session:{rng.randrange(600)}", f"task:{rng.randrange(900)}")
        for _ in range(400)
    ]
    spec = SplitSpec(together=("session", "task"))
    placed = split_rows(spec, range(400), make_groups(bonds, spec), STRATA[:400], KEYS[:400])
    for prefix in ("session:", "task:"):
        sides = defaultdict(set)
        for row, names in enumerate(bonds):
            sides[next(name for name in names if name.startswith(prefix))].add(placed[row])
        assert all(len(found) == 1 for found in sides.values()), prefix
    people = defaultdict(set)
    for row, names in enumerate(bonds):
        people[names[0]].add(placed[row])
    assert any(len(found) > 1 for found in people.values()), "people were not asked to be kept together"


def test_a_chain_of_people_and_sessions_is_one_group() -> None:
    spec = SplitSpec()
    groups = make_groups([("subject:a",), ("subject:a", "session:s"), ("session:s", "task:t"), ("task:t",), ()], spec)
    assert len({groups.group_of(row) for row in range(4)}) == 1
    assert groups.group_of(4) != groups.group_of(0)


def test_the_same_seed_gives_the_same_sides_and_another_seed_others() -> None:
    spec = SplitSpec()
    groups = make_groups([()] * 1000, spec)
    first = split_rows(spec, range(1000), groups, STRATA, KEYS)
    assert split_rows(spec, range(1000), groups, STRATA, KEYS) == first
    assert split_rows(spec, range(1000), groups, STRATA, [order_key(8, f"t{i}") for i in range(1000)]) != first


def test_a_side_that_would_be_empty_is_told_with_the_largest_group() -> None:
    spec = SplitSpec()
    groups = make_groups([("subject:everyone",)] * 50, spec)
    with pytest.raises(InputError, match=r"no row is left for test and validation: 50 rows form 1 groups"):
        split_rows(spec, range(50), groups, STRATA[:50], KEYS[:50])


def test_a_large_group_goes_where_there_is_room_for_it() -> None:
    spec = SplitSpec(train=0.5, validation=0.5, test=0.0)
    groups = make_groups([("task:a",)] * 30 + [("task:b",)] * 30 + [()] * 40, spec)
    placed = split_rows(spec, range(100), groups, STRATA[:100], KEYS[:100])
    assert Counter(placed.values()) == {"train": 50, "validation": 50}
    assert placed[0] != placed[30]


def test_shares_must_add_up() -> None:
    with pytest.raises(ValueError, match="must add up to 1"):
        SplitSpec(train=0.9, validation=0.2, test=0.1)
    with pytest.raises(ValueError, match="share of train is 0"):
        SplitSpec(train=0.0, validation=0.5, test=0.5)


def test_a_budget_of_rows_keeps_the_shares_of_strata() -> None:
    strata = ["rare"] * 100 + ["common"] * 900
    taken = choose_rows(Budget(max_rows=100), strata, KEYS, [1] * 1000)
    assert len(taken) == 100
    assert taken == sorted(taken)
    assert 8 <= sum(strata[row] == "rare" for row in taken) <= 12


def test_a_larger_budget_takes_all_that_a_smaller_one_took() -> None:
    lengths = [1 + i % 7 for i in range(1000)]
    small = choose_rows(Budget(max_tokens=500), STRATA, KEYS, lengths)
    large = choose_rows(Budget(max_tokens=2000), STRATA, KEYS, lengths)
    assert set(small) < set(large)
    assert 493 < sum(lengths[row] for row in small) <= 500
    assert choose_rows(Budget(max_tokens=10**9), STRATA, KEYS, lengths) == list(range(1000))
    assert choose_rows(Budget(max_tokens=0), STRATA, KEYS, lengths) == []
    assert choose_rows(Budget(max_rows=10, max_tokens=2000), STRATA, KEYS, lengths) == sorted(
        choose_rows(Budget(max_rows=10), STRATA, KEYS, lengths)
    )
