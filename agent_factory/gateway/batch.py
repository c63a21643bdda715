"""The running batch of a local model: rows enter when they arrive, leave when they end.

Each row is sampled by its own temperature and its own stream of random numbers, drawn when it
enters; so what a row says does not depend on who else is in the batch, but for rounding.
Log-probabilities are under the distribution that was sampled from (logits divided by the
temperature); for greedy rows under the model's own, temperature 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from agent_factory.gateway.cache import RowCache

_MAX_IDLE_COLUMNS = 48
_PREFILL_TOKENS = 4_096


@dataclass(eq=False)
class Row:
    """One request in the batch, and what has been sampled for it."""

    prompt: list[int]
    temperature: float
    max_tokens: int
    seed: int | None
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    ended: bool = False


class Batch:
    """Rows that are decoded together, one token a step."""

    def __init__(self, model: Any, closing_ids: Sequence[int]) -> None:
        self.model = model
        self.device: torch.device = model.device
        self.closing = torch.tensor(list(closing_ids), device=self.device)
        self.rows: list[Row] = []
        self._cache = RowCache(model.config)
        self._long = torch.zeros(4, 0, dtype=torch.long, device=self.device)  # last id, length, sampled, limit
        self._temperature = torch.zeros(0, device=self.device)
        self._draws = torch.zeros(0, 0, device=self.device)
        self._sampled: list[tuple[torch.Tensor, torch.Tensor]] = []

    def admit(self, rows: list[Row]) -> list[Row]:
        """Read the prompts and sample each row's first token; returns the rows that ended with it."""
        ended: list[Row] = []
        waiting = sorted(rows, key=lambda row: len(row.prompt))
        while waiting:
            widest, count = 0, 0
            for row in waiting:
                widest = max(widest, len(row.prompt))
                if count and widest * (count + 1) > _PREFILL_TOKENS:
                    break
                count += 1
            ended += self._prefill(waiting[:count])
            waiting = waiting[count:]
        return ended

    def step(self) -> list[Row]:
        """Sample one token for every row; returns the rows that ended."""
        self._trim()
        last, length = self._long[0], self._long[1]
        width = self._cache.width + 1
        columns = torch.arange(width, device=self.device)
        mask = columns >= (width - 1 - length)[:, None]
        logits = self.model(
            input_ids=last[:, None],
            attention_mask=mask[:, None, None, :],
            position_ids=length[:, None],
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        self._long[1] += 1
        return self._take(logits, 0)

    def drop(self, gone: set[int]) -> None:
        """Give up the rows of those numbers."""
        order = list(range(len(self.rows)))
        for number in sorted(gone, reverse=True):
            self._cache.drop(number)
            for held in (self.rows, order):
                held[number] = held[-1]  # pyright: ignore[reportArgumentType, reportCallIssue]
                held.pop()
        index = torch.tensor(order, dtype=torch.long, device=self.device)
        self._long = self._long[:, index]
        self._temperature = self._temperature[index]
        self._draws = self._draws[index]

    def _prefill(self, rows: list[Row]) -> list[Row]:
        width = max(len(row.prompt) for row in rows)
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        for number, row in enumerate(rows):
            ids[number, width - len(row.prompt) :] = torch.tensor(row.prompt)
        ids = ids.to(self.device)
        length = torch.tensor([len(row.prompt) for row in rows], device=self.device)
        columns = torch.arange(width, device=self.device)
        valid = columns >= (width - length)[:, None]
        # A padded place sees itself: a row of the mask without any True would give no number.
        mask = (valid[:, None, :] & (columns[None, :] <= columns[:, None])) | torch.eye(
            width, dtype=torch.bool, device=self.device
        )
        cache = RowCache(self.model.config)
        logits = self.model(
            input_ids=ids,
            attention_mask=mask[:, None],
            position_ids=(columns - (width - length)[:, None]).clamp(min=0),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        self._join(rows, cache, length)
        return self._take(logits, len(self.rows) - len(rows))

    def _join(self, rows: list[Row], cache: RowCache, length: torch.Tensor) -> None:
        if not self.rows:
            self._cache = cache
        else:
            if cache.width > self._cache.width:
                self._cache.shift(cache.width - self._cache.width)
            self._cache.append(cache)
        self.rows += rows
        limit = torch.tensor([row.max_tokens for row in rows], device=self.device)
        zero = torch.zeros_like(length)
        self._long = torch.cat([self._long, torch.stack([zero, length, zero, limit])], dim=1)
        temperature = torch.tensor([row.temperature for row in rows], device=self.device)
        self._temperature = torch.cat([self._temperature, temperature])
        most = max(self._draws.shape[1], max((row.max_tokens for row in rows if row.temperature > 0), default=0))
        draws = torch.zeros(len(self.rows), most, device=self.device)
        draws[: self._draws.shape[0], : self._draws.shape[1]] = self._draws
        for number, row in enumerate(rows, len(self.rows) - len(rows)):
            if row.temperature > 0:
                draws[number, : row.max_tokens] = draw_uniform(row.max_tokens, row.seed).to(self.device)
        self._draws = draws

    def _take(self, logits: torch.Tensor, start: int) -> list[Row]:
        """Sample from ``logits``, one row each from ``start`` on, and let go of the rows that end."""
        state = self._long[:, start:]
        temperature = self._temperature[start:]
        ids, logprobs = sample(logits.float(), temperature, self._draws[start:], state[2])
        state[0] = ids
        state[2] += 1
        closed = torch.isin(ids, self.closing)
        over = closed | (state[2] >= state[3])
        for row, token, logprob in zip(self.rows[start:], ids.tolist(), logprobs.tolist(), strict=True):
            row.ids.append(token)
            row.logprobs.append(logprob)
        if not bool(over.any()):
            return []
        gone = [start + number for number in over.nonzero()[:, 0].tolist()]
        ended = [self.rows[number] for number in gone]
        for number, row in zip(gone, ended, strict=True):
            row.ended = bool(closed[number - start])
        self.drop(set(gone))
        return ended

    def _trim(self) -> None:
        idle = self._cache.width - int(self._long[1].max())
        if idle > _MAX_IDLE_COLUMNS:
            self._cache.shift(-idle)


def draw_uniform(count: int, seed: int | None) -> torch.Tensor:
    """``count`` numbers in [0, 1), the same for the same seed."""
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return torch.rand(count, generator=generator)


def sample(
    logits: torch.Tensor, temperature: torch.Tensor, draws: torch.Tensor, turn: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """One id a row and its log-probability; rows [n, vocabulary], by inverse of the cumulated distribution."""
    scale = torch.where(temperature > 0, temperature, torch.ones_like(temperature))
    logs = torch.log_softmax(logits / scale[:, None], dim=-1)
    ids = logs.argmax(dim=-1)
    if draws.shape[1] and bool((temperature > 0).any()):
        cumulated = logs.double().exp().cumsum(dim=-1)
        at = turn.clamp(max=draws.shape[1] - 1)[:, None]
        point = draws.double().gather(1, at) * cumulated[:, -1:]
        drawn = torch.searchsorted(cumulated, point, right=True)[:, 0].clamp(max=logits.shape[1] - 1)
        ids = torch.where(temperature > 0, drawn, ids)
    return ids, logs.gather(1, ids[:, None])[:, 0]
