"""The policy: rejection-sampling fine-tuning (RFT) on the model's own graded rollouts, exact tokens and all.

What the environment graded as success is kept; among the successes of one scenario the reward mix
decides which ``keep`` are learned. Batches are balanced over kinds of task, and some rows of the SFT
dataset are mixed in, so that what was known is not lost.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from agent_factory.contracts.reward import RewardConfig
from agent_factory.contracts.trace import Trace
from agent_factory.core.error import InputError
from agent_factory.core.progress import Progress
from agent_factory.gateway.checkpoint import load_causal_model, load_tokenizer
from agent_factory.gateway.template import Encoded
from agent_factory.training.fit import fit_tokens, group_by_length, keep_fitting
from agent_factory.training.pretrain import encode_dialogues
from agent_factory.training.reward import Scorer
from agent_factory.training.setting import RftSettings
from agent_factory.training.source import Dialogue


class Episode(NamedTuple):
    """A solved rollout: its scenario, the sort of task, its exact tokens, its reward."""

    scenario: str
    kind: str
    row: Encoded
    reward: float


def choose_episodes(
    traces: Iterable[Trace],
    kinds: Mapping[str, tuple[str, str]],
    scorer: Scorer,
    mix: RewardConfig,
    settings: RftSettings,
) -> list[Episode]:
    """The best ``keep`` distinct successes of each scenario by the reward mix."""
    solved = [trace for trace in traces if trace.outcome and trace.outcome.success and trace.tokens]
    if not solved:
        raise InputError(
            "no rollout was graded a success: there is nothing to learn from. "
            "Roll out more episodes, at a lower temperature, or mend the SFT model first."
        )
    scores = scorer.score([trace.tokens.ids for trace in solved if trace.tokens])
    by_scenario: dict[str, dict[tuple[int, ...], Episode]] = defaultdict(dict)
    for trace, score in zip(solved, scores, strict=True):
        if trace.tokens is None or trace.scenario_id is None:
            continue
        reward = mix.mix(
            reward_model=score,
            tool_errors=sum(step.error is not None for step in trace.steps),
            steps=len(trace.steps),
        )
        row = Encoded(list(trace.tokens.ids), list(trace.tokens.loss_mask))
        if trace.scenario_id not in kinds:
            raise InputError(f"rollout {trace.id!r} is of scenario {trace.scenario_id!r}, which the build has not")
        sort = "/".join(kinds[trace.scenario_id])
        by_scenario[trace.scenario_id][trace.tokens.ids] = Episode(trace.scenario_id, sort, row, reward)
    chosen: list[Episode] = []
    for scenario in sorted(by_scenario):
        ranked = sorted(by_scenario[scenario].values(), key=lambda e: (-e.reward, e.row.ids))
        chosen += ranked[: settings.keep]
    return chosen


def train_rft(
    parent: Path,
    episodes: Sequence[Episode],
    anchors: list[Dialogue],
    settings: RftSettings,
    *,
    seed: int,
    work: Path,
    progress: Progress,
) -> tuple[Any, Any, dict[str, float]]:
    """Model, tokenizer and measures; only sampled tokens (and the anchors' assistant) are learned."""
    model, tokenizer = load_causal_model(parent), load_tokenizer(parent)
    context = model.config.max_position_embeddings
    kept = [episode for episode in episodes if len(episode.row.ids) <= context]
    anchor_rows = keep_fitting(encode_dialogues(anchors, model, tokenizer), context, "rows of the SFT dataset")
    rows = [*(episode.row for episode in kept), *anchor_rows]
    order = plan_mix(kept, len(anchor_rows), settings, seed)
    order = group_by_length(order, rows, settings.batch, random.Random(seed))
    measured = fit_tokens(model, tokenizer, rows, order, settings, work=work, seed=seed, progress=progress)
    return model, tokenizer, {**measured, "episodes": float(len(kept)), "anchors": float(len(anchor_rows))}


def plan_mix(episodes: Sequence[Episode], anchors: int, settings: RftSettings, seed: int) -> list[int]:
    """Row numbers for all steps: episodes first in the numbering, then anchors.

    Of what is not an anchor the share ``balance`` is drawn kind by kind, each kind equally often;
    the rest evenly over episodes.
    """
    rng = random.Random(seed)
    by_kind: dict[str, list[int]] = defaultdict(list)
    for at, episode in enumerate(episodes):
        by_kind[episode.kind].append(at)
    kinds = sorted(by_kind)
    order: list[int] = []
    for _ in range(settings.steps * settings.batch):
        if rng.random() < settings.anchor_share:
            order.append(len(episodes) + rng.randrange(anchors))
        elif rng.random() < settings.balance:
            order.append(rng.choice(by_kind[rng.choice(kinds)]))
        else:
            order.append(rng.randrange(len(episodes)))
    return order
