"""The first traffic: deterministic production traces with raw personal data, over the given days."""

import shutil
from datetime import date

import pytest

from agent_factory.core.error import InputError, RecipeError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.first_traffic import days_before, make_traffic
from agent_factory.environment.scenario import draw_scenarios

DAYS = days_before(date(2026, 3, 2), 3)


@pytest.fixture(scope="module")
def scenarios(recipe):
    return draw_scenarios(recipe, "train", 60, 1)


@pytest.fixture(scope="module")
def traces(recipe, scenarios):
    return make_traffic(recipe, scenarios, DAYS, seed=1)


def test_days_before_a_day():
    assert DAYS == ["2026-02-27", "2026-02-28", "2026-03-01"]


def test_the_same_arguments_give_the_same_traces(recipe, scenarios, traces):
    assert make_traffic(recipe, scenarios, DAYS, seed=1) == traces
    assert [t.steps for t in make_traffic(recipe, scenarios, DAYS, seed=2)] != [t.steps for t in traces]


def test_other_days_and_an_edited_world_have_other_ids(recipe, scenarios, traces, tmp_path):
    ids = {t.id for t in traces}
    later = make_traffic(recipe, scenarios[:5], days_before(date(2026, 4, 2), 3), seed=1)
    copy = Recipe(shutil.copytree(recipe.folder, tmp_path / "support_desk"))
    (copy.folder / "gate.toml").write_text("")
    (copy.folder / "judge" / "__init__.py").write_text("# it makes nothing")
    same = make_traffic(copy, scenarios[:5], DAYS, seed=1)
    (copy.folder / "openapi.yaml").write_text((copy.folder / "openapi.yaml").read_text() + "# edited")
    edited = make_traffic(copy, scenarios[:5], DAYS, seed=1)

    assert not ids & {t.id for t in (*later, *edited)}
    assert {t.id for t in same} < ids


def test_traces_are_graded_production_of_every_day_in_business_hours(traces, scenarios):
    assert {t.source for t in traces} == {"production"}
    assert [sum(t.day == day for t in traces) for day in DAYS] == [20, 20, 20]
    assert all(8 <= t.started_at.hour < 18 for t in traces)
    assert all(t.outcome is not None for t in traces)
    assert [t.scenario_id for t in traces] == [s.id for s in scenarios]


def test_personal_data_is_raw_and_nothing_is_measured(traces, scenarios):
    for trace, scenario in zip(traces, scenarios, strict=True):
        assert trace.messages()[0] == scenario.opening[0]
        assert trace.pseudonyms == {}
        assert all(step.usage is None and step.latency_seconds is None for step in trace.steps)


def test_no_days_is_refused(recipe, scenarios):
    with pytest.raises(InputError, match="at least one day"):
        make_traffic(recipe, scenarios, [], seed=1)


def test_a_predecessor_that_breaks_is_no_traffic(recipe, scenarios, replace_part):
    class Broken:
        async def chat(self, request, *, deadline_seconds):
            raise ValueError("no such habit")

    replace_part("predecessor:create_agent", lambda seed: Broken())

    with pytest.raises(RecipeError, match=r"the first traffic of 'support_desk' broke in .*no such habit"):
        make_traffic(recipe, scenarios[:2], DAYS, seed=1)
