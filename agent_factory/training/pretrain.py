"""The base model, M0: tokenizer and language model from all that was said in the build's window, good and bad.

``base_model = "nano"`` trains a model from nothing. Any other base model is a folder with a causal
language model, which becomes M0 as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent_factory.contracts.build import BuildSpec
from agent_factory.core.progress import Progress
from agent_factory.gateway.checkpoint import load_causal_model, load_tokenizer, read_closing_ids
from agent_factory.gateway.template import ChatTemplate, Encoded
from agent_factory.training.fit import fit_tokens, keep_fitting, plan_epochs
from agent_factory.training.nano import create_model, train_tokenizer
from agent_factory.training.setting import NanoSettings, PretrainSettings
from agent_factory.training.source import Dialogue


def pretrain(
    dialogues: list[Dialogue],
    nano: NanoSettings,
    settings: PretrainSettings,
    *,
    seed: int,
    work: Path,
    progress: Progress,
) -> tuple[Any, Any, dict[str, float]]:
    """Model, tokenizer and measures; every token of a conversation is learned but its first."""
    tokenizer = train_tokenizer((told.messages for told in dialogues), nano)
    model = create_model(tokenizer, nano, seed)
    rows = encode_dialogues(dialogues, model, tokenizer)
    rows = [Encoded(row.ids, [0, *(1 for _ in row.ids[1:])]) for row in rows]
    rows = keep_fitting(rows, nano.context, "conversations")
    order = plan_epochs(rows, settings, seed)
    measured = fit_tokens(model, tokenizer, rows, order, settings, work=work, seed=seed, progress=progress)
    return model, tokenizer, measured


def take_base(build: BuildSpec) -> tuple[Any, Any, dict[str, float]]:
    """The model in the folder that the build names as its base, with its tokenizer."""
    folder = Path(build.base_model)
    return load_causal_model(folder), load_tokenizer(folder), {}


def encode_dialogues(dialogues: list[Dialogue], model: Any, tokenizer: Any) -> list[Encoded]:
    """The conversations as the gateway would feed and sample them."""
    template = ChatTemplate(tokenizer, read_closing_ids(model, tokenizer))
    return [template.encode_dialogue(told.system, told.messages, told.tools) for told in dialogues]
