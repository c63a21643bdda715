"""A trace as a timeline: each step with what was heard, said, called and answered, in bounded size.

Invariants: what is shown holds no personal data that the trace's own shield or this home's redaction finds; one
page has at most ``PAGE_STEPS`` steps and ``PAGE_CHARACTERS`` of text, and says where it was cut; characters that
would turn the text around or hide in it are written out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from agent_factory.contracts.message import Message, ToolCall
from agent_factory.contracts.trace import Step, ToolExecution, Trace

PAGE_STEPS = 100
PAGE_CHARACTERS = 600_000
TEXT_CHARACTERS = 12_000
_MANY = 40
_LONG_CHARACTERS, _LONG_LINES = 700, 14
_SPENT_CHARACTERS = 80
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_SCREENSHOT = re.compile(r"projects/([^/]+)/screenshots/([0-9a-f]{64})\.png")


class Text(NamedTuple):
    """A text as shown: ``structured`` where it is JSON, ``long`` where it is folded, ``cut`` is what is left out."""

    text: str
    structured: bool = False
    long: bool = False
    cut: int = 0


class Heard(NamedTuple):
    """A message that is no result of the step before."""

    title: str
    role: str
    text: Text


class Call(NamedTuple):
    """A tool call with its result; ``share`` is of the longest time on the page."""

    name: str
    arguments: Text
    result: Text | None
    failed: bool
    seconds: float | None
    share: float
    injected: str | None
    screenshot: str | None


class StepView(NamedTuple):
    """A step; ``differs`` names what is another in the trace beside it."""

    number: int
    heard: tuple[Heard, ...]
    said: Text | None
    calls: tuple[Call, ...]
    more: int
    reward: float | None
    error: str | None
    tokens: str | None
    cost: float | None
    seconds: float | None
    share: float
    differs: frozenset[str]


class Timeline(NamedTuple):
    """Steps ``first`` to ``last`` of a trace, what nobody has read yet, and the sums over all of it."""

    steps: tuple[StepView, ...]
    closing: tuple[Heard, ...]
    first: int
    total: int
    model_seconds: float | None
    tool_seconds: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None
    reward: float | None


class _Clip:
    """Cuts texts, and cuts them short when the page has enough."""

    def __init__(self) -> None:
        self._left = PAGE_CHARACTERS

    def show(self, text: str, structured: bool = False) -> Text:
        """The text as it is shown."""
        if len(text) <= TEXT_CHARACTERS and not structured:
            pretty = _pretty(text)
            structured, text = pretty is not None, pretty or text
        limit = min(TEXT_CHARACTERS, max(self._left, _SPENT_CHARACTERS))
        kept = text[:limit]
        self._left -= len(kept)
        long = len(kept) > _LONG_CHARACTERS or kept.count("\n") > _LONG_LINES
        return Text(spell_out(kept), structured, long, len(text) - len(kept))

    def json(self, value: object) -> Text:
        """A JSON value as it is shown."""
        return self.show(json.dumps(value, indent=2, ensure_ascii=False), True)


def draw_timeline(trace: Trace, project: str, first: int = 0, beside: Trace | None = None) -> Timeline:
    """A page of the trace's timeline from step ``first`` on; differences to the trace ``beside`` are marked by step."""
    chosen = trace.steps[first : first + PAGE_STEPS]
    clip, longest = _Clip(), max((max(_times(step), default=0.0) for step in chosen), default=0.0)
    steps = tuple(_draw_step(trace, step, clip, longest, project, beside) for step in chosen)
    answered = {call.id for call in trace.steps[-1].action.tool_calls} if trace.steps else set[str]()
    closing = tuple(_hear(message, clip) for message in trace.closing if message.tool_call_id not in answered)
    executions = [one.latency_seconds for step in trace.steps for one in step.executions]
    usage = [step.usage for step in trace.steps if step.usage is not None]
    return Timeline(
        steps=steps,
        closing=closing[:_MANY],
        first=first,
        total=len(trace.steps),
        model_seconds=_sum([step.latency_seconds for step in trace.steps]),
        tool_seconds=_sum(executions),
        prompt_tokens=sum(one.prompt_tokens for one in usage) if usage else None,
        completion_tokens=sum(one.completion_tokens for one in usage) if usage else None,
        cost=_sum([step.cost for step in trace.steps]),
        reward=_sum([step.reward for step in trace.steps]),
    )


def spell_out(text: str) -> str:
    """Text in which characters that hide or turn others around are written as their code."""
    return _HIDDEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)


def find_screenshot(path: str | None, project: str) -> str | None:
    """The digest by which the page asks for a screenshot; None where it is none of the project's."""
    found = _SCREENSHOT.fullmatch(path or "")
    return found[2] if found and found[1] == project else None


def _draw_step(trace: Trace, step: Step, clip: _Clip, longest: float, project: str, beside: Trace | None) -> StepView:
    asked = _calls_before(trace, step.index)
    heard = [message for message in step.observation if message.tool_call_id not in asked]
    executions = {one.call_id: one for one in step.executions}
    results = _results_of(trace, step)
    calls = step.action.tool_calls[:_MANY]
    usage = step.usage
    return StepView(
        number=step.index,
        heard=tuple(_hear(message, clip) for message in heard[:_MANY]),
        said=clip.show(step.action.content) if step.action.content else None,
        calls=tuple(
            _draw_call(call, results.get(call.id), executions.get(call.id), step, clip, longest, project)
            for call in calls
        ),
        more=max(0, len(heard) - _MANY) + len(step.action.tool_calls) - len(calls),
        reward=step.reward,
        error=step.error and spell_out(step.error[:TEXT_CHARACTERS]),
        tokens=f"{usage.prompt_tokens:,} + {usage.completion_tokens:,}" if usage else None,
        cost=step.cost,
        seconds=step.latency_seconds,
        share=(step.latency_seconds or 0.0) / longest if longest else 0.0,
        differs=_find_differing(trace, step, beside),
    )


def _draw_call(
    call: ToolCall,
    result: Message | None,
    execution: ToolExecution | None,
    step: Step,
    clip: _Clip,
    longest: float,
    project: str,
) -> Call:
    seconds = execution and execution.latency_seconds
    return Call(
        name=spell_out(call.name[:200]),
        arguments=clip.json(call.arguments),
        result=clip.show(result.content or "") if result is not None else None,
        failed=step.error is not None and f"{call.name}: " in step.error,
        seconds=seconds,
        share=(seconds or 0.0) / longest if longest else 0.0,
        injected=execution and execution.injected and spell_out(execution.injected),
        screenshot=find_screenshot(execution and execution.screenshot, project),
    )


def _hear(message: Message, clip: _Clip) -> Heard:
    title = {"user": "User", "system": "System", "tool": f"Result of {message.name or 'a tool'}"}.get(
        message.role, "Agent"
    )
    return Heard(spell_out(title[:200]), message.role, clip.show(message.content or ""))


def _calls_before(trace: Trace, index: int) -> set[str]:
    return {call.id for call in trace.steps[index - 1].action.tool_calls} if index else set()


def _results_of(trace: Trace, step: Step) -> dict[str, Message]:
    """The tools' messages that answer this step, by the id of the call; ids may be used again in other steps."""
    after = step.index + 1
    told = trace.steps[after].observation if after < len(trace.steps) else trace.closing
    return {message.tool_call_id: message for message in told if message.tool_call_id}


def _find_differing(trace: Trace, step: Step, beside: Trace | None) -> frozenset[str]:
    if beside is None:
        return frozenset()
    if step.index >= len(beside.steps):
        return frozenset({"step"})
    other = beside.steps[step.index]
    pairs = {
        "heard": (_texts(step.observation), _texts(other.observation)),
        "said": (step.action.content, other.action.content),
        "calls": (_call_texts(step), _call_texts(other)),
        "results": (_result_texts(trace, step), _result_texts(beside, other)),
        "reward": (step.reward, other.reward),
        "error": (step.error, other.error),
    }
    return frozenset(name for name, (one, two) in pairs.items() if one != two)


def _texts(messages: Sequence[Message]) -> list[str | None]:
    return [message.content for message in messages if message.role != "tool"]


def _call_texts(step: Step) -> list[tuple[str, object]]:
    return [(call.name, call.arguments) for call in step.action.tool_calls]


def _result_texts(trace: Trace, step: Step) -> list[str | None]:
    return [message.content for message in _results_of(trace, step).values()]


def _times(step: Step) -> list[float]:
    return [step.latency_seconds or 0.0, *(one.latency_seconds for one in step.executions)]


def _sum(values: Sequence[float | None]) -> float | None:
    """The sum of what was measured; None where nothing was."""
    measured = [value for value in values if value is not None]
    return sum(measured) if measured else None


def _pretty(text: str) -> str | None:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
