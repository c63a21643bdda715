"""The SFT model, M1: the base model learns to speak as the assistant does in the curated dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent_factory.core.progress import Progress
from agent_factory.gateway.checkpoint import load_causal_model, load_tokenizer
from agent_factory.training.fit import fit_tokens, keep_fitting, plan_epochs
from agent_factory.training.pretrain import encode_dialogues
from agent_factory.training.setting import SftSettings
from agent_factory.training.source import Dialogue


def train_sft(
    parent: Path, dialogues: list[Dialogue], settings: SftSettings, *, seed: int, work: Path, progress: Progress
) -> tuple[Any, Any, dict[str, float]]:
    """Model, tokenizer and measures; only the assistant's tokens are learned."""
    model, tokenizer = load_causal_model(parent), load_tokenizer(parent)
    encoded = encode_dialogues(dialogues, model, tokenizer)
    rows = keep_fitting(encoded, model.config.max_position_embeddings, "rows of the SFT dataset")
    order = plan_epochs(rows, settings, seed)
    measured = fit_tokens(model, tokenizer, rows, order, settings, work=work, seed=seed, progress=progress)
    return model, tokenizer, {**measured, "rows_left_out": float(len(encoded) - len(rows))}
