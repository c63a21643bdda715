"""Replay: the same again is identical, whatever was spoiled is found, and another world is refused by name."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from agent_factory.agent.loop import Limits
from agent_factory.contracts import Message, ToolCall
from agent_factory.core.error import NotFoundError
from agent_factory.core.played import Found, find_trace
from agent_factory.core.tracelog import TraceLog
from agent_factory.environment.first_traffic import make_traffic
from agent_factory.environment.reference import to_result
from agent_factory.environment.replay import replay
from agent_factory.environment.replay.origin import Archive
from agent_factory.environment.replay.replay import replay_traces
from agent_factory.environment.world import open_world


@pytest.fixture
def again(store, artifacts, play):
    async def play_again(traces, file=play.file):
        return await replay_traces(Archive(store, artifacts), [Found(trace, file) for trace in traces])

    return play_again


class Predecessor:
    """The recipe's imperfect first agent: every kind of scenario, and failures of its own."""

    def __init__(self, recipe):
        self.chat = recipe.load_part("predecessor")(1).chat

    async def close(self):
        pass


class ByPlaceholder:
    """Looks up whom it was told of and says so, in placeholders, as a model does behind the shield."""

    async def chat(self, request, *, deadline_seconds):
        if request.messages[-1].role == "user":
            call = ToolCall(id="c0", name="find_customer", arguments={"email": "<EMAIL_1>"})
            return to_result(Message(role="assistant", tool_calls=(call,)))
        return to_result(Message(role="assistant", content="I found <EMAIL_1>."))

    async def close(self):
        pass


class Broken:
    """Acts, calls a tool that there is not, and is then ended in one of the ways that an agent can bring on itself."""

    def __init__(self, end):
        self.end = end

    async def chat(self, request, *, deadline_seconds):
        done = sum(len(message.tool_calls) for message in request.messages)
        if done < 2 or self.end == "loop":
            name, given = ("nothing", {}) if done % 2 else ("get_order", {"order_id": 7})
            return to_result(
                Message(role="assistant", tool_calls=(ToolCall(id=f"c{done}", name=name, arguments=given),))
            )
        if self.end == "crash":
            raise RuntimeError("out of memory")
        return to_result(Message(role="assistant", content="and then")).model_copy(update={"finish_reason": self.end})

    async def close(self):
        pass


async def test_scenarios_of_every_kind_come_out_the_same(make_set, play, again, by_scenario, recipe):
    scenarios = make_set(60)
    for engine in (by_scenario(scenarios), Predecessor(recipe)):
        traces = await play(scenarios, engine, samples=2)
        found = await again(traces)

        assert [one.trace for one in found] == [trace.id for trace in traces]
        assert [one for one in found if one.verdict != "identical"] == []
    assert any(scenario.faults for scenario in scenarios), "no fault was injected, so none was replayed"
    assert any(step.error for trace in traces for step in trace.steps)


async def test_what_was_hidden_from_the_model_is_hidden_the_same(make_set, play, again):
    traces = await play(make_set(), ByPlaceholder(), shielded=True)

    assert all(trace.pseudonyms for trace in traces)
    assert any(not step.error and "<EMAIL_" in str(step.action) for trace in traces for step in trace.steps)
    assert {one.verdict for one in await again(traces)} == {"identical"}


@pytest.mark.parametrize("end", ["loop", "length", "malformed", "crash"])
async def test_an_early_end_comes_again(make_set, play, again, end):
    traces = await play(make_set()[:2], Broken(end), limits=Limits(max_steps=5))
    found = await again(traces)

    assert all(trace.failure for trace in traces)
    assert {one.verdict for one in found} == {"identical"}, found
    assert all(("broken off" in (one.reason or "")) == (end == "crash") for one in found)


class Narrow:
    """A world that holds two episodes at once, and counts how many were in it."""

    capacity = 2

    def __init__(self, world):
        self.world, self.inside, self.most = world, 0, 0

    def make(self):
        environment = self.world.make()
        reset, close = environment.reset, environment.close

        async def enter(scenario, seed):
            self.inside += 1
            self.most = max(self.most, self.inside)
            await asyncio.sleep(0)
            await reset(scenario, seed)

        async def leave():
            self.inside -= 1
            await close()

        environment.reset, environment.close = enter, leave
        return environment


async def test_no_more_are_played_at_once_than_the_world_holds(make_set, play, again, by_scenario, monkeypatch):
    scenarios, narrow = make_set(), []

    @asynccontextmanager
    async def open_narrow(*given):
        async with open_world(*given) as world:
            narrow.append(Narrow(world))
            yield narrow[0]

    traces = await play(scenarios, by_scenario(scenarios))
    monkeypatch.setattr(replay, "open_world", open_narrow)

    assert {one.verdict for one in await again(traces)} == {"identical"}
    assert [world.most for world in narrow] == [2]


def spoil_observation(trace):
    last = trace.steps[-1]
    told = last.observation[0].model_copy(update={"content": last.observation[0].content.replace('"', "'", 1)})
    return {"steps": (*trace.steps[:-1], last.model_copy(update={"observation": (told,)}))}


def spoil_reward(trace):
    return {"steps": (trace.steps[0].model_copy(update={"reward": 0.5}), *trace.steps[1:])}


def spoil_error(trace):
    return {"steps": (trace.steps[0].model_copy(update={"error": "get_order: 503 fault"}), *trace.steps[1:])}


def spoil_fault(trace):
    (execution,) = trace.steps[0].executions
    hit = execution.model_copy(update={"injected": "latency"})
    return {"steps": (trace.steps[0].model_copy(update={"executions": (hit,)}), *trace.steps[1:])}


def spoil_changes(trace):
    return {"outcome": trace.outcome.model_copy(update={"changes": {"orders/1/status": "gone"}})}


def spoil_outcome(trace):
    return {"outcome": trace.outcome.model_copy(update={"success": False, "reasons": ("no",)})}


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (spoil_observation, "observation"),
        (spoil_reward, "reward"),
        (spoil_error, "error"),
        (spoil_fault, "injected"),
        (spoil_changes, "outcome"),
        (spoil_outcome, "outcome"),
    ],
)
async def test_a_spoiled_recording_is_found(make_set, play, again, by_scenario, spoil, field):
    scenarios = make_set()
    trace = next(t for t in await play(scenarios, by_scenario(scenarios)) if len(t.steps[0].executions) == 1)
    (found,) = await again([trace.model_copy(update=spoil(trace))])

    assert found.verdict == "different"
    assert [one.field for one in found.differences] == [field]
    assert found.differences[0].diff.startswith("--- recorded\n+++ replayed\n")


async def test_a_step_that_is_missing_is_found(make_set, play, again, by_scenario):
    scenarios = make_set()
    trace = next(t for t in await play(scenarios, by_scenario(scenarios)) if len(t.steps) > 2)
    (found,) = await again([trace.model_copy(update={"steps": trace.steps[:-1]})])

    assert found.verdict == "different"


async def test_another_simulator_is_refused_by_name(make_set, play, again, by_scenario, recipe):
    scenarios = make_set()
    traces = await play(scenarios, by_scenario(scenarios))
    with (recipe.folder / "simulator" / "app.py").open("a") as file:
        file.write("\n# edited\n")
    found = await again(traces)

    assert {one.verdict for one in found} == {"refused"}
    assert "is of an older recipe: of 'support_desk', simulator changed" in found[0].reason


async def test_words_and_bounds_of_a_recipe_change_no_world(make_set, play, again, by_scenario, recipe):
    scenarios = make_set()
    traces = await play(scenarios, by_scenario(scenarios))
    with (recipe.folder / "policy.md").open("a") as file:
        file.write("\nBe kind.\n")

    assert {one.verdict for one in await again(traces)} == {"identical"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"scenario_digest": "0" * 64}, "is of an older recipe: scenario"),
        ({"scenario_digest": None}, "does not say which scenario it played"),
        ({"world": None}, "does not say what world it was played in"),
    ],
)
async def test_another_scenario_is_refused_by_name(make_set, play, again, by_scenario, change, told):
    scenarios = make_set()
    (trace,) = await play(scenarios[:1], by_scenario(scenarios))
    (found,) = await again([trace.model_copy(update={"metadata": {**trace.metadata, **change}})])

    assert (found.verdict, found.differences) == ("refused", ())
    assert told in found.reason


async def test_a_scenario_that_is_gone_and_an_episode_that_never_began_are_refused(make_set, play, again, by_scenario):
    scenarios = make_set()
    (trace,) = await play(scenarios[:1], by_scenario(scenarios))
    gone = trace.model_copy(update={"scenario_id": "gone"})
    empty = trace.model_copy(update={"steps": (), "failure": "deadline: the batch was over"})
    reasons = [one.reason for one in await again([gone, empty])]

    assert "scenario 'gone' is not there any more; looked in the scenario sets: 'desk-train'" in reasons[0]
    assert "has no step to play again: deadline: the batch was over" in reasons[1]


async def test_a_tool_that_changed_is_refused(make_set, play, again, by_scenario):
    scenarios = make_set()
    (trace,) = await play(scenarios[:1], by_scenario(scenarios))
    other = trace.tools[0].model_copy(update={"description": "another"})
    (found,) = await again([trace.model_copy(update={"tools": (other, *trace.tools[1:])})])

    assert found.verdict == "refused"
    assert f"its tools {other.name} are others now, or gone" in found.reason


def test_first_traffic_is_found_in_the_log_and_refused_since_production_names_no_world(
    make_set, store, artifacts, recipe
):
    import asyncio

    traces = make_traffic(recipe, make_set(), ["2026-11-20"], 1)
    TraceLog(store).add(traces)
    found = [find_trace(store, artifacts, "default", trace.id) for trace in traces]
    replays = asyncio.run(replay_traces(Archive(store, artifacts), found))

    assert {one.file for one in found} == {None}
    assert {one.verdict for one in replays} == {"refused"}
    assert "does not say what world it was played in" in replays[0].reason


async def test_a_run_is_found_by_the_id_of_its_trace_in_its_project_alone(
    make_set, play, store, artifacts, by_scenario
):
    scenarios = make_set()
    traces = await play(scenarios, by_scenario(scenarios))

    assert find_trace(store, artifacts, "default", traces[3].id) == Found(traces[3], play.file)
    with pytest.raises(NotFoundError, match="there is no trace"):
        find_trace(store, artifacts, "other", traces[3].id)
    with pytest.raises(NotFoundError):
        find_trace(store, artifacts, "default", f"{traces[3].id}9")
