"""Episodes a second of our rollouts beside TRL's own generation through ``environment_factory``.

Both play the same scenarios with the newest policy model of a build in ``.factory``, at the same temperature,
without a shield, as many at once (judged by the recipe's own 256), after a few that warm up. Ours are
``run_episodes`` over the local engine, resets and grades included; of TRL only ``GRPOTrainer._generate`` is timed:
no reset, no grade, no training. An episode counts where no limit cut it off; a broken tool call ends it, TRL takes
it for words. TRL bounds the tokens of an episode, by the model's context here, we those of an action.
Source: ``trl.trainer.grpo_trainer`` of trl 1.16.
"""

import asyncio
import os
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent_factory.contracts import Scenario, Trace
from agent_factory.core.recipe import Recipe, load_recipe
from agent_factory.environment.scenario import draw_scenarios
from benchmarks.figure import Figure, skip

SIZES, JUDGED, WARM, TOKENS, TEMPERATURE, REACH = (128, 256, 512), 256, 8, 160, 1.0, 3.0
_MODELS = ".factory/artifacts/builds/support_desk-*/models/policy"


def measure() -> list[Figure]:
    found = sorted(Path().glob(_MODELS), key=lambda folder: folder.stat().st_mtime)
    if not found:
        return [skip("generation", f"no model at {_MODELS}: make run")]
    recipe = load_recipe("support_desk")
    scenarios = [one for one in draw_scenarios(recipe, "train", 2 * max(SIZES), 0) if one.solution.asks is None]
    scenarios = [one for one in scenarios if one.tools == scenarios[0].tools]
    return [_compare(found[-1], recipe, scenarios[:size]) for size in SIZES]


def _compare(folder: Path, recipe: Recipe, scenarios: Sequence[Scenario]) -> Figure:
    ours, peer = _play_ours(folder, recipe, scenarios), _play_theirs(folder, recipe, scenarios)
    name, ratio = f"generation/{len(scenarios)}_at_once", ours / peer
    judged = len(scenarios) == JUDGED
    reach = f">= {REACH:g} x TRL's generation through environment_factory" if judged else None
    met = ratio >= REACH if judged else None
    return Figure(name, round(ours, 1), "episodes/s", round(peer, 1), round(ratio, 1), reach, met)


def _play_ours(folder: Path, recipe: Recipe, scenarios: Sequence[Scenario]) -> float:
    from agent_factory.environment.rollout import run_episodes
    from agent_factory.gateway.chat import Sampling
    from agent_factory.gateway.local import LocalEngine

    engine = LocalEngine(folder, device="cpu")
    sampling = Sampling(temperature=TEMPERATURE, max_tokens=TOKENS)

    def play(some: Sequence[Scenario]) -> list[Trace]:
        return asyncio.run(
            run_episodes(some, recipe, engine, "policy", sampling=sampling, shielded=False, concurrency=len(some))
        )

    play(scenarios[:WARM])
    begun = time.perf_counter()
    traces = play(scenarios)
    seconds = time.perf_counter() - begun
    tokens = sum(step.usage.completion_tokens for trace in traces for step in trace.steps if step.usage)
    whole = sum(trace.failure is None or trace.failure.startswith("malformed") for trace in traces)
    return _tell("ours", whole, len(traces), tokens, seconds)


def _tell(whose: str, whole: int, episodes: int, tokens: int, seconds: float) -> float:
    print(f"generation: {whose} {whole} of {episodes} episodes whole, {tokens} tokens, {seconds:.1f} s")
    return whole / seconds


def _play_theirs(folder: Path, recipe: Recipe, scenarios: Sequence[Scenario]) -> float:
    os.environ.update(HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_OFFLINE="1", TRL_EXPERIMENTAL_SILENCE="1")
    from agent_factory.environment.interop.trainer import open_environment_factory, to_rows

    with (
        open_environment_factory(recipe, scenarios) as make,
        tempfile.TemporaryDirectory() as place,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        rows = to_rows(recipe, scenarios)
        trainer = _make_trainer(folder, rows, make, place)
        spent: list[tuple[float, Any]] = []
        generate = trainer._generate

        def timed(prompts: list[Any]) -> Any:
            begun = time.perf_counter()
            told = generate(prompts)
            spent.append((time.perf_counter() - begun, told))
            return told

        trainer._generate = timed
        trainer.model.eval()
        trainer._generate_and_score_completions(rows[:WARM])
        made = trainer._generate_and_score_completions(rows)
    seconds, (_, _, _, completions, *_) = spent[1]
    whole = sum(said[-1]["role"] == "assistant" and not said[-1].get("tool_calls") for said in completions)
    return _tell("TRL", whole, len(rows), int(made["completion_mask"].sum()), seconds)


def _make_trainer(folder: Path, rows: list[dict[str, Any]], make: Any, place: str) -> Any:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer
    from trl.chat_template_utils import qwen3_template

    from agent_factory.environment.interop.trainer import grade_answers
    from agent_factory.gateway.checkpoint import load_causal_model, load_tokenizer

    tokenizer = load_tokenizer(folder)
    tokenizer.response_template = qwen3_template
    model = load_causal_model(folder)
    options = GRPOConfig(
        output_dir=place,
        per_device_train_batch_size=len(rows),
        per_device_eval_batch_size=len(rows),
        num_generations=2,
        num_generations_eval=1,
        max_completion_length=model.config.max_position_embeddings,
        max_tool_calling_iterations=12,
        temperature=TEMPERATURE,
        report_to=[],
        use_cpu=True,
        bf16=False,
    )
    return GRPOTrainer(
        model=model,
        processing_class=tokenizer,
        reward_funcs=grade_answers,
        train_dataset=Dataset.from_list(rows),
        environment_factory=make,
        args=options,
    )
