"""The keys and values of a running batch, in buffers that rows enter and leave without copying the rest.

Rows are right-aligned: a row of ``n`` tokens takes the last ``n`` of the ``width`` columns in use, so
every row's next token falls into the same column. Invariant: rows [0, count) are live, and a buffer
never holds what is not a number (masked places are read too).
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer

from agent_factory.core.error import ModelError

_GROWTH = 64


class RowLayer(DynamicLayer):
    """One layer's keys and values, [rows, heads, columns, size], of which [:count, :, :width] is in use."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.width = 0
        self._keys = torch.zeros(0, 0, 0, 0)
        self._values = torch.zeros(0, 0, 0, 0)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new columns; returns views of all that is in use."""
        end = self.width + key_states.shape[2]
        self.reserve(key_states.shape[0], end, like=key_states)
        self.count = key_states.shape[0]
        self._keys[: self.count, :, self.width : end] = key_states
        self._values[: self.count, :, self.width : end] = value_states
        self.width = end
        return self._keys[: self.count, :, :end], self._values[: self.count, :, :end]

    def get_seq_length(self) -> int:
        """Columns in use."""
        return self.width

    def reserve(self, rows: int, columns: int, like: torch.Tensor) -> None:
        """Make room for that many rows and columns, keeping what is there."""
        old = self._keys.shape
        if rows <= old[0] and columns <= old[2]:
            return
        shape = (max(rows, old[0]), like.shape[1], max(columns + _GROWTH, old[2]), like.shape[3])
        keys, values = like.new_zeros(shape), like.new_zeros(shape)
        if self.count:
            keys[: self.count, :, : self.width] = self._keys[: self.count, :, : self.width]
            values[: self.count, :, : self.width] = self._values[: self.count, :, : self.width]
        self._keys, self._values = keys, values

    def shift(self, columns: int) -> None:
        """Move the live rows right by ``columns`` (left where negative)."""
        self.reserve(self.count, self.width + columns, like=self._keys)
        kept = slice(max(0, -columns), self.width)
        target = slice(max(0, columns), self.width + columns)
        for buffer in (self._keys, self._values):
            buffer[: self.count, :, target] = buffer[: self.count, :, kept].clone()
            buffer[: self.count, :, : max(0, columns)] = 0
        self.width += columns

    def append(self, other: RowLayer) -> None:
        """Take over the rows of ``other``, which is not wider than this one."""
        rows = self.count + other.count
        self.reserve(rows, self.width, like=other._keys)
        start = self.width - other.width
        for mine, theirs in ((self._keys, other._keys), (self._values, other._values)):
            mine[self.count : rows, :, :start] = 0
            mine[self.count : rows, :, start : self.width] = theirs[: other.count, :, : other.width]
        self.count = rows

    def drop(self, row: int) -> None:
        """Give up a row; the last one takes its place."""
        self.count -= 1
        if row != self.count:
            for buffer in (self._keys, self._values):
                buffer[row, :, : self.width] = buffer[self.count, :, : self.width]


class RowCache(Cache):
    """The cache of all layers; only full attention is served."""

    layers: list[RowLayer]

    def __init__(self, config: Any) -> None:
        kinds = {type(layer).__name__ for layer in DynamicCache(config=config).layers} - {DynamicLayer.__name__}
        if kinds:
            raise ModelError(
                f"the local engine serves models with full attention; {config.model_type!r} has {sorted(kinds)}. "
                "Serve it by an OpenAI-compatible server and give its address instead of a folder."
            )
        super().__init__(layers=[RowLayer() for _ in range(config.num_hidden_layers)])

    @property
    def width(self) -> int:
        """Columns in use."""
        return self.layers[0].width

    def shift(self, columns: int) -> None:
        """Move all rows right by ``columns``."""
        for layer in self.layers:
            layer.shift(columns)

    def append(self, other: RowCache) -> None:
        """Take over the rows of ``other``."""
        for mine, theirs in zip(self.layers, other.layers, strict=True):
            mine.append(theirs)

    def drop(self, row: int) -> None:
        """Give up a row; the last one takes its place."""
        for layer in self.layers:
            layer.drop(row)
