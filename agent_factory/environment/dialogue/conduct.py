"""What a user does not do: the faults of a simulated user that rules can see.

Seen are: silence; the assistant's part (a tool call, a role's name, an offer of help, the agent's own words
back); a line said before; a text that the persona withholds; a number or an e-mail address that nothing told
them (a fact invented or garbled); and a stop in face of a bare question while they hold what they were asked
for. Not seen are a goal that drifts, a tone, or a fact told wrong in words. Invariant: nothing here looks at
how the agent does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent_factory.contracts.scenario import Persona

_ROLE = re.compile(r"^\W*(?:assistant|agent|system|tool)\s*:|<tool_call>|\"arguments\"\s*:", re.IGNORECASE)
_OFFER = re.compile(
    r"\bhow (?:can|may) i (?:help|assist)\b|\banything else i can (?:help|do)\b|\bas an ai\b", re.IGNORECASE
)
_VALUE = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\d{3,}")
_LONG = 20
"""Characters from which the agent's words back are no coincidence."""


def find_fault(persona: Persona, said: Sequence[str], heard: Sequence[str], line: str) -> str | None:
    """What is wrong with a line, None where nothing is; ``said`` and ``heard`` are what came before, from the opening.

    ``heard`` ends with what the line answers.
    """
    plain = _plain(line)
    if not plain:
        return "says nothing"
    if _ROLE.search(line) or _OFFER.search(line):
        return "talks as the assistant"
    if len(plain) >= _LONG and any(plain == _plain(text) for text in heard):
        return "says the assistant's words back"
    if any(plain == _plain(text) for text in said):
        return "repeats a line"
    told = next((text for text in persona.withholds if text and text.lower() in line.lower()), None)
    if told is not None:
        return f"gives away {told!r}, which it withholds"
    known = {value.lower() for text in (*said, *heard, *_texts(persona)) for value in _VALUE.findall(text)}
    invented = [value for value in _VALUE.findall(line) if value.lower() not in known]
    return f"says {invented[0]!r}, which nothing told it" if invented else None


def find_early_end(persona: Persona, said: Sequence[str], asked: str) -> str | None:
    """What is wrong with stopping in answer to ``asked``: a bare question, and facts that were not told yet."""
    if not is_question(asked):
        return None
    held = [name for name, value in persona.knows.items() if not any(value.lower() in text.lower() for text in said)]
    return f"leaves at a question while it has not told: {', '.join(held)}" if held else None


def is_question(text: str) -> bool:
    """Whether a text asks and does nothing else."""
    sentences = [sentence for sentence in re.split(r"(?<=[.?!])\s+", text.strip()) if sentence]
    return bool(sentences) and all(sentence.endswith("?") for sentence in sentences)


def _texts(persona: Persona) -> tuple[str, ...]:
    return (persona.wants, persona.manner or "", persona.stops_when, *persona.knows.values())


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
