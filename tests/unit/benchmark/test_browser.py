"""The figure of MiniWoB's tasks counts those whose page tells a reward, and no others."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from agent_factory.agent.toolbox import ToolResult
from agent_factory.contracts import Message
from benchmarks import browser


class Clock:
    """A page's clock: its time-out is the page's own end, unless the page is mute."""

    def __init__(self, *, mute):
        self.mute, self.over = mute, False

    async def fast_forward(self, milliseconds):
        self.over = not self.mute


class Task:
    """A task that no action ends; as the environment tells it after the next step."""

    def __init__(self, *, mute):
        self.clock = Clock(mute=mute)
        self._stay = SimpleNamespace(page=SimpleNamespace(clock=self.clock))
        self.reward = None

    async def reset(self, scenario, seed):
        pass

    async def step(self, call, deadline_seconds):
        self.reward = -1.0 if self.clock.over else None
        return ToolResult(Message(role="tool", tool_call_id="c", name=call.name, content=""), None)

    async def state(self):
        return {"done": self.reward is not None, "reward": self.reward}

    async def close(self):
        pass


@pytest.mark.parametrize(("mute", "played"), [(False, 2), (True, 0)])
def test_a_task_whose_page_tells_no_reward_does_not_count(monkeypatch, mute, played):
    @asynccontextmanager
    async def open_fake():
        yield SimpleNamespace(make=lambda: Task(mute=mute))

    async def make(world, package, tasks, seeds):
        return [SimpleNamespace(id=task) for task in tasks]

    monkeypatch.setattr(browser, "_open", open_fake)
    monkeypatch.setattr(browser, "_make", make)
    figure = asyncio.run(browser._measure_tasks(SimpleNamespace(tasks=("a", "b"))))

    assert figure.ours == played
