"""Live sessions: what the user said is played again in the world of demo_state, or the trace is refused with why."""

import pytest

from agent_factory.contracts import DataWindow, Message, Reply, Scenario, SuccessRules
from agent_factory.contracts.scenario import Solution
from agent_factory.contracts.session import Heard, SessionMemory
from agent_factory.core import clock
from agent_factory.core.order import make_build_spec
from agent_factory.core.played import Found
from agent_factory.core.recipe import load_recipe
from agent_factory.environment.replay.origin import Archive
from agent_factory.environment.replay.replay import replay_traces
from agent_factory.environment.rollout import run_episodes

SAID = ("Can you cancel an order? My e-mail is anna.berg@example.com.", "Order 4417.")


@pytest.fixture
def build(store, recipe):
    window = DataWindow(first_day="2026-10-29", last_day="2026-10-31")
    spec = make_build_spec("support_desk", "default", window, build_id="b1")
    store.put(spec)
    return spec


@pytest.fixture
def talk(recipe, build, moves):
    """A session's trace of two turns, as the runtime keeps it."""

    async def run(shielded):
        first = {"role": "user", "content": SAID[0]}
        world = Scenario(
            id="s",
            created_at=clock.now(),
            recipe=recipe.name,
            level="L1",
            kind="session",
            template="session",
            split="train",
            seed=0,
            opening=(Message(**first),),
            replies=(Reply(asks="", says=SAID[1]),),
            tools=tuple(sorted(recipe_tools(recipe))),
            state=recipe.load_part("demo_state")(),
            rules=SuccessRules(),
            solution=Solution(calls=(), answer=""),
        )
        engine = moves("Done.", ("find_customer", {"email": "<EMAIL_1>" if shielded else "anna.berg@example.com"}))
        (trace,) = await run_episodes([world], recipe, engine, "M2", shielded=shielded)
        kept = {"id": "s-2", "source": "production", "session_id": "s", "scenario_id": None, "build": build.id}
        return trace.model_copy(update={**kept, "outcome": None, "metadata": {"turn": 2}})

    return run


def recipe_tools(recipe):
    from agent_factory.agent.openapi import read_tools

    return read_tools(recipe.openapi, "openapi.yaml").operations


@pytest.fixture
def again(store, artifacts):
    async def replay(trace):
        return (await replay_traces(Archive(store, artifacts), [Found(trace, None)]))[0]

    return replay


def remember(store, *said):
    heard = tuple(Heard(method="message", text=text) for text in said)
    store.put(SessionMemory(id="s-memory", created_at=clock.now(), session="s", heard=heard), replace=True)


async def test_a_session_is_played_again_with_what_it_remembers(talk, again, store):
    trace = await talk(shielded=True)
    remember(store, *SAID)

    assert trace.pseudonyms
    assert (await again(trace)).verdict == "identical"


async def test_a_closed_session_is_played_again_only_where_nothing_was_personal(talk, again, store):
    hidden = await talk(shielded=True)
    remember(store)

    found = await again(hidden)
    assert found.verdict == "refused"
    assert "what was personal in it is erased" in found.reason
    assert (await again((await talk(shielded=False)).model_copy(update={"pseudonyms": {}}))).verdict == "identical"


async def test_what_cannot_be_played_is_named(talk, again, store, build, recipe):
    trace = await talk(shielded=False)
    failed = trace.steps[0].model_copy(
        update={"error": "length: cut off", "action": Message(role="assistant", content="x")}
    )
    reasons = {
        "a call whose end is not known": {"failure": "interrupted: get_order was called", "fault": "engine"},
        "its build 'b9' is not known": {"build": "b9"},
        "failed, and was taken up again": {"steps": (failed, trace.steps[-1].model_copy(update={"index": 1}))},
    }
    spoken = Message(role="user", content="again")
    steps = reasons["failed, and was taken up again"]["steps"]
    reasons["failed, and was taken up again"]["steps"] = (
        steps[0],
        steps[1].model_copy(update={"observation": (spoken,)}),
    )
    for told, change in reasons.items():
        found = await again(trace.model_copy(update=change))
        assert found.verdict == "refused"
        assert told.replace("a call whose end is not known", "interrupted") in found.reason
    live = build.model_copy(update={"settings": {**build.settings, "runtime": {"tools_url": "http://shop.test"}}})
    store.put(live, replace=True)
    assert "a live service answered its tools" in (await again(trace)).reason
    store.put(build, replace=True)
    with (recipe.folder / "policy.md").open("a") as file:
        file.write("\nBe kind.\n")
    assert load_recipe("support_desk").digest != build.recipe_digest
    assert "it is of an older recipe" in (await again(trace)).reason
