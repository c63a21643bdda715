"""A small package in the shape of miniwob: one task, its core. Written for tests."""

import pytest

from agent_factory.contracts import Message, Scenario, Solution, SuccessRules
from agent_factory.core import clock


@pytest.fixture
def folder(tmp_path):
    html = tmp_path / "miniwob" / "html"
    (html / "miniwob").mkdir(parents=True)
    (html / "core").mkdir()
    (html / "core" / "core.js").write_text("var core = {};")
    (html / "miniwob" / "press.html").write_text('<script src="../core/core.js"></script><button>Press</button>')
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path


@pytest.fixture
def scenario():
    def make(**state):
        return Scenario(
            id="s1",
            created_at=clock.now(),
            recipe="r",
            level="L1",
            kind="press",
            template="press",
            split="train",
            seed=3,
            opening=(Message(role="user", content="Press."),),
            tools=(),
            state={"task": "press", "seed": 3, "utterance": "Press.", **state},
            rules=SuccessRules(state={"done": True, "reward": 1.0}),
            solution=Solution(calls=(), answer="Done."),
        )

    return make
