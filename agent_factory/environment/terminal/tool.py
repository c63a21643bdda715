"""What an agent does at a terminal: look, type, press, wait.

Invariant: each tool answers with the screen as it stands afterwards.
"""

from __future__ import annotations

from typing import Any

from agent_factory.contracts.message import Tool
from agent_factory.environment.terminal.key import KEYS

MOST_TYPED = 2000
MOST_WAITED = 5


def _tool(name: str, description: str, required: tuple[str, ...] = (), **properties: Any) -> Tool:
    parameters: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return Tool(name=name, description=description, parameters={**parameters, "required": list(required)})


TOOLS = (
    _tool("terminal_screen", "Look at the screen."),
    _tool(
        "terminal_type",
        "Type text; with submit, press Enter after it.",
        ("text",),
        text={"type": "string", "minLength": 1, "maxLength": MOST_TYPED, "pattern": r"^[^\x00-\x1f\x7f]*$"},
        submit={"type": "boolean", "default": False},
    ),
    _tool(
        "terminal_press",
        "Press a key, once or several times.",
        ("key",),
        key={"type": "string", "enum": list(KEYS)},
        times={"type": "integer", "minimum": 1, "maximum": 50, "default": 1},
    ),
    _tool(
        "terminal_wait",
        "Wait until the screen changes, for so many seconds at most.",
        ("seconds",),
        seconds={"type": "number", "exclusiveMinimum": 0, "maximum": MOST_WAITED},
    ),
)
