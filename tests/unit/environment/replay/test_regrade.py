"""Re-scoring: other rules give the outcome that an episode under them would have had."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent_factory.contracts import ScenarioSet, SuccessRules
from agent_factory.core.digest import digest_rows
from agent_factory.core.error import ConflictError, DeadlineError
from agent_factory.environment.replay import regrade as module
from agent_factory.environment.replay.origin import Archive
from agent_factory.environment.replay.regrade import regrade, rescore_run

from .conftest import RUN, SET


@pytest.fixture
def edit_set(store, artifacts):
    """Another set, of edited scenarios."""

    def edit(scenarios, change):
        record = store.get(ScenarioSet, SET)
        edited = [one.model_copy(update=change(one)) for one in scenarios]
        changes = {"id": "edited", "path": "scenarios/edited.jsonl"}
        changes["digest"] = digest_rows(one.content() for one in edited)
        artifacts.write_text(changes["path"], "".join(one.model_dump_json() + "\n" for one in edited))
        store.put(record.model_copy(update=changes))
        return store.get(ScenarioSet, "edited")

    return edit


@pytest.fixture
def rescore(store, artifacts):
    def run(chosen):
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(rescore_run, Archive(store, artifacts), "default", RUN, chosen).result(60)

    return run


async def test_the_same_rules_give_the_same_outcome(make_set, play, moves, by_scenario):
    scenarios = make_set()
    calls = [("cancel_order", {"order_id": "1"}), ("find_customer", {"email": "x@example.com"})]
    for engine in (by_scenario(scenarios), moves("I did.", *calls)):
        for trace, scenario in zip(await play(scenarios, engine), scenarios, strict=True):
            assert regrade(trace, scenario.rules) == trace.outcome


async def test_a_call_counts_only_where_it_succeeded(make_set, play, by_scenario, moves):
    scenarios = make_set()
    (failing,) = await play(scenarios[:1], moves("no", ("find_customer", {"email": "nobody@example.com"})))
    solved = (await play(scenarios, by_scenario(scenarios)))[0]
    names = {call.name for step in solved.steps for call in step.action.tool_calls}

    assert failing.steps[0].error.startswith("find_customer: 404")
    assert regrade(failing, SuccessRules(must_not_call=("find_customer",))).policy_violations == ()
    assert set(regrade(solved, SuccessRules(must_not_call=tuple(names))).policy_violations) == {
        f"called {name}" for name in names
    }


async def test_what_the_trace_does_not_hold_is_not_graded_from_it(make_set, play, by_scenario):
    scenarios = make_set()
    trace = (await play(scenarios, by_scenario(scenarios)))[0]
    unknown = trace.outcome.model_copy(update={"changes": None})

    assert regrade(trace.model_copy(update={"pseudonyms": {"<EMAIL_1>": "h"}}), SuccessRules()) is None
    assert regrade(trace.model_copy(update={"outcome": unknown}), SuccessRules()) is None
    assert regrade(trace.model_copy(update={"failure": "engine: x", "fault": "engine"}), SuccessRules()) is None


async def test_new_rules_change_outcomes_and_overwrite_nothing(
    make_set, play, by_scenario, edit_set, rescore, artifacts
):
    scenarios = make_set()
    traces = await play(scenarios, by_scenario(scenarios))
    before = artifacts.read_bytes(play.file.path)
    strict = SuccessRules(says=(("never said",),))
    report = rescore(edit_set(scenarios, lambda one: {"rules": strict} if one.level == "L1" else {}))
    wanted = {trace.id for trace, one in zip(traces, scenarios, strict=True) if one.level == "L1"}

    assert (report.traces, report.rescored, report.old_success, report.new_success) == (10, 10, 1.0, 0.8)
    assert {one.trace for one in report.changed} == wanted
    assert all("the answer does not say 'never said'" in one.new.reasons for one in report.changed)
    written = list(artifacts.read_traces(report.path))
    assert {one.id for one in written if not one.outcome.success} == wanted
    assert artifacts.read_bytes(play.file.path) == before


async def test_hidden_values_are_revealed_by_a_replay(make_set, play, moves, edit_set, rescore):
    scenarios = make_set()
    (trace,) = await play(scenarios[:1], moves("I told <EMAIL_1>."), shielded=True)
    said = next(word.strip("().,") for word in scenarios[0].opening[-1].content.split() if "@" in word)
    report = rescore(edit_set(scenarios, lambda one: {"rules": SuccessRules(says=((said,),))}))

    assert trace.pseudonyms
    assert trace.outcome.success is False
    (changed,) = report.changed
    assert (changed.by, changed.new.success) == ("replay", True)


async def test_the_replays_of_a_run_have_a_deadline(make_set, play, moves, edit_set, rescore, monkeypatch):
    async def wait(*_, **__):
        await asyncio.Event().wait()

    scenarios = make_set()
    await play(scenarios[:1], moves("I told <EMAIL_1>."), shielded=True)
    monkeypatch.setattr(module, "RUN_SECONDS", 0.05)
    monkeypatch.setattr(module, "play_again", wait)
    with pytest.raises(DeadlineError, match=r"0 of 1 traces that need it were played again"):
        rescore(edit_set(scenarios, lambda one: {}))


async def test_more_than_other_rules_is_left_out_with_the_reason(make_set, play, by_scenario, edit_set, rescore):
    scenarios = make_set()
    await play(scenarios, by_scenario(scenarios))
    report = rescore(edit_set(scenarios[:9], lambda one: {"state": {}} if one.level == "L2" else {}))
    reasons = {one.reason for one in report.left_out}

    assert report.rescored == 7
    assert any("differs from the one that was played in state" in reason for reason in reasons)
    assert any("the set has no scenario" in reason for reason in reasons)


async def test_a_set_of_another_split_grades_no_run(make_set, play, by_scenario, store, rescore):
    scenarios = make_set()
    await play(scenarios, by_scenario(scenarios))
    with pytest.raises(ConflictError, match="has no traces on 'eval' scenarios"):
        rescore(store.get(ScenarioSet, SET).model_copy(update={"split": "eval"}))
