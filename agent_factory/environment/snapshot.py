"""What an object in process holds, as the JSON that ``Environment.state`` tells.

Invariant: equal values give equal JSON whatever was built in which order, keys hold no ``/``, and an empty
object is told, or nobody would see it appear.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from agent_factory.contracts.record import Json
from agent_factory.core.error import ToolError

Describe = Callable[[Any], Any]


def to_json(value: Any, describe: Describe = str) -> Any:
    """A value as JSON; ``describe`` tells what JSON has no word for. Sets are sorted, NaN and infinity are text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, Mapping):
        return to_object(value, describe)
    if isinstance(value, list | tuple):
        return [to_json(item, describe) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((to_json(item, describe) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return describe(value)


def to_object(value: Mapping[Any, Any], describe: Describe = str) -> Json:
    """A mapping, its keys as text escaped as in a JSON pointer; ToolError where two are the same as text."""
    keys = [str(key).replace("~", "~0").replace("/", "~1") for key in value]
    if len(set(keys)) < len(keys):
        raise ToolError(f"a state has keys that are the same as text: {list(value)!r}")
    return {key: to_json(item, describe) for key, item in zip(keys, value.values(), strict=True)} or {"~empty": True}
