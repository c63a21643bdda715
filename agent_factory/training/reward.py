"""The reward model: of two conversations about the same task it scores the better one higher.

It learns from the preference dataset and from rollouts of one scenario of which one was solved and
one was not. Pairs are split before training, by task and by conversation, so that the accuracy is that
on what was not seen.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from datasets import Dataset
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import RewardTrainer

from agent_factory.contracts.trace import Trace
from agent_factory.core.error import InputError, ModelError
from agent_factory.core.progress import Progress
from agent_factory.gateway.checkpoint import load_causal_model, load_tokenizer, read_closing_ids, verify_checkpoint
from agent_factory.gateway.template import ChatTemplate
from agent_factory.training.fit import ProgressReport, choose_optimizer, run_trainer, trainer_arguments
from agent_factory.training.setting import RewardSettings
from agent_factory.training.source import read_dialogue

_SCORE_TOKENS = 8_192


class Pair(NamedTuple):
    """Two conversations of one task as token ids, the better one first."""

    task: str
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]


class Scorer:
    """A reward model that scores conversations given as token ids."""

    def __init__(self, model: Any, pad_id: int) -> None:
        self.model = model.eval()
        self.pad_id = pad_id

    def score(self, conversations: Sequence[Sequence[int]]) -> list[float]:
        """One score each, in the order given; higher is better."""
        order = sorted(range(len(conversations)), key=lambda at: len(conversations[at]))
        scores = [0.0] * len(conversations)
        while order:
            count = max(1, _SCORE_TOKENS // max(1, len(conversations[order[-1]])))
            part, order = order[-count:], order[:-count]
            for at, score in zip(part, self._score_batch([conversations[at] for at in part]), strict=True):
                scores[at] = score
        return scores

    @torch.inference_mode()
    def _score_batch(self, batch: list[Sequence[int]]) -> list[float]:
        width = max(len(ids) for ids in batch)
        ids = torch.full((len(batch), width), self.pad_id)
        mask = torch.zeros_like(ids)
        for row, told in enumerate(batch):
            ids[row, : len(told)] = torch.tensor(list(told))
            mask[row, : len(told)] = 1
        device = self.model.device
        return self.model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits[:, 0].float().tolist()


def load_scorer(folder: Path, digest: str | None = None) -> Scorer:
    """The reward model in a folder; ModelError where it is not what its digest says."""
    from transformers import AutoModelForSequenceClassification

    verify_checkpoint(folder, digest)
    try:
        model = AutoModelForSequenceClassification.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:
        raise ModelError(f"the reward model at {str(folder)!r} could not be loaded: {error}") from error
    return Scorer(model.to("cuda" if torch.cuda.is_available() else "cpu"), model.config.pad_token_id)


def pair_preferences(rows: Iterable[dict[str, Any]], parent: Path) -> list[Pair]:
    """The rows of the preference dataset as pairs, encoded for the model in ``parent``."""
    tokenizer = load_tokenizer(parent)
    template = ChatTemplate(tokenizer, read_closing_ids(load_causal_model(parent), tokenizer))
    pairs: list[Pair] = []
    for row in rows:
        system, prompt, tools = read_dialogue(row["prompt"], row.get("tools"))
        chosen, rejected = (
            tuple(template.encode_dialogue(system, (*prompt, *read_dialogue(row[side]).messages), tools).ids)
            for side in ("chosen", "rejected")
        )
        pairs.append(Pair(row["trace_ids"][0], chosen, rejected))
    return pairs


def pair_rollouts(traces: Iterable[Trace], settings: RewardSettings, seed: int) -> list[Pair]:
    """Pairs of a solved and an unsolved rollout of one scenario, a few from each."""
    good: dict[str, set[tuple[int, ...]]] = defaultdict(set)
    bad: dict[str, set[tuple[int, ...]]] = defaultdict(set)
    for trace in traces:
        if trace.outcome and trace.tokens and trace.scenario_id:
            (good if trace.outcome.success else bad)[trace.scenario_id].add(trace.tokens.ids)
    rng = random.Random(seed)
    pairs: list[Pair] = []
    for scenario in sorted(good.keys() & bad.keys()):
        both = [Pair(scenario, g, b) for g in sorted(good[scenario]) for b in sorted(bad[scenario])]
        pairs += rng.sample(both, min(len(both), settings.pairs_per_scenario))
    return pairs


def split_pairs(pairs: Sequence[Pair], settings: RewardSettings, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Training and held-out pairs that share neither task nor conversation; InputError where too few are left."""
    tasks = sorted({pair.task for pair in pairs})
    random.Random(seed).shuffle(tasks)
    chosen = set(tasks[: max(1, round(len(tasks) * settings.held_out_share))])
    held_out = [pair for pair in pairs if pair.task in chosen]
    told = {ids for pair in held_out for ids in (pair.chosen, pair.rejected)}
    learned = [pair for pair in pairs if pair.task not in chosen and not told & {pair.chosen, pair.rejected}]
    if len(learned) < settings.batch:
        raise InputError(
            f"there are {len(pairs)} preference pairs of {len(tasks)} tasks: after holding some out {len(learned)} are "
            f"left, at least one batch of {settings.batch} is needed. Widen the window or roll out more episodes."
        )
    random.Random(seed + 1).shuffle(learned)
    return learned[: settings.max_pairs], held_out


def train_reward(
    parent: Path, pairs: Sequence[Pair], settings: RewardSettings, *, seed: int, work: Path, progress: Progress
) -> tuple[Any, Any, dict[str, float]]:
    """Model, tokenizer and measures, ``pairwise_accuracy`` on held-out pairs among them."""
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(seed)
    tokenizer = load_tokenizer(parent)
    model = AutoModelForSequenceClassification.from_pretrained(str(parent), num_labels=1, local_files_only=True)
    limit = model.config.max_position_embeddings
    fitting = [pair for pair in pairs if max(len(pair.chosen), len(pair.rejected)) <= limit]
    learned, held_out = split_pairs(fitting, settings, seed)
    count = settings.steps * settings.batch
    rows = [learned[at % len(learned)] for at in range(count)]
    data = Dataset.from_dict({"chosen_ids": [p.chosen for p in rows], "rejected_ids": [p.rejected for p in rows]})
    trainer = RewardTrainer(
        model=model,
        args=RewardConfig(**trainer_arguments(settings, work, seed), max_length=None, disable_dropout=True),
        train_dataset=data,
        processing_class=tokenizer,
        callbacks=[ProgressReport(progress)],
        optimizer_cls_and_kwargs=choose_optimizer(settings),
    )
    run_trainer(trainer, work)
    scorer = Scorer(model, tokenizer.pad_token_id)
    measured = {"pairwise_accuracy": measure_accuracy(scorer, held_out), "held_out_pairs": float(len(held_out))}
    return model, tokenizer, {**measured, "pairs": float(len(learned)), "loss": _last_loss(trainer)}


def measure_accuracy(scorer: Scorer, pairs: Sequence[Pair]) -> float:
    """Share of pairs in which the better conversation has the higher score; a tie counts half."""
    chosen = scorer.score([pair.chosen for pair in pairs])
    rejected = scorer.score([pair.rejected for pair in pairs])
    right = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in zip(chosen, rejected, strict=True))
    return right / len(pairs)


def _last_loss(trainer: Any) -> float:
    return float(next(entry["loss"] for entry in reversed(trainer.state.log_history) if "loss" in entry))
