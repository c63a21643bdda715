"""One way to train on tokens: TRL's SFT trainer over rows that are encoded, masked and ordered beforehand.

The order of all rows of all steps is drawn before the first step, so a run that was killed goes on
from its checkpoint with the rows that would have come next. Invariant: a checkpoint is gone on from only
if it is what was written, by its digest. Imported by workers only.
"""

from __future__ import annotations

import logging
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from agent_factory.core.digest import digest_folder
from agent_factory.core.error import InputError
from agent_factory.core.progress import Progress
from agent_factory.gateway.template import Encoded
from agent_factory.training.optimizer import muon_factory
from agent_factory.training.setting import FitSettings

IGNORED = -100
_log = logging.getLogger(__name__)
_LENGTH_POOL = 8


def fit_tokens(
    model: Any,
    tokenizer: Any,
    rows: Sequence[Encoded],
    order: Sequence[int],
    settings: FitSettings,
    *,
    work: Path,
    seed: int,
    progress: Progress,
) -> dict[str, float]:
    """Train ``model`` in place on ``rows[order]``; the loss is over the tokens whose mask is 1.

    ``work`` holds the checkpoints. Returns loss (of the last tenth of the steps), accuracy, tokens.
    """
    data = Dataset.from_dict(
        {
            "input_ids": [rows[at].ids for at in order],
            "labels": [mask_labels(rows[at]) for at in order],
        }
    )
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            **trainer_arguments(settings, work, seed),
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
        ),
        train_dataset=data,
        processing_class=tokenizer,
        callbacks=[ProgressReport(progress)],
        optimizer_cls_and_kwargs=choose_optimizer(settings),
    )
    run_trainer(trainer, work)
    tokens = sum(len(rows[at].ids) for at in order)
    return {**_measure(trainer.state.log_history), "tokens": float(tokens), "rows": float(len(rows))}


def _measure(log: list[dict[str, Any]]) -> dict[str, float]:
    history = [entry for entry in log if "loss" in entry]
    last = history[-max(1, len(history) // 10) :]
    return {
        "loss": sum(float(entry["loss"]) for entry in last) / len(last),
        "token_accuracy": float(last[-1]["mean_token_accuracy"]),
        "first_loss": float(history[0]["loss"]),
    }


def mask_labels(row: Encoded) -> list[int]:
    """Labels: the ids where the mask is 1, else the value that the loss passes over."""
    return [token if spoken else IGNORED for token, spoken in zip(row.ids, row.mask, strict=True)]


def keep_fitting(rows: Sequence[Encoded], context: int, what: str) -> list[Encoded]:
    """The rows that the model's context holds and that teach something; InputError if none does."""
    kept = [row for row in rows if len(row.ids) <= context and any(row.mask)]
    if not kept:
        longest = max((len(row.ids) for row in rows), default=0)
        raise InputError(
            f"none of {len(rows)} {what} can be learned from: the longest has {longest} tokens, "
            f"the context holds {context}. Raise the context in build.toml or give the build more data."
        )
    return kept


def plan_epochs(rows: Sequence[Encoded], settings: FitSettings, seed: int) -> list[int]:
    """The order of rows: epochs, each shuffled, rows of like length in one batch to save padding."""
    rng = random.Random(seed)
    order: list[int] = []
    while len(order) < settings.steps * settings.batch:
        epoch = list(range(len(rows)))
        rng.shuffle(epoch)
        order += epoch
    return group_by_length(order[: settings.steps * settings.batch], rows, settings.batch, rng)


def group_by_length(order: Sequence[int], rows: Sequence[Encoded], batch: int, rng: random.Random) -> list[int]:
    """Sort each pool of a few batches by length, then shuffle its batches."""
    grouped: list[int] = []
    for start in range(0, len(order), batch * _LENGTH_POOL):
        pool = sorted(order[start : start + batch * _LENGTH_POOL], key=lambda at: len(rows[at].ids))
        batches = [pool[i : i + batch] for i in range(0, len(pool), batch)]
        rng.shuffle(batches)
        grouped += [at for part in batches for at in part]
    return grouped


def choose_optimizer(settings: FitSettings) -> tuple[Any, dict[str, Any]] | None:
    """Muon where the settings ask for it; None leaves the trainer its own AdamW."""
    if settings.optimizer == "adamw":
        return None
    return muon_factory, {
        "learning_rate": settings.learning_rate,
        "matrix_learning_rate": settings.matrix_learning_rate,
        "weight_decay": settings.weight_decay,
    }


def trainer_arguments(settings: FitSettings, work: Path, seed: int) -> dict[str, Any]:
    """Arguments that all TRL trainers share: rows in the given order, checkpoints, no report to anyone."""
    return {
        "output_dir": str(work),
        "max_steps": settings.steps,
        "per_device_train_batch_size": settings.batch,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": int(settings.steps * settings.warmup_share),
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_gradient,
        "train_sampling_strategy": "sequential",
        "seed": seed,
        "save_strategy": "steps",
        "save_steps": settings.save_steps,
        "save_total_limit": 2,
        "logging_steps": max(1, min(10, settings.steps // 10)),
        "disable_tqdm": True,
        "report_to": "none",
        "bf16": torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        "activation_checkpointing": False,
        "use_cpu": not torch.cuda.is_available(),
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": torch.cuda.is_available(),
    }


def run_trainer(trainer: Any, work: Path) -> None:
    """Train from the newest whole checkpoint under ``work``, or from the start."""
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Seal())
    found = find_checkpoint(work)
    trainer.train(resume_from_checkpoint=None if found is None else str(found))


def find_checkpoint(work: Path) -> Path | None:
    """The newest checkpoint that is what was written; others, half-written or spoiled, are removed."""
    for path in sorted(work.glob("checkpoint-*"), key=lambda p: int(p.name.rsplit("-", 1)[1]), reverse=True):
        seal = _seal_of(path)
        if seal.exists() and seal.read_text() == digest_folder(path):
            return path
        _log.warning("%s is not what was written: it is removed, training goes on from what was before it", path)
        shutil.rmtree(path)
    return None


def _seal_of(checkpoint: Path) -> Path:
    return checkpoint.with_name(f"seal-{checkpoint.name.rsplit('-', 1)[1]}")


class Seal(TrainerCallback):
    """Writes the digest of each checkpoint once it is whole."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After a checkpoint was written."""
        checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        _seal_of(checkpoint).write_text(digest_folder(checkpoint))


class ProgressReport(TrainerCallback):
    """Tells the stage's progress what the trainer logs."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After each step."""
        self.progress.update(done=state.global_step, total=state.max_steps)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """When the trainer logs, every few steps."""
        told = {name: round(float(logs[name]), 4) for name in ("loss", "accuracy") if logs and name in logs}
        self.progress.update(done=state.global_step, total=state.max_steps, **told)
