"""One schema for every episode, whoever made it: production, rollout, evaluation or import.

A trace is trainable, scorable and replayable as it stands: ``messages`` gives the conversation in
OpenAI's format, ``tokens`` (where the engine gave them) the exact ids that were sampled.
Invariant: steps are ordered by ``index`` from 0, and each holds one assistant action.
"""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from agent_factory.contracts.message import Message, Tool
from agent_factory.contracts.record import Count, Instant, Json, Name, Part, Record, Share

Source = Literal["production", "rollout", "evaluation", "import"]

MEASURE_MAX = 1e9
"""What no latency (30 years), cost or count of tokens of one step reaches: sums of them stay numbers."""
Measure = Annotated[float, Field(ge=0.0, le=MEASURE_MAX, allow_inf_nan=False)]
Tokens = Annotated[int, Field(ge=0, le=int(MEASURE_MAX))]
Reward = Annotated[float, Field(ge=-MEASURE_MAX, le=MEASURE_MAX, allow_inf_nan=False)]


class TokenUsage(Part):
    """Tokens of one model call."""

    prompt_tokens: Tokens
    completion_tokens: Tokens


class TokenTrace(Part):
    """The exact tokens of a whole episode; the three sequences have the same length.

    ``loss_mask`` is 1 where the policy sampled the token, 0 where the world wrote it;
    ``logprobs`` is the natural log-probability under the sampling policy, 0.0 where the mask is 0.
    """

    ids: tuple[int, ...]
    logprobs: tuple[FiniteFloat, ...]
    loss_mask: tuple[Literal[0, 1], ...]

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if not len(self.ids) == len(self.logprobs) == len(self.loss_mask):
            lengths = (len(self.ids), len(self.logprobs), len(self.loss_mask))
            raise ValueError(f"ids, logprobs and loss_mask have lengths {lengths}: they must agree")
        return self


Fault = Literal["agent", "user", "environment", "engine"]
"""Whose fault an early end is: the agent's, the simulated user's, the world's, or the model's engine."""


class ToolExecution(Part):
    """How a tool call of a step went, beside the message that answers it.

    ``injected`` names the fault that the scenario put in its way; ``screenshot`` is the path of an artifact.
    """

    call_id: str
    latency_seconds: Measure
    injected: str | None = None
    screenshot: str | None = None


class Step(Part):
    """What the agent saw since its last action, what it did, and what came of it.

    ``observation`` is the messages that are new since the last action (user, tool results).
    ``error`` names what failed in this step (a tool's time-out, an unknown tool), else None.
    ``executions`` are its tool calls in order, where they were measured.
    """

    index: Count
    observation: tuple[Message, ...]
    action: Message
    reward: Reward | None = None
    usage: TokenUsage | None = None
    latency_seconds: Measure | None = None
    cost: Measure | None = None
    error: str | None = None
    executions: tuple[ToolExecution, ...] = ()

    @model_validator(mode="after")
    def _check_action(self) -> Self:
        if self.action.role != "assistant":
            raise ValueError(f"step {self.index}: the action's role is {self.action.role!r}, not 'assistant'")
        return self


class Outcome(Part):
    """How an episode ended: success with the rules that failed, and who says so.

    ``changes`` is what differs in the world's state, by path ("orders/4417/status"), where it was compared.
    """

    success: bool
    reward: Reward
    graded_by: str
    reasons: tuple[str, ...] = ()
    policy_violations: tuple[str, ...] = ()
    changes: Json | None = None


class Trace(Record):
    """One episode.

    ``id`` is the idempotency key within the project: the same id with the same content is the same trace.
    A trace of a session (``session_id``) repeats the conversation before it; data is made of the last one.
    ``closing`` is what the world said after the last action (a tool's result that nobody read).
    ``failure`` names what ended the episode early (time-out, engine fault, step limit), else None; ``fault``
    is then whose it was, where that is known.
    ``day`` (YYYY-MM-DD, UTC) is the partition that it belongs to, from ``started_at``.
    ``pseudonyms`` maps a placeholder in the text to a keyed hash that is stable across traces.
    """

    source: Source
    started_at: Instant
    recipe: Name | None = None
    scenario_id: Name | None = None
    session_id: Name | None = None
    build: Name | None = None
    model: Name | None = None
    system: str | None = None
    tools: tuple[Tool, ...] = ()
    steps: tuple[Step, ...]
    closing: tuple[Message, ...] = ()
    outcome: Outcome | None = None
    failure: str | None = None
    fault: Fault | None = None
    tokens: TokenTrace | None = None
    pseudonyms: dict[str, str] = Field(default_factory=dict)
    metadata: Json = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        found = [step.index for step in self.steps]
        if found != list(range(len(found))):
            raise ValueError(f"steps are numbered {found}: expected 0 to {len(found) - 1} in order")
        return self

    @property
    def day(self) -> str:
        """The day partition, YYYY-MM-DD in UTC."""
        return self.started_at.astimezone(UTC).date().isoformat()

    def messages(self) -> tuple[Message, ...]:
        """The conversation from the first observation on, without the system prompt."""
        told: list[Message] = []
        for step in self.steps:
            told.extend((*step.observation, step.action))
        return (*told, *self.closing)


class Feedback(Record):
    """A label given to a trace by a person, a rule or a model: a score from 0 to 1, tags and a reason.

    One that is ``withdrawn`` counts no longer.
    """

    trace_id: Name
    labeler: str = Field(min_length=1)
    kind: Literal["person", "rule", "model", "outcome"]
    score: Share
    comment: str | None = None
    tags: tuple[str, ...] = ()
    state: Literal["given", "withdrawn"] = "given"
