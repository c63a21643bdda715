"""Dictionaries as Python prints them, which logs and tools write in place of JSON.

Model: the text from a brace to the one that closes it, strings passed over; what Python's own reader makes of it
as JSON has it (tuples are lists, keys are texts). Nothing is evaluated but literals.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any

_TOKEN = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|[{}\[\]()]""")
_BEGIN = re.compile(r"""[\[({\s]*(?:\{\s*'(?:[^'\\\n]|\\.)*'\s*:|'(?:[^'\\\n]|\\.)*'\s*[,\]])""")
_DEEPEST, _LONGEST = 100, 1_000_000


def is_python(text: str) -> bool:
    """Whether a text that was read as JSON is Python: it begins with a text in single quotes."""
    return _BEGIN.match(text) is not None


def read_python(text: str, begin: int) -> tuple[Any, int] | None:
    """The dictionary or list that begins at ``begin`` and where it ends; None where it is none."""
    if _BEGIN.match(text, begin) is None:
        return None
    end = _find_end(text, begin)
    if end is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes, as in paths
            value = ast.literal_eval(text[begin:end])
        told = json.loads(json.dumps(value, allow_nan=False))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):  # no literal, or none that JSON has
        return None
    return (told, end) if isinstance(told, dict | list) else None


def _find_end(text: str, begin: int) -> int | None:
    depth = 0
    for token in _TOKEN.finditer(text, begin, begin + _LONGEST):
        if token[0] in "{[(":
            depth += 1
        elif token[0] in "}])":
            depth -= 1
        if depth > _DEEPEST:
            return None
        if depth == 0:
            return token.end()
    return None
