"""TRL trains through our environments: a tiny model for two steps with scripted words, and rewards by the grade."""

import json
import os

import pytest

from agent_factory.agent.loop import Limits
from agent_factory.core.error import InputError
from agent_factory.environment.interop.trainer import grade_answers, open_environment_factory, to_rows

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture
def plain(scenarios):
    """Scenarios without questions to the user."""
    return [s for s in scenarios if s.solution.asks is None and s.solution.calls][:4]


def play(environment, scenario):
    """The reference solution by methods; the completion as TRL has it."""
    environment.reset(scenario=scenario.id, prompt=[])
    for call in scenario.solution.calls:
        assert getattr(environment, call.name)(**call.arguments).startswith(("{", "["))
    return [{"role": "tool", "content": "x"}, {"role": "assistant", "content": scenario.solution.answer}]


def test_methods_are_the_tools_with_their_schemas(recipe, plain):
    from transformers.utils import get_json_schema

    with open_environment_factory(recipe, plain) as make:
        schema = get_json_schema(make().get_order)["function"]
    assert (schema["name"], schema["parameters"]["required"]) == ("get_order", ["order_id"])
    assert schema["description"]


def test_rewards_are_the_grades(recipe, plain):
    with open_environment_factory(recipe, plain) as make:
        environments = [make() for _ in plain]
        solved = [play(*pair) for pair in zip(environments, plain, strict=True)]
        assert grade_answers(solved, environments) == [1.0] * len(plain)
        assert grade_answers([said[:1] for said in solved], environments) == [0.0] * len(plain)
        environments[0].reset(scenario=plain[0].id)
        assert grade_answers([[{"role": "assistant", "content": "I am sorry."}]], environments[:1]) == [0.0]


def test_an_episode_past_the_step_limit_is_failed_as_in_a_rollout(recipe, plain):
    scenario = plain[0]
    with open_environment_factory(recipe, [scenario]) as make:
        environment = make()
        environment.reset(scenario=scenario.id)
        calls = scenario.solution.calls
        idle = [calls[0]] * (Limits().max_steps - len(calls))
        for call in (*idle, *calls):
            getattr(environment, call.name)(**call.arguments)
        said = [{"role": "assistant", "content": scenario.solution.answer}]
        assert grade_answers([said], [environment]) == [0.0]
        assert grade_answers([play(environment, scenario)], [environment]) == [1.0]


def test_scenarios_with_other_tools_are_refused(recipe, plain):
    other = plain[0].model_copy(update={"id": "other", "tools": plain[0].tools[:1]})
    with pytest.raises(InputError, match="the same tools"), open_environment_factory(recipe, [*plain, other]):
        pass


def write_turns(scenario):
    """What a model writes that solves a scenario, turn by turn."""
    calls = [json.dumps({"name": call.name, "arguments": call.arguments}) for call in scenario.solution.calls]
    return [*(f"<tool_call>\n{call}\n</tool_call>" for call in calls), scenario.solution.answer]


@pytest.mark.filterwarnings("ignore")
def test_a_trainer_rewards_an_episode_that_is_solved_by_tools_and_no_other(recipe, scenarios, tmp_path, monkeypatch):
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer
    from trl.chat_template_utils import qwen3_template

    from agent_factory.training.nano import create_model, train_tokenizer
    from agent_factory.training.setting import NanoSettings

    changing = [one for one in scenarios if one.solution.asks is None and one.rules.state]
    scenario = min(changing, key=lambda one: len(one.solution.calls))
    turns = iter([*write_turns(scenario), scenario.solution.answer])  # the second step says it and does nothing

    class Scripted(GRPOTrainer):
        """Generates the scripted turns, for each episode alike."""

        def _generate_single_turn(self, prompt_ids, *given, **more):
            ids = tokenizer(next(turns), add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
            return [list(ids) for _ in prompt_ids], None

    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    settings = NanoSettings(vocabulary=300, hidden=32, layers=1, heads=2, intermediate=64, context=8192)
    tokenizer = train_tokenizer([s.opening for s in scenarios], settings)
    tokenizer.response_template = qwen3_template
    options = GRPOConfig(
        output_dir=str(tmp_path),
        max_steps=2,
        per_device_train_batch_size=4,
        num_generations=2,
        max_completion_length=4096,
        report_to=[],
        use_cpu=True,
        save_strategy="no",
        logging_steps=1,
    )
    with open_environment_factory(recipe, [scenario]) as make:
        trainer = Scripted(
            model=create_model(tokenizer, settings, 0),
            processing_class=tokenizer,
            reward_funcs=grade_answers,
            train_dataset=Dataset.from_list(to_rows(recipe, [scenario] * 4)),
            environment_factory=make,
            args=options,
        )
        trainer.train()
    told = [line["reward"] for line in trainer.state.log_history if "reward" in line]
    assert told == [1.0, 0.0]
