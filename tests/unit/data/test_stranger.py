"""What is not known here of arriving traces: told with counts, bounded, and flagged by cleaning."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_factory.contracts import Message, Step, ToolCall, Trace
from agent_factory.core.settings import CHECKOUT
from agent_factory.data.stranger import Roll, find_stranger, known_tools

THEN = datetime(2026, 11, 1, 12, tzinfo=UTC)


def make(recipe: str | None, *tools: str) -> Trace:
    calls = tuple(ToolCall(id=f"c{i}", name=name, arguments={}) for i, name in enumerate(tools))
    step = Step(index=0, observation=(), action=Message(role="assistant", content="?", tool_calls=calls))
    return Trace(id="t", created_at=THEN, started_at=THEN, source="import", recipe=recipe, steps=(step,))


def test_recipes_and_tools_that_are_not_known_are_counted_by_event() -> None:
    roll = Roll()
    known = make("support_desk", "get_order", "cancel_order")
    foreign = make("travel_desk", "book")
    odd = make("support_desk", "get_order", "fly", "fly", "swim")
    roll.add([known, make(None, "anything"), foreign, foreign, odd])
    found = roll.tell()
    assert [(n.kind, n.recipe, n.tool, n.events) for n in found.listed] == [
        ("unknown_recipe", "travel_desk", None, 2),
        ("unknown_tool", "support_desk", "fly", 1),
        ("unknown_tool", "support_desk", "swim", 1),
    ]
    assert "recipe 'travel_desk' is not known here" in found.listed[0].message
    assert "recipe 'support_desk' has no tool 'fly'" in found.listed[1].message
    assert found.left_out == 0


def test_the_list_is_bounded_and_the_rest_counted_over_all_parts() -> None:
    part, whole = Roll(), Roll()
    part.add(make(f"r{number}") for number in range(50))
    told = part.tell()
    assert (len(told.listed), told.left_out) == (20, 30)
    whole.take(told)
    whole.take(told)
    assert [notice.events for notice in whole.tell().listed] == [2] * 20
    assert whole.tell().left_out == 60


def test_an_edited_file_is_read_again_and_a_broken_one_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    assert known_tools("desk", tmp_path) is None
    (folder / "build.toml").write_text("")
    text = (CHECKOUT / "recipes" / "support_desk" / "openapi.yaml").read_text()
    file = folder / "openapi.yaml"
    file.write_text(text)
    assert "get_order" in (known_tools("desk", tmp_path) or ())
    file.write_text(text.replace("operationId: get_order", "operationId: read_order"))
    os.utime(file, ns=(1, 1))
    assert "read_order" in (known_tools("desk", tmp_path) or ())
    file.write_text("a: [")
    os.utime(file, ns=(2, 2))
    roll = Roll(tmp_path)
    roll.add([make("desk", "get_order")])
    assert [notice.kind for notice in roll.tell().listed] == ["unreadable_recipe"]


@pytest.mark.parametrize(
    ("trace", "told"),
    [
        (make("support_desk", "fly"), "recipe 'support_desk' has no tool fly in its openapi.yaml"),
        (make("support_desk", "a", "b", "c", "d", "e"), "recipe 'support_desk' has no tool a, b, c and 2 more in its"),
        (make("support_desk", "get_order"), None),
        (make("travel_desk", "fly"), None),
        (make(None, "fly"), None),
    ],
)
def test_cleaning_flags_a_call_of_what_the_recipe_does_not_have(trace: Trace, told: str | None) -> None:
    found = find_stranger(trace)
    assert (found is None) == (told is None)
    if found is not None and told is not None:
        assert (found.verdict, found.rule) == ("flagged", "unknown_tool")
        assert found.reason.startswith(told)
