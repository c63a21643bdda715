"""What people, tools and models said in a kept record, apart from what the factory calls it.

Invariant: names of fields, keys of JSON (also of JSON that stands in a text), ids that the factory reads, clocks in
fields of ours, whatever they are called, and placeholders are no values. What cannot be taken apart is a value as a
whole. ``fold`` gives one spelling for what looks alike, to a subject as to what is searched for it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from agent_factory.privacy.document import load_json, split_json
from agent_factory.privacy.label import PLACEHOLDER
from agent_factory.privacy.traditional import simplify

_OPEN = frozenset(["answer", "arguments", "changes", "metadata", "world"])
"""Fields of records that hold anything: what stands in them is no field of ours, whatever it is called."""
_LEFT_OUT = frozenset(["executions", "keys", "pseudonyms", "tokens", "tools"])
# fmt: off
_OWN_WORDS = frozenset([
    "agent", "build", "call_id", "choice", "cluster", "created_at", "day", "deployment", "digest", "expires_at",
    "fault", "first", "graded_by", "id", "item", "kind", "method", "model", "policy_violations", "project",
    "prompt_version", "quarantine_path", "recipe", "request_digest", "role", "runner", "scenario_id", "second",
    "session", "session_id", "source", "started_at", "state", "task", "tool_call_id", "trace", "trace_id",
    "trace_ids", "traces", "updated_at", "verdict",
])
# fmt: on
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")
FIELDS = _OPEN | _LEFT_OUT | _OWN_WORDS
"""Names of fields of records."""
_UNSEEN = re.compile("[\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]")
_MARK = re.compile("[\u0300-\u036f]+")
_PART = "\0"  # no name, number or address goes across it


def fold(text: str) -> str:
    """The text without what is not seen and without accents, Chinese in simplified characters."""
    if text.isascii():
        return text
    plain = _MARK.sub("", unicodedata.normalize("NFKD", _UNSEEN.sub("", text)))
    return simplify(unicodedata.normalize("NFC", plain))


def read_values(body: str) -> str:
    """The values of a record's JSON, folded, with a NUL between each two."""
    try:
        record: Any = json.loads(body)
    except (ValueError, RecursionError):  # kept by something else, or too deep: then all of it is looked at
        return PLACEHOLDER.sub(_PART, fold(body))
    return PLACEHOLDER.sub(_PART, fold(_PART.join(_list_texts(record))))


def _list_texts(record: Any) -> Iterator[str]:
    """Texts and numbers in the order of a stack, not of recursion: how deep a value is says nothing of its reader."""
    waiting: list[tuple[Any, bool]] = [(record, False)]
    while waiting:
        value, is_open = waiting.pop()
        if isinstance(value, dict):
            waiting += [(item, is_open or key in _OPEN) for key, item in value.items() if is_open or _tells(value, key)]
        elif isinstance(value, list):
            waiting += [(item, is_open) for item in value]
        elif isinstance(value, str):
            if not is_open and _INSTANT.fullmatch(value):
                continue
            document = load_json(value) if "{" in value or "[" in value else None
            if document is not None:
                waiting.append((document, True))
                continue
            for piece, found in split_json(value) if "{" in value else [(value, None)]:
                if found is None:
                    yield piece
                else:
                    waiting.append((found, True))
        elif isinstance(value, int | float) and not isinstance(value, bool) and is_open:
            yield str(value)


def _tells(part: dict[str, Any], key: str) -> bool:
    """Whether a field of ours holds what somebody said; a tool's name is none, the name of who speaks is one."""
    if key == "name":
        return "arguments" not in part and part.get("role") != "tool"
    return key not in _OWN_WORDS and key not in _LEFT_OUT
