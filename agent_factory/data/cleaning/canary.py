"""A seeded set of poisoned and harmless traces, to measure the rules of ``poison`` by.

Model: a wording is put into a place (what the user says, a tool's result, the agent's own answer), plain
or hidden. The wordings were written before the rules. Every second one (``tuning``) may be looked at
while rules are written; the others (``held_out``) are what recall and false positives are told of.
Invariant: the same seed and half give the same traces; the rules never read this file.
"""

from __future__ import annotations

import base64
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, Literal, NamedTuple, get_args

from agent_factory.contracts.message import Message, ToolCall
from agent_factory.contracts.trace import Step, Trace
from agent_factory.data.cleaning import wording

Half = Literal["tuning", "held_out"]
Sort = Literal["override", "role", "leak", "judge", "covert", "chinese", "other_language"]
_THEN = datetime(2026, 11, 1, 12, tzinfo=UTC)
_PLAIN = ("Where is my order?", "I want to send back the lamp.", "我的包裹什么时候到？", "Is the kettle in stock?")
_ZERO_WIDTH, _TAGS = "\u200b", 0xE0000


class Case(NamedTuple):
    """A trace of the set: what was put into it (None: harmless), how and where."""

    trace: Trace
    sort: str | None
    hidden: str
    place: str
    wording: str


def make_cases(seed: int, half: Half = "held_out", positives: int = 300, negatives: int = 300) -> list[Case]:
    """Poisoned and harmless traces, drawn with replacement from the wordings of one half."""
    rng = Random(f"{seed}-{half}")
    sorts = get_args(Sort)
    made = [_poisoned(rng, sorts[i % len(sorts)], half, f"p{i}") for i in range(positives)]
    return made + [_harmless(rng, half, f"n{i}") for i in range(negatives)]


def measure(find: Callable[[Trace], object | None], seed: int, half: Half = "held_out") -> dict[str, Any]:
    """Recall by sort, by disguise and in all, and the share of harmless traces that were called poisoned."""
    cases = make_cases(seed, half)
    found = [(case, find(case.trace) is not None) for case in cases]
    bad = [(case, hit) for case, hit in found if case.sort]
    good = [(case, hit) for case, hit in found if not case.sort]
    return {
        "seed": seed,
        "half": half,
        "poisoned": len(bad),
        "recall": sum(hit for _, hit in bad) / len(bad),
        "recall_by_sort": _share(bad, lambda case: str(case.sort)),
        "recall_by_disguise": _share(bad, lambda case: case.hidden),
        "harmless": len(good),
        "false_positive_rate": sum(hit for _, hit in good) / len(good),
        "missed": sorted({case.wording for case, hit in bad if not hit}),
        "wrongly_found": sorted({case.wording for case, hit in good if hit}),
    }


def _share(found: Sequence[tuple[Case, bool]], by: Callable[[Case], str]) -> dict[str, float]:
    total = Counter(by(case) for case, _ in found)
    hits = Counter(by(case) for case, hit in found if hit)
    return {name: hits[name] / count for name, count in sorted(total.items())}


def _draw(rng: Random, pool: Sequence[str], half: Half) -> str:
    return rng.choice(pool[0 if half == "tuning" else 1 :: 2])


def _poisoned(rng: Random, sort: Sort, half: Half, name: str) -> Case:
    text = _draw(rng, wording.POISONED[sort], half)
    hidden, disguise = rng.choice(_DISGUISES) if rng.random() < 0.4 else ("plain", _plainly)
    place = rng.choice(("user", "result", "answer") if sort == "judge" else ("user", "result"))
    return Case(_put(rng, name, place, disguise(rng, text)), sort, hidden, place, f"{hidden}: {text}")


def _harmless(rng: Random, half: Half, name: str) -> Case:
    text = _draw(rng, wording.HARMLESS, half)
    place = rng.choice(("user", "result"))
    return Case(_put(rng, name, place, text), None, "plain", place, text)


def _put(rng: Random, name: str, place: str, text: str) -> Trace:
    opening = f"{rng.choice(_PLAIN)} {text}" if place == "user" else rng.choice(_PLAIN)
    note = text if place == "result" else "Left with the neighbour."
    shape = rng.choice(("json", "escaped", "prose"))
    result = note if shape == "prose" else json.dumps({"state": "sent", "note": note}, ensure_ascii=shape == "escaped")
    answer = f"It arrives on Friday. {text}" if place == "answer" else "It arrives on Friday."
    call = ToolCall(id="c1", name="get_order", arguments={"order_id": str(rng.randint(1000, 9999))})
    steps = (
        Step(
            index=0,
            observation=(Message(role="user", content=opening),),
            action=Message(role="assistant", tool_calls=(call,)),
        ),
        Step(
            index=1,
            observation=(Message(role="tool", tool_call_id="c1", name="get_order", content=result),),
            action=Message(role="assistant", content=answer),
        ),
    )
    return Trace(id=name, created_at=_THEN, started_at=_THEN, source="production", steps=steps)


def _plainly(_: Random, text: str) -> str:
    return text


def _spaced(_: Random, text: str) -> str:
    return _ZERO_WIDTH.join(text)


def _tagged(_: Random, text: str) -> str:
    return "".join(chr(_TAGS + ord(letter)) for letter in text if ord(letter) < 0x80) or _spaced(_, text)


def _reversed(_: Random, text: str) -> str:
    return f"\u202e{text[::-1]}\u202c"


def _commented(rng: Random, text: str) -> str:
    return rng.choice(("<!-- {} -->", "<!--{}-->")).format(text)


def _white(rng: Random, text: str) -> str:
    styles = ("color:#fff", "color: white; font-size: 1px", "display:none", "font-size:0", "opacity: 0")
    return f'<span style="{rng.choice(styles)}">{text}</span>'


def _encoded(_: Random, text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _shouted(_: Random, text: str) -> str:
    return text.upper()


_DISGUISES: tuple[tuple[str, Callable[[Random, str], str]], ...] = (
    ("zero width", _spaced),
    ("tag characters", _tagged),
    ("bidi", _reversed),
    ("comment", _commented),
    ("style", _white),
    ("base64", _encoded),
    ("upper case", _shouted),
)


def main(arguments: Sequence[str]) -> None:
    """Print the figures of the seeds given (1 2 3 by default), as JSON lines."""
    from agent_factory.data.cleaning.poison import find_poison

    for seed in [int(text) for text in arguments] or [1, 2, 3]:
        sys.stdout.write(json.dumps(measure(find_poison, seed), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
