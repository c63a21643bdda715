import pytest

from agent_factory.contracts import StageSpec
from agent_factory.core.error import InputError
from agent_factory.training.setting import check_build


def test_the_stages_of_a_build_are_checked(build):
    check_build(build)


@pytest.mark.parametrize(
    ("kind", "parameters", "said"),
    [
        (
            "sft",
            {"steps": 0},
            r"stage 'sft' of build 'B1' is not as expected: steps: .*greater than or equal to 1, got 0",
        ),
        ("rft", {"stepz": 3}, r"stepz: Extra inputs.*It may have: steps, batch"),
        ("sft", {"learning_rate": float("inf")}, r"learning_rate: .*finite number, got inf"),
        ("reward", {"held_out_share": "most"}, r"held_out_share: .*got 'most'"),
    ],
)
def test_a_wrong_parameter_is_named(build, kind, parameters, said):
    wrong = build.model_copy(update={"stages": (StageSpec(kind=kind, parameters=parameters),)})
    with pytest.raises(InputError, match=said):
        check_build(wrong)


def test_a_wrong_shape_is_named(build):
    wrong = build.model_copy(update={"settings": {"nano": {"layers": 0}}})
    with pytest.raises(InputError, match=r"\[nano\] of build 'B1' is not as expected: layers"):
        check_build(wrong)


def test_an_override_is_named_and_not_the_file(build):
    stages = tuple(stage for stage in build.stages if stage.kind != "sft")
    wrong = build.model_copy(update={"stages": (*stages, StageSpec(kind="sft", parameters={"steps": 0, "batch": 0}))})
    told = r"'B1' is not as expected: batch: .*the order's override is not as expected: training\.sft\.steps: .*got 0"
    with pytest.raises(InputError, match=told):
        check_build(wrong, {"training": {"sft": {"steps": 0}}})


@pytest.mark.parametrize(("hidden", "heads"), [(128, 3), (130, 2)])
def test_a_width_that_heads_cannot_share_is_refused(build, hidden, heads):
    wrong = build.model_copy(update={"settings": {"nano": {"hidden": hidden, "heads": heads}}})
    with pytest.raises(InputError, match=f"hidden = {hidden} cannot be shared out to heads = {heads}"):
        check_build(wrong)


def test_each_stage_is_needed_once(build):
    for stages, told in (
        (build.stages[:2], r"lacks the training stages \['reward', 'rft'\]"),
        (2 * build.stages, "once"),
    ):
        with pytest.raises(InputError, match=told):
            check_build(build.model_copy(update={"stages": stages}))


def test_a_base_model_is_a_whole_folder(build, tmp_path):
    def check(base):
        check_build(build.model_copy(update={"base_model": base}))

    (tmp_path / "config.json").write_text("{}")
    for base, told in (
        ("nano-2", "relative"),
        (f"{tmp_path}/gone", "there is no model"),
        (str(tmp_path), "safetensors"),
    ):
        with pytest.raises(InputError, match=f"base_model = .*{told}.*Expected 'nano'") as caught:
            check(base)
        assert "Delete" not in str(caught.value)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match=r"is not a safetensors file|bytes long"):
        check(str(tmp_path))
