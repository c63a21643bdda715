"""Arguments of a tool call against the tool's JSON Schema.

Invariant: a schema is compiled once, for all calls of a tool.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match


class ArgumentCheck:
    """The compiled schemas of some tools, by their names."""

    def __init__(self) -> None:
        self._validators: dict[str, Draft202012Validator] = {}

    def find_wrong(self, tool: str, schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> str | None:
        """What does not fit, with its place; None where all does."""
        validator = self._validators.get(tool)
        if validator is None:
            validator = self._validators[tool] = Draft202012Validator(dict(schema))
        error = best_match(validator.iter_errors(dict(arguments)))
        if error is None:
            return None
        place = "/".join(str(part) for part in error.absolute_path)
        return f"{place}: {error.message}" if place else str(error.message)
