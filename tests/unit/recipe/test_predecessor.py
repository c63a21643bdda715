"""The first agent fails about half of its episodes, and systematically."""

from collections import defaultdict
from datetime import date

import pytest

from agent_factory.environment.first_traffic import days_before, make_traffic
from agent_factory.environment.scenario import draw_scenarios


@pytest.fixture(scope="module")
def played(shipped):
    scenarios = draw_scenarios(shipped.recipe, "train", 1000, 1)
    traces = make_traffic(shipped.recipe, scenarios, days_before(date(2026, 11, 21), 3), seed=1)
    return list(zip(scenarios, traces, strict=True))


@pytest.fixture(scope="module")
def shares(played):
    outcomes = defaultdict(list)
    for scenario, trace in played:
        for group in ("all", scenario.level, scenario.kind):
            outcomes[group].append(trace.outcome.success)
    return {group: sum(found) / len(found) for group, found in outcomes.items()}


def test_about_half_of_the_episodes_succeed(shares):
    assert 0.40 <= shares["all"] <= 0.60


def test_the_hard_levels_are_seldom_solved_but_sometimes(shares):
    for level in ("L4", "L5"):
        assert 0.02 <= shares[level] <= 0.20


def test_some_kinds_are_always_right_and_some_mostly_wrong(shares, shipped):
    assert {shares[kind] for kind in shipped.always} == {1.0}
    for kind in shipped.seldom:
        assert 0.2 <= shares[kind] <= 0.5


def test_every_kind_is_solved_at_least_once_for_the_build_to_learn_from(played):
    assert {s.kind for s, t in played if t.outcome.success} == {s.kind for s, _ in played}


def test_it_breaches_policy_where_its_habits_do(played, shipped):
    assert {s.kind for s, t in played if t.outcome.policy_violations} == shipped.breached
