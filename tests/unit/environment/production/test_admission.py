"""Failed traces become scenarios only if they fail again as they did, can be solved, and not by doing nothing."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent_factory.contracts import Reply, ScenarioSet, SuccessRules
from agent_factory.contracts.production import Amendment
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import ConflictError, DeadlineError, InputError
from agent_factory.core.recipe import load_recipe
from agent_factory.core.store import open_store
from agent_factory.environment.first_traffic import make_traffic
from agent_factory.environment.production import admission
from agent_factory.environment.production.admission import admit
from agent_factory.environment.production.rebuild import read_faults, rebuild
from agent_factory.environment.production.surrogate import make_anonymous
from agent_factory.environment.scenario import draw_scenarios, make_scenario_set, read_scenarios


@pytest.fixture(scope="module")
def traffic():
    recipe = load_recipe("support_desk")
    return make_traffic(recipe, draw_scenarios(recipe, "train", 60, 2), ["2026-11-18"], 1)


@pytest.fixture(scope="module")
def failed(traffic):
    return [trace for trace in traffic if not trace.outcome.success]


@pytest.fixture
def home(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'f.db'}")
    yield store, Artifacts(str(tmp_path / "artifacts"))
    store.engine.dispose()


@pytest.fixture
def take(home, recipe):
    def run(traces, amendment=None, set_id="p"):
        return admit(*home, recipe, traces, set_id=set_id, project="default", amendment=amendment)

    return run


def find(traces, kind):
    return next(trace for trace in traces if trace.metadata["kind"] == kind)


def test_failed_traffic_becomes_scenarios_of_its_own(home, take, failed):
    report = take(failed)
    scenarios = read_scenarios(home[1], home[0].get(ScenarioSet, "p"))

    assert [one.reason for one in report.traces if one.verdict == "refused"] == []
    assert report.admitted == len(scenarios) > len(failed) * 0.8
    assert {scenario.origin for scenario in scenarios} <= {trace.id for trace in failed}
    assert len({scenario.id for scenario in scenarios}) == len(scenarios)


def test_nothing_personal_stands_in_a_scenario(home, take, failed):
    trace = find(failed, "cancel_and_track")
    said = trace.steps[0].observation[0].content
    email = next(word.strip("().,") for word in said.split() if "@" in word)
    take([trace])
    text = home[1].read_text(home[0].get(ScenarioSet, "p").path)

    assert email not in text
    assert "customer1@example.com" in text


def test_the_same_failure_is_taken_once_and_the_set_grows(home, take, failed):
    first, second = find(failed, "cancel_and_track"), find(failed, "retry_after_fault")
    again = first.model_copy(update={"id": "again"})

    assert [one.verdict for one in take([first, again]).traces] == ["admitted", "duplicate"]
    before = home[0].get(ScenarioSet, "p")
    report = take([again, second])

    assert [one.verdict for one in report.traces] == ["duplicate", "admitted"]
    assert (before.count, report.set.count) == (1, 2)
    assert read_scenarios(home[1], before)[0].origin == first.id  # what it was promised is still there


def test_a_trace_that_was_solved_or_broken_off_is_refused(take, traffic, failed):
    solved = next(trace for trace in traffic if trace.outcome.success)
    broken = failed[0].model_copy(update={"outcome": None, "failure": "engine: gone", "fault": "engine"})
    report = take([solved, broken])

    assert report.set is None
    assert [one.failed for one in report.traces] == ["trace", "trace"]
    assert "it was solved" in report.traces[0].reason
    assert "fault of the engine" in report.traces[1].reason


def test_another_tool_result_does_not_reproduce(take, failed):
    trace = find(failed, "cancel_and_track")
    text = trace.model_dump_json().replace(r"{\"status\":\"cancelled\"}", r"{\"status\":\"void\"}")
    [one] = take([trace.model_validate_json(text)]).traces

    assert (one.verdict, one.failed) == ("refused", "reproduces")
    assert "cancel_order, gave {'status': 'void'}, and in the scenario gives {'status': 'cancelled'}" in one.reason


@pytest.mark.parametrize(
    ("rules", "failed_at"),
    [
        (SuccessRules(), "reproduces"),  # the trace itself solves that
        (SuccessRules(says=(("nobody says this",),)), "solution"),
        (SuccessRules(must_not_say=("account",)), "null agent"),
    ],
)
def test_rules_that_do_not_hold_are_told_by_condition(take, failed, rules, failed_at):
    trace = find(failed, "list_orders")
    solution = {"solution": {"calls": [], "answer": "Nothing can be done."}} if failed_at == "null agent" else {}
    [one] = take([trace], Amendment.model_validate({"rules": rules, **solution})).traces

    assert (one.verdict, one.failed) == ("refused", failed_at)


def test_a_set_of_another_sort_is_not_added_to(home, take, recipe, failed):
    with ThreadPoolExecutor(1) as thread:
        options = {"set_id": "b-train", "build": None, "split": "train", "count": 5, "seed": 1}
        thread.submit(make_scenario_set, *home, recipe, **options).result(60)

    with pytest.raises(ConflictError, match="'b-train' is not one from production"):
        take(failed[:1], set_id="b-train")


def test_a_fault_of_a_tool_is_the_scenarios(recipe, failed):
    trace = make_anonymous(find(failed, "retry_after_fault"), recipe)
    [fault] = read_faults(trace)
    scenario, _ = rebuild(trace, recipe)

    assert (fault.status, fault.nth) == (503, 1)
    assert scenario.faults == (fault,)
    assert scenario.level == "L5"


def test_made_up_values_fit_the_tools_and_stay_themselves(recipe, failed):
    trace = find(failed, "cancel_and_track")
    anonymous = make_anonymous(trace, recipe)
    order = anonymous.steps[0].action.tool_calls[0].arguments["order_id"]

    assert order.isdigit()
    assert len(order) == 4
    assert order not in trace.model_dump_json()
    assert make_anonymous(trace, recipe) == anonymous


def test_a_recipe_without_a_hook_takes_a_solution_alone(recipe, failed, monkeypatch):
    trace = make_anonymous(find(failed, "cancel_and_track"), recipe)
    whole, _ = rebuild(trace, recipe)
    monkeypatch.setattr(recipe, "target_of", lambda part: None)

    with pytest.raises(InputError, match=r"no \[recipe\] from_trace.*--solution"):
        rebuild(trace, recipe)
    given = {name: getattr(whole, name) for name in ("state", "rules", "solution", "level", "kind", "replies")}
    assert rebuild(trace, recipe, Amendment(**given))[0] == whole


def test_a_hook_that_raises_or_gives_other_things_is_told_for_that_trace(recipe, failed, replace_part, take):
    spoiled, good = find(failed, "cancel_and_track"), find(failed, "list_orders")
    make = recipe.load("production:rebuild")
    for hook, told in ((lambda trace: 1 / 0, "ZeroDivisionError"), (lambda trace: {}, "returned a dict")):
        replace_part("production:rebuild", lambda t, hook=hook: hook(t) if t.id == spoiled.id else make(t))
        broken, other = take([spoiled, good], set_id=f"p-{told[:4]}").traces

        assert (broken.verdict, broken.failed, other.verdict) == ("refused", "recipe", "admitted")
        assert told in broken.reason


def test_what_another_run_adds_meanwhile_stays(home, take, failed, monkeypatch):
    first, second, third = (find(failed, kind) for kind in ("cancel_and_track", "retry_after_fault", "list_orders"))
    take([first])
    write = home[1].write_text
    reports = []

    def write_late(path, text):
        monkeypatch.setattr(home[1], "write_text", write)
        reports.append(take([second]))
        write(path, text)

    monkeypatch.setattr(home[1], "write_text", write_late)
    report = take([second, third])
    held = read_scenarios(home[1], home[0].get(ScenarioSet, "p"))

    assert [one.verdict for one in (*reports[0].traces, *report.traces)] == ["admitted", "duplicate", "admitted"]
    assert [scenario.origin for scenario in held] == [first.id, second.id, third.id]
    assert report.set == home[0].get(ScenarioSet, "p")


def test_all_traces_together_have_a_deadline(take, failed, monkeypatch):
    async def wait(*_):
        await asyncio.Event().wait()

    monkeypatch.setattr(admission, "SET_SECONDS", 0.5)
    monkeypatch.setattr(admission, "find_flaw", wait)
    with pytest.raises(DeadlineError, match=r"0 of \d+ traces were looked at, and none is kept"):
        take(failed)


def test_the_users_later_lines_are_the_traces(recipe, failed):
    trace = make_anonymous(find(failed, "cancel_and_track"), recipe)
    asked = trace.steps[0].model_copy(
        update={"action": trace.steps[-1].action.model_copy(update={"content": "Which order?"})}
    )
    said = trace.steps[0].observation[0].model_copy(update={"content": "The second."})
    answered = trace.steps[-1].model_copy(update={"index": 1, "observation": (said,)})
    dialogue = trace.model_copy(update={"steps": (asked, answered)})

    assert rebuild(dialogue, recipe)[0].replies == (Reply(asks=r"\?", says="The second."),)
    assert json.loads(rebuild(dialogue, recipe)[0].model_dump_json())["origin"] == trace.id
