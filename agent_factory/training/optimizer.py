"""The optimizers of the stages that train on tokens: AdamW, or Muon for the matrices of a small model.

Muon (https://kellerjordan.github.io/posts/muon) orthogonalizes the momentum of each weight matrix; a
nano model learns to look back at the conversation in about half as many tokens with it. Embeddings and norms
stay with AdamW, as Muon's authors advise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

_MOMENTUM = 0.95
_BETAS = (0.9, 0.98)


class MuonWithAdamW(torch.optim.Optimizer):
    """Muon for the weight matrices of the layers, AdamW for the rest, stepped and saved as one.

    Invariant: ``param_groups`` are the two inner optimizers' own, so a schedule reaches both.
    """

    def __init__(self, model: Any, *, learning_rate: float, matrix_learning_rate: float, weight_decay: float) -> None:
        named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
        matrices = [weight for name, weight in named if _is_layer_matrix(name, weight)]
        rest = [weight for name, weight in named if not _is_layer_matrix(name, weight)]
        super().__init__([*matrices, *rest], {})
        self.parts: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(matrices, lr=matrix_learning_rate, momentum=_MOMENTUM, weight_decay=weight_decay),
            torch.optim.AdamW(rest, lr=learning_rate, betas=_BETAS, weight_decay=weight_decay),
        )
        self._link()

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of both parts."""
        loss = closure() if closure is not None else None
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The states of both parts."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the states of both parts."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._link()

    def _link(self) -> None:
        self.param_groups = [group for part in self.parts for group in part.param_groups]


def muon_factory() -> Callable[..., MuonWithAdamW]:
    """What a Hugging Face trainer calls to get the maker of an optimizer that sees the whole model."""
    return MuonWithAdamW


def _is_layer_matrix(name: str, weight: Any) -> bool:
    # What reads words in, and the heads that give words or a score out, are not layers.
    return weight.ndim == 2 and not any(part in name for part in ("embed", "lm_head", "score"))
