"""The engine and the user that give recorded words back, and the bounds under which they led to what was recorded.

Invariant: no model is asked; where the recording ends, so does the episode.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from agent_factory.agent.loop import Limits
from agent_factory.agent.shielding import ShieldLike
from agent_factory.contracts.scenario import Persona
from agent_factory.contracts.trace import Step, TokenUsage, Trace
from agent_factory.core.error import ConflictError, ContextError, ModelError, UserError
from agent_factory.gateway.chat import ChatRequest, ChatResult, Sampling

_TOKENS = re.compile(r"(\d+) tokens")
_STEPS = re.compile(r"step limit: no answer after (\d+) steps")
_WAITED = re.compile(r"408 no answer within ([\d.e+-]+) s")
_UNMEASURED = TokenUsage(prompt_tokens=0, completion_tokens=0)
_SECONDS = 600.0


class PlaybackEngine:
    """Answers each request with the next recorded action, whatever was said."""

    def __init__(self, trace: Trace) -> None:
        self._steps = iter(trace.steps)
        self._failure = trace.failure or ""

    async def chat(self, request: ChatRequest, *, deadline_seconds: float) -> ChatResult:
        """The next action; ContextError where the recording ended by one, ModelError where it just ends."""
        step = next(self._steps, None)
        if step is not None:
            return _to_result(step)
        if self._failure.startswith("context: "):
            raise ContextError(self._failure.removeprefix("context: "))
        raise ModelError("the recording has no further action")

    async def close(self) -> None:
        """Nothing is held."""


class RecordedUser:
    """Says what the user of a trace said after the opening, line by line, revealed by the shield of its replay.

    What the persona ``knows`` is revealed too, by the keyed hash that the trace holds of it.
    """

    def __init__(self, trace: Trace, persona: Persona, make_shield: Callable[[], ShieldLike], own: ShieldLike) -> None:
        said = [message.content or "" for message in trace.messages() if message.role == "user"]
        self._trace, self._shield, self._lines = trace, own, iter(said[1:])
        self._known = _find_known(persona, make_shield)
        self._unknown: str | None = None

    async def reply(self, agent_says: str) -> str | None:
        """See ``User``; UserError where the line names somebody whom the replay does not know."""
        line = next(self._lines, None)
        if line is None:
            return None
        told = self._shield.reveal_text(line)
        for name, digest in self._trace.pseudonyms.items():
            told = told.replace(name, self._known.get(digest, name))
        self._unknown = next((name for name in self._trace.pseudonyms if name in told), None)
        if self._unknown is not None:
            raise UserError(f"what {self._unknown} stands for is not known")
        return told

    def require_known(self) -> None:
        """ConflictError where a line could not be said."""
        if self._unknown is not None:
            raise ConflictError(
                f"trace {self._trace.id!r} cannot be replayed: a line of its user first told {self._unknown}, "
                "and what that stands for is nowhere recorded"
            )


def _find_known(persona: Persona, make_shield: Callable[[], ShieldLike]) -> dict[str, str]:
    """What a persona knows, by keyed hash: as the shield finds it alone and beside its name."""
    known: dict[str, str] = {}
    for name, value in persona.knows.items():
        for text in (value, f"{name}: {value}"):
            shield = make_shield()
            shield.hide_text(text)
            known |= {digest: shield.reveal_text(hidden) for hidden, digest in shield.pseudonyms.items()}
    return known


def bounds_of(trace: Trace) -> tuple[Limits, Sampling]:
    """The limits that the recording ran into, and such as it did not where it ran into none."""
    told = trace.failure or ""
    steps = _STEPS.match(told)
    waited = next((found for step in trace.steps if (found := _WAITED.search(step.error or ""))), None)
    tokens = _TOKENS.findall(told)
    limits = Limits(
        max_steps=int(steps[1]) if steps else len(trace.steps) + 1,
        step_seconds=_SECONDS,
        tool_seconds=float(waited[1]) if waited else Limits().tool_seconds,
        episode_seconds=_SECONDS,
    )
    return limits, Sampling(max_tokens=int(tokens[-1]) if tokens else Sampling().max_tokens)


def _to_result(step: Step) -> ChatResult:
    reason = "tool_calls" if step.action.tool_calls else "stop"
    if step.error is not None and step.error.startswith(("length: ", "context: ")):
        reason = "length"
    elif step.error is not None and step.error.startswith("malformed: "):
        reason = "malformed"
    return ChatResult(
        message=step.action,
        finish_reason=reason,
        usage=step.usage or _UNMEASURED,
        latency_seconds=step.latency_seconds or 0.0,
    )
