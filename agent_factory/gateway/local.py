"""The engine for a model in a folder: one thread decodes, and everyone who asks shares its batch.

Requests that arrive together are read together; those that arrive while the batch runs join it as
soon as they are many enough or have waited long enough. Results name the exact ids that were fed
and sampled. The device is CUDA where there is one, else the CPU.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import torch

from agent_factory.contracts.trace import TokenUsage
from agent_factory.core.error import ContextError, DeadlineError, ModelError
from agent_factory.gateway.batch import Batch, Row
from agent_factory.gateway.chat import ChatRequest, ChatResult
from agent_factory.gateway.checkpoint import load_causal_model, load_tokenizer, read_closing_ids
from agent_factory.gateway.parser import parse_completion
from agent_factory.gateway.template import ChatTemplate

_GATHER_SECONDS = 0.003
_LONGEST_GATHER_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 0.05
_JOIN_SHARE = 4


@dataclass(eq=False)
class _Job:
    """A request on its way through the thread; ``future`` belongs to ``loop``."""

    row: Row
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[None]
    arrived: float


class LocalEngine:
    """An Engine over the model in ``folder``; at most ``max_rows`` requests are decoded at once."""

    def __init__(
        self, folder: Path, *, digest: str | None = None, device: str | None = None, max_rows: int = 512
    ) -> None:
        chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.folder = folder
        self.model = load_causal_model(folder, digest, attn_implementation="sdpa").to(chosen).eval()
        tokenizer = load_tokenizer(folder)
        self.closing_ids = read_closing_ids(self.model, tokenizer)
        self.template = ChatTemplate(tokenizer, self.closing_ids)
        self.context_length = int(self.model.config.max_position_embeddings)
        self.max_rows = max_rows
        self._batch = Batch(self.model, self.closing_ids)
        self._waiting: deque[_Job] = deque()
        self._running: dict[Row, _Job] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name=f"engine-{folder.name}", daemon=True)
        self._thread.start()

    async def chat(self, request: ChatRequest, *, deadline_seconds: float) -> ChatResult:
        """One assistant message; see ``Engine``."""
        started = time.perf_counter()
        prompt = self.template.encode_prompt(request.system, request.messages, request.tools, request.context)
        room = self.context_length - len(prompt)
        if room < 1:
            raise ContextError(
                f"the prompt has {len(prompt)} tokens, the context of {request.model!r} holds {self.context_length}, "
                "one of them for the answer. Begin a new conversation, or take a model with a longer context."
            )
        sampling = request.sampling
        row = Row(prompt, sampling.temperature, min(sampling.max_tokens, room), sampling.seed)
        await self._decode(row, deadline_seconds)
        message, reason = parse_completion(self.template.decode(row.ids), ended=row.ended, turn=len(request.messages))
        return ChatResult(
            message=message,
            finish_reason=reason,
            usage=TokenUsage(prompt_tokens=len(prompt), completion_tokens=len(row.ids)),
            latency_seconds=time.perf_counter() - started,
            prompt_ids=tuple(prompt),
            completion_ids=tuple(row.ids),
            logprobs=tuple(row.logprobs),
        )

    async def close(self) -> None:
        """Stop the thread; who still waits gets a ModelError."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)

    async def _decode(self, row: Row, deadline_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        job = _Job(row, loop, loop.create_future(), time.monotonic())
        with self._changed:
            if self._closed:
                raise ModelError(f"the engine of {str(self.folder)!r} is closed; open a new one")
            self._waiting.append(job)
            self._changed.notify()
        try:
            await asyncio.wait_for(job.future, deadline_seconds)
        except TimeoutError:
            raise DeadlineError(
                f"the model at {str(self.folder)!r} gave no answer within {deadline_seconds} s; "
                f"{len(row.ids)} of {row.max_tokens} tokens were sampled. Ask for fewer tokens or wait longer."
            ) from None

    def _serve(self) -> None:
        with torch.inference_mode():
            while True:
                fresh = self._next_jobs()
                if fresh is None:
                    break
                try:
                    self._advance(fresh)
                except Exception as error:  # whatever the model raised ends these requests, not the engine
                    self._fail(f"the model at {str(self.folder)!r} failed: {type(error).__name__}: {error}")
        self._fail(f"the engine of {str(self.folder)!r} was closed")

    def _next_jobs(self) -> list[_Job] | None:
        """Requests that join the batch now; waits while there is nothing to do, None when closed."""
        with self._changed:
            if not self._running:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                until = time.monotonic() + _LONGEST_GATHER_SECONDS
                while not self._closed and self._changed.wait(_GATHER_SECONDS) and time.monotonic() < until:
                    pass  # as long as requests keep arriving, they shall be read together
            if self._closed:
                return None
            count = min(len(self._waiting), self.max_rows - len(self._running))
            if self._running and count < len(self._running) / _JOIN_SHARE and not self._is_impatient():
                return []
            return [self._waiting.popleft() for _ in range(max(0, count))]

    def _is_impatient(self) -> bool:
        return bool(self._waiting) and time.monotonic() - self._waiting[0].arrived > _LONGEST_WAIT_SECONDS

    def _advance(self, fresh: list[_Job]) -> None:
        gone = {number for number, row in enumerate(self._batch.rows) if self._running[row].future.done()}
        if gone:  # the caller's deadline passed
            for row in [self._batch.rows[number] for number in gone]:
                del self._running[row]
            self._batch.drop(gone)
        wanted = [job for job in fresh if not job.future.done()]
        self._running.update({job.row: job for job in wanted})
        ended = self._batch.admit([job.row for job in wanted]) if wanted else []
        if self._batch.rows:
            ended += self._batch.step()
        self._deliver([self._running.pop(row) for row in ended], None)

    def _fail(self, reason: str) -> None:
        with self._changed:
            jobs = [*self._running.values(), *(self._waiting if self._closed else ())]
            if self._closed:
                self._waiting.clear()
        self._running.clear()
        self._batch = Batch(self.model, self.closing_ids)
        self._deliver(jobs, reason)

    def _deliver(self, jobs: list[_Job], failure: str | None) -> None:
        """Wake the callers, one call into each event loop."""
        for loop in {job.loop for job in jobs}:
            theirs = [job.future for job in jobs if job.loop is loop]
            try:
                loop.call_soon_threadsafe(_settle, theirs, failure)
            except RuntimeError:
                continue  # that loop has ended, and its callers with it


def _settle(futures: list[asyncio.Future[None]], failure: str | None) -> None:
    for future in futures:
        if future.done():
            continue
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(ModelError(failure))
