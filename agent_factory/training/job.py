"""What each stage does with its inputs: read, train, hand back model, tokenizer and measures. Workers only."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.dataset import DatasetManifest
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.reward import RewardConfig
from agent_factory.core.artifact import Artifacts
from agent_factory.core.progress import Progress
from agent_factory.core.store import Store
from agent_factory.training.input import StageInputs
from agent_factory.training.setting import PretrainSettings, RewardSettings, RftSettings, SftSettings
from agent_factory.training.source import read_clean_dialogues, read_dialogues, read_rollouts, read_scenario_kinds

T = TypeVar("T", ModelManifest, DatasetManifest, RewardConfig)
Trained = tuple[Any, Any, dict[str, float]]


def quiet_libraries() -> None:
    """Keep progress bars and advice of the libraries out of the worker's log."""
    import transformers
    from datasets.utils.logging import disable_progress_bar

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    disable_progress_bar()


def pretrain_base(
    artifacts: Artifacts, build: BuildSpec, inputs: StageInputs, work: Path, progress: Progress
) -> Trained:
    """M0."""
    from agent_factory.training.pretrain import pretrain, take_base

    if build.base_model != "nano":
        return take_base(build)
    dialogues = read_clean_dialogues(artifacts, build, inputs.files)
    settings = PretrainSettings.model_validate(inputs.settings.model_dump())
    return pretrain(dialogues, inputs.nano, settings, seed=inputs.seed, work=work, progress=progress)


def train_sft_model(
    artifacts: Artifacts, build: BuildSpec, inputs: StageInputs, work: Path, progress: Progress
) -> Trained:
    """M1."""
    from agent_factory.training.sft import train_sft

    dialogues = read_dialogues(artifacts, _given(inputs.dataset))
    settings = SftSettings.model_validate(inputs.settings.model_dump())
    return train_sft(
        _folder(artifacts, inputs.parent), dialogues, settings, seed=inputs.seed, work=work, progress=progress
    )


def train_reward_model(
    artifacts: Artifacts, build: BuildSpec, inputs: StageInputs, work: Path, progress: Progress
) -> Trained:
    """The reward model."""
    from agent_factory.training.reward import pair_preferences, pair_rollouts, train_reward

    parent = _folder(artifacts, inputs.parent)
    settings = RewardSettings.model_validate(inputs.settings.model_dump())
    told = pair_preferences(artifacts.read_table(_given(inputs.dataset).path).to_pylist(), parent)
    rolled = pair_rollouts(read_rollouts(artifacts, inputs.files), settings, inputs.seed)
    model, tokenizer, measured = train_reward(
        parent, [*told, *rolled], settings, seed=inputs.seed, work=work, progress=progress
    )
    return model, tokenizer, {**measured, "preference_pairs": float(len(told)), "rollout_pairs": float(len(rolled))}


def train_policy(
    store: Store, artifacts: Artifacts, build: BuildSpec, inputs: StageInputs, work: Path, progress: Progress
) -> Trained:
    """The policy after one round of rejection sampling."""
    from agent_factory.training.reward import load_scorer
    from agent_factory.training.rft import choose_episodes, train_rft

    settings = RftSettings.model_validate(inputs.settings.model_dump())
    traces = list(read_rollouts(artifacts, inputs.files))
    scorer = load_scorer(_folder(artifacts, inputs.scorer))
    kinds = read_scenario_kinds(store, artifacts, build)
    mix: RewardConfig = _given(inputs.mix)
    episodes = choose_episodes(traces, kinds, scorer, mix, settings)
    anchors = read_dialogues(artifacts, _given(inputs.dataset))
    model, tokenizer, measured = train_rft(
        _folder(artifacts, inputs.parent),
        episodes,
        anchors,
        settings,
        seed=inputs.seed,
        work=work,
        progress=progress,
    )
    solved = sum(trace.outcome is not None and trace.outcome.success for trace in traces)
    return model, tokenizer, {**measured, "rollouts": float(len(traces)), "rollout_success": solved / len(traces)}


def _folder(artifacts: Artifacts, model: ModelManifest | None) -> Path:
    return artifacts.local(_given(model).path)


def _given(value: T | None) -> T:
    assert value is not None, "collect_inputs has not collected what this stage needs"
    return value
