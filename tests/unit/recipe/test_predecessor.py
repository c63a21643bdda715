"""The first agent fails about half of its episodes, and systematically."""

from collections import defaultdict

import pytest

from agent_factory.core.recipe import load_recipe
from agent_factory.environment.first_traffic import days_before, make_traffic
from agent_factory.environment.scenario import draw_scenarios

RECIPE = load_recipe("support_desk")


@pytest.fixture(scope="module")
def shares():
    from datetime import date

    scenarios = draw_scenarios(RECIPE, "train", 1000, 1)
    traces = make_traffic(RECIPE, scenarios, days_before(date(2026, 11, 21), 3), seed=1)
    outcomes = defaultdict(list)
    for scenario, trace in zip(scenarios, traces, strict=True):
        for group in ("all", scenario.level, scenario.kind):
            outcomes[group].append(trace.outcome.success)
    return {group: sum(found) / len(found) for group, found in outcomes.items()}


def test_about_half_of_the_episodes_succeed(shares):
    assert 0.40 <= shares["all"] <= 0.60


def test_the_hard_levels_are_seldom_solved_but_sometimes(shares):
    for level in ("L4", "L5"):
        assert 0.02 <= shares[level] <= 0.20


def test_some_kinds_are_always_right_and_some_mostly_wrong(shares):
    assert {shares[kind] for kind in ("track_order", "check_stock", "cancel_order", "change_address")} == {1.0}
    for kind in ("list_orders", "exchange_item", "exchange_if_in_stock"):
        assert 0.2 <= shares[kind] <= 0.5
