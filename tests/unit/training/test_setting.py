import pytest

from agent_factory.contracts import StageSpec
from agent_factory.core.error import InputError
from agent_factory.training.setting import check_stages


def test_the_stages_of_a_build_are_checked(build):
    check_stages(build)


@pytest.mark.parametrize(
    ("kind", "parameters", "said"),
    [
        ("sft", {"steps": 0}, r"stage 'sft' of build 'B1' is wrong: steps: .*greater than or equal to 1 \(got 0\)"),
        ("rft", {"stepz": 3}, r"stepz: Extra inputs.*It may have: steps, batch"),
        ("reward", {"held_out_share": "most"}, r"held_out_share: .*got 'most'"),
    ],
)
def test_a_wrong_parameter_is_named(build, kind, parameters, said):
    wrong = build.model_copy(update={"stages": (StageSpec(kind=kind, parameters=parameters),)})
    with pytest.raises(InputError, match=said):
        check_stages(wrong)


def test_a_wrong_shape_is_named(build):
    wrong = build.model_copy(update={"settings": {"nano": {"layers": 0}}})
    with pytest.raises(InputError, match=r"\[nano\] of build 'B1' is wrong: layers"):
        check_stages(wrong)
