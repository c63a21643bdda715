"""Models as judges: ratings, summaries and preferences by any model behind the gateway.

A pair is shown in both orders, and a preference that does not survive the swap is a tie. Each answer is
kept as it came, with model, prompt version and cost. Invariants: an answer that cannot be read gives no
score; what was answered once under the same prompt is not asked or paid for again; every call and the
whole of it have a deadline.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import Field

from agent_factory.compute.price import Prices
from agent_factory.compute.usage import Meter, meter
from agent_factory.contracts.record import NAME_PATTERN, Count, Part, Share
from agent_factory.contracts.trace import Trace
from agent_factory.core import clock
from agent_factory.core.error import BusyError, DeadlineError, ModelError
from agent_factory.core.store import Store
from agent_factory.data.labelling.feedback import keep, make_feedback, make_preference
from agent_factory.data.labelling.prompt import Task, read_answer, system_of, version_of, write_question
from agent_factory.data.labelling.record import Choice, Judgement, make_id
from agent_factory.gateway.chat import ChatRequest, ChatResult, Engine, Sampling

_MIRROR: dict[Choice, Choice] = {"first": "second", "second": "first", "tie": "tie"}
_LONGEST_WAIT = 30.0
_LONGEST_REASON = 1_000


class JudgeSpec(Part):
    """Which model judges, what it costs, and how long it may take: each call, and everything."""

    model: str = Field(min_length=1)
    prices: Prices | None = None
    deadline_seconds: float = Field(default=60.0, gt=0)
    total_seconds: float = Field(default=3600.0, gt=0)
    attempts: int = Field(default=3, ge=1, le=10)
    concurrency: int = Field(default=8, ge=1, le=256)
    max_tokens: int = Field(default=400, ge=1)

    def labeler(self, task: Task) -> str:
        """The judge's name on its labels: the model with the prompt's version."""
        return f"{self.model}, prompt {version_of(task)}"


class JudgeReport(Part):
    """What became of the questions. ``known`` were answered in an earlier run and cost nothing now.

    Of pairs answered in both orders, ``position_bias_rate`` is the share where the same place won twice,
    ``disagreement_rate`` the share where the two orders do not say the same at all.
    """

    labeler: str
    task: Task
    questions: Count
    known: Count
    read: Count
    unreadable: Count
    failed: Count
    prompt_tokens: Count
    completion_tokens: Count
    cost: float | None
    currency: str | None
    pairs: Count = 0
    position_bias_rate: Share | None = None
    disagreement_rate: Share | None = None
    faults: tuple[str, ...] = ()


class _Call(NamedTuple):
    """One question's outcome; ``fresh`` where it was asked now."""

    judgement: Judgement
    fresh: bool
    fault: str | None


def judge_traces(
    store: Store, project: str, engine: Engine, spec: JudgeSpec, task: Task, items: Sequence[Sequence[Trace]]
) -> JudgeReport:
    """Ask about each item (one trace, or two for "pair") and keep what the model says as its labels.

    Calls that fail are kept as failed and asked again by the next run. Not to be called inside an event loop;
    the engine is closed at the end.
    """
    asked = [list(item) for item in items]
    if task == "pair":
        asked = [order for item in asked for order in (item, item[::-1])]
    name = spec.model if NAME_PATTERN.fullmatch(spec.model) else None
    with meter(store, "data", "judge", model=name, prices=spec.prices, project=project) as spent:
        calls = asyncio.run(_ask_all(store, project, engine, spec, task, asked, spent))
    if task == "rubric":
        for call in calls:
            _keep_rating(store, call.judgement, spec)
    pairs = list(zip(calls[::2], calls[1::2], strict=True)) if task == "pair" else []
    verdicts = [_keep_preference(store, one.judgement, other.judgement, spec) for one, other in pairs]
    return _report(spec, task, calls, [verdict for verdict in verdicts if verdict is not None])


async def _ask_all(
    store: Store,
    project: str,
    engine: Engine,
    spec: JudgeSpec,
    task: Task,
    asked: Sequence[Sequence[Trace]],
    spent: Meter,
) -> list[_Call]:
    room = asyncio.Semaphore(spec.concurrency)
    ends = asyncio.get_running_loop().time() + spec.total_seconds

    async def one(traces: Sequence[Trace]) -> _Call:
        async with room:
            known = store.peek(Judgement, _name(project, spec, task, traces))
            if known is not None and known.state != "failed":
                return _Call(known, False, None)
            call = await _ask(project, engine, spec, task, traces, ends)
            spent.add_tokens(call.judgement.prompt_tokens, call.judgement.completion_tokens)
            store.put(call.judgement, replace=True)
            return call

    try:
        return list(await asyncio.gather(*(one(traces) for traces in asked)))
    finally:
        await engine.close()  # its connections belong to this event loop


async def _ask(
    project: str, engine: Engine, spec: JudgeSpec, task: Task, traces: Sequence[Trace], ends: float
) -> _Call:
    """Ask, and ask again where the server was busy, silent or broken, ``attempts`` times at most."""
    sampling = Sampling(temperature=0.0, max_tokens=spec.max_tokens, seed=0)
    request = ChatRequest(
        model=spec.model, system=system_of(task), messages=(write_question(traces),), sampling=sampling
    )
    loop = asyncio.get_running_loop()
    fault, attempt = "", 0
    for attempt in range(1, spec.attempts + 1):
        left = ends - loop.time()
        if left <= 0:
            fault = f"the {spec.total_seconds:g} s for all questions were over; run it again for the rest"
            break
        wait = min(2.0**attempt / 2, _LONGEST_WAIT)
        try:
            result = await engine.chat(request, deadline_seconds=min(spec.deadline_seconds, left))
            return _Call(_judge(project, spec, task, traces, attempt, result), True, None)
        except BusyError as error:
            fault, wait = str(error), min(error.retry_after, _LONGEST_WAIT)
        except (DeadlineError, ModelError) as error:
            fault = str(error)
        if attempt < spec.attempts:
            await asyncio.sleep(max(0.0, min(wait, ends - loop.time())))
    return _Call(_judge(project, spec, task, traces, attempt, None), True, fault)


def _judge(
    project: str, spec: JudgeSpec, task: Task, traces: Sequence[Trace], attempts: int, result: ChatResult | None
) -> Judgement:
    answer = None if result is None else result.message.content or ""
    reading = read_answer(task, answer or "")
    prompt, completion = (0, 0) if result is None else (result.usage.prompt_tokens, result.usage.completion_tokens)
    return Judgement(
        id=_name(project, spec, task, traces),
        project=project,
        created_at=clock.now(),
        task=task,
        traces=tuple(trace.id for trace in traces),
        model=spec.model,
        prompt_version=version_of(task),
        state="failed" if result is None else "read" if reading.is_read else "unreadable",
        answer=answer,
        rating=reading.rating,
        choice=reading.choice,
        text=reading.text,
        attempts=attempts,
        prompt_tokens=prompt,
        completion_tokens=completion,
        latency_seconds=0.0 if result is None else result.latency_seconds,
        cost=None if spec.prices is None else spec.prices.of_tokens(prompt, completion),
        currency=None if spec.prices is None else spec.prices.currency,
    )


def _keep_rating(store: Store, judgement: Judgement, spec: JudgeSpec) -> None:
    if judgement.rating is not None:
        word = make_feedback(
            judgement.project,
            judgement.traces[0],
            spec.labeler("rubric"),
            judgement.rating,
            comment=(judgement.text or "")[:_LONGEST_REASON] or None,
            kind="model",
            at=judgement.created_at,
        )
        keep(store, word)


def _keep_preference(store: Store, one: Judgement, swapped: Judgement, spec: JudgeSpec) -> tuple[Choice, Choice] | None:
    """Keep what both orders agree on, else a tie; the two choices as they were made, None where one was not read."""
    if one.choice is None or swapped.choice is None:
        return None
    shown = (one.traces[0], one.traces[1])
    choice: Choice = one.choice if swapped.choice == _MIRROR[one.choice] else "tie"
    word = make_preference(
        one.project,
        shown,
        choice,
        spec.labeler("pair"),
        comment=(one.text or "")[:_LONGEST_REASON] or None,
        kind="model",
        at=one.created_at,
    )
    keep(store, word)
    return one.choice, swapped.choice


def _name(project: str, spec: JudgeSpec, task: Task, traces: Sequence[Trace]) -> str:
    # The content is part of it: a trace that was cleaned anew is judged anew.
    return make_id(
        "judgement", project, spec.model, version_of(task), *(part for t in traces for part in (t.id, _content(t)))
    )


def _content(trace: Trace) -> str:
    return write_question([trace]).content or ""


def _report(
    spec: JudgeSpec, task: Task, calls: Sequence[_Call], verdicts: Sequence[tuple[Choice, Choice]]
) -> JudgeReport:
    states = Counter(call.judgement.state for call in calls)
    fresh = [call.judgement for call in calls if call.fresh]
    same_place = sum(1 for one, other in verdicts if one == other != "tie")
    apart = sum(1 for one, other in verdicts if other != _MIRROR[one])
    return JudgeReport(
        labeler=spec.labeler(task),
        task=task,
        questions=len(calls),
        known=len(calls) - len(fresh),
        read=states["read"],
        unreadable=states["unreadable"],
        failed=states["failed"],
        prompt_tokens=sum(one.prompt_tokens for one in fresh),
        completion_tokens=sum(one.completion_tokens for one in fresh),
        cost=None if spec.prices is None else sum(one.cost or 0.0 for one in fresh),
        currency=None if spec.prices is None else spec.prices.currency,
        pairs=len(verdicts),
        position_bias_rate=same_place / len(verdicts) if verdicts else None,
        disagreement_rate=apart / len(verdicts) if verdicts else None,
        faults=tuple(sorted({call.fault for call in calls if call.fault})),
    )
