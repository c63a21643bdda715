"""What a JSON document may be here, so that every reader takes it as it was written.

Invariant: what passes ``require_json`` is the same value after it was written as JSON and read again.
"""

from __future__ import annotations

import math
from typing import Any, cast

from agent_factory.core.error import InputError

NESTING = 64
TOO_DEEP = f"it is nested more than {NESTING} levels deep; send what is deeper as text"


def require_json(place: str, value: Any) -> None:
    """InputError for what JSON text cannot hold, or readers of it refuse; ``value`` is level 1."""
    level: list[Any] = [value]
    depth = 1
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, (dict, list)) and depth > NESTING:
                raise InputError(f"{place}: {TOO_DEEP}")
            if isinstance(item, dict):
                fields = cast(dict[str, Any], item)
                if not all(map(_is_text, fields)):
                    raise InputError(f"{place}: it holds a name that is not Unicode (half a surrogate pair)")
                below.extend(fields.values())
            elif isinstance(item, list):
                below.extend(cast(list[Any], item))
            elif isinstance(item, float) and not math.isfinite(item):
                raise InputError(f"{place}: it holds a number that is not finite ({item}); JSON has none")
        level, depth = below, depth + 1


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
