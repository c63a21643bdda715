"""The Gymnasium view: by Gymnasium's own checker, and by a scenario's reference solution."""

import json
import threading

import pytest

from agent_factory.contracts import Message
from agent_factory.core.error import ConflictError, InputError, NotFoundError, WorkerError

gymnasium = pytest.importorskip("gymnasium", reason="the extra 'gymnasium' is not installed")
NAME = "agent_factory.environment.interop.scenario_env:agent_factory/Scenario-v0"


@pytest.fixture
def env():
    env = gymnasium.make(NAME, count=25, disable_env_checker=True)
    yield env
    env.close()


def act(env, **message):
    return env.step(json.dumps(Message(role="assistant", **message).to_wire()))


def play(env, scenario):
    """Play the reference solution; the last step."""
    _, info = env.reset(seed=1, options={"scenario": scenario.id})
    assert info["scenario"] == scenario.id
    if scenario.solution.asks is not None:
        said, reward, *_ = act(env, content=scenario.solution.asks)
        assert (json.loads(said)[0]["role"], reward) == ("user", 0.0)
    for call in scenario.solution.calls:
        said, reward, terminated, _, _ = act(env, tool_calls=(call,))
        assert (json.loads(said)[0]["tool_call_id"], reward, terminated) == (call.id, 0.0, False)
    return act(env, content=scenario.solution.answer)


def test_gymnasium_finds_no_fault_with_it(env):
    from gymnasium.utils.env_checker import check_env

    check_env(env.unwrapped, skip_render_check=True)


def test_reference_solutions_are_rewarded_and_doing_nothing_is_not(env):
    for scenario in env.unwrapped.scenarios:
        _, reward, terminated, truncated, info = play(env, scenario)
        assert (reward, terminated, truncated, info["outcome"]["success"]) == (1.0, True, False, True)
    env.reset(seed=1)
    assert act(env, content="I am sorry.")[1] == 0.0


def test_the_seed_chooses_the_scenario_and_the_opening_says_what_may_be_called(env):
    first, info = env.reset(seed=3)
    assert env.reset(seed=3) == (first, info)
    assert len({env.reset(seed=seed)[1]["scenario"] for seed in range(12)}) > 4
    assert json.loads(first)[-1]["role"] == "user"
    assert info["tools"][0]["type"] == "function"


@pytest.mark.parametrize("action", ["", "hello", "{}", '{"role":"user","content":"hi"}', "[1]", '"x"', "{" * 5000])
def test_an_action_that_is_no_message_fails_the_episode(env, action):
    env.reset(seed=1)
    _, reward, terminated, truncated, info = env.step(action)
    assert (reward, terminated, truncated) == (0.0, True, False)
    assert info["outcome"]["reasons"][0].startswith("malformed")
    with pytest.raises(ConflictError, match="reset first"):
        env.step(action)


def test_endless_calls_are_truncated(env):
    scenario = env.unwrapped.scenarios[0]
    env.reset(options={"scenario": scenario.id})
    ends = [act(env, tool_calls=scenario.solution.calls[:1])[2:4] for _ in range(12)]
    assert ends == [(False, False)] * 11 + [(False, True)]


def test_what_is_not_there_is_refused(env):
    with pytest.raises(NotFoundError, match="no scenario 'x'"):
        env.reset(options={"scenario": "x"})
    with pytest.raises(InputError, match="options has 'level'"):
        env.reset(options={"level": 1})
    with pytest.raises(InputError, match="no kind of environment 'nowhere'"):
        gymnasium.make(NAME, kind="nowhere")


def test_closed_it_leaves_no_thread_and_says_so():
    before = threading.active_count()
    env = gymnasium.make(NAME, count=5).unwrapped
    env.reset(seed=1)
    assert threading.active_count() == before + 1
    env.close()
    env.close()
    assert threading.active_count() == before
    with pytest.raises(WorkerError, match="closed"):
        env.reset(seed=1)
