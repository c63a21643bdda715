"""The order desk, and agents made for a test."""

import pytest

from agent_factory.contracts import ToolCall
from agent_factory.core.recipe import load_recipe
from agent_factory.environment.reference import ReferenceEngine, say


@pytest.fixture(scope="session")
def recipe():
    return load_recipe("support_desk")


@pytest.fixture
def draw(recipe):
    """One scenario of a kind, by the recipe's generator."""
    generate = recipe.load("scenarios:generate")

    def draw_one(level, kind, seed=0, where=lambda scenario: True):
        found = (s for s in generate("train", level, 60, seed) if s.kind == kind and where(s))
        return next(found)

    return draw_one


@pytest.fixture
def replace_part(recipe, monkeypatch):
    """Put another function in the place of one that build.toml names."""
    load = recipe.load

    def replace(target, function):
        monkeypatch.setattr(recipe, "load", lambda asked: function if asked == target else load(asked))

    return replace


class Moves:
    """An engine that plays calls and then answers, whatever it is told."""

    def __init__(self, answer, *calls):
        tool_calls = [ToolCall(id=f"c{i}", name=name, arguments=given) for i, (name, given) in enumerate(calls)]
        self.calls, self.answer = tool_calls, answer

    async def chat(self, request, *, deadline_seconds):
        from agent_factory.contracts import Message
        from agent_factory.environment.reference import to_result

        done = sum(len(message.tool_calls) for message in request.messages)
        if done < len(self.calls):
            return to_result(Message(role="assistant", tool_calls=(self.calls[done],)))
        return say(self.answer)

    async def close(self):
        pass


@pytest.fixture
def moves():
    return Moves


class ByScenario:
    """Plays each scenario's reference solution, told apart by its opening; some openings break it."""

    def __init__(self, scenarios, broken=()):
        self.engines = {s.opening[-1].content: ReferenceEngine(s) for s in scenarios}
        self.broken = {s.opening[-1].content for s in broken}

    async def chat(self, request, *, deadline_seconds):
        text = request.messages[0].content
        if text in self.broken:
            raise RuntimeError("out of memory")
        return await self.engines[text].chat(request, deadline_seconds=deadline_seconds)

    async def close(self):
        pass


@pytest.fixture
def by_scenario():
    return ByScenario
