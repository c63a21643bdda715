from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from agent_factory.training.fit import choose_optimizer  # noqa: E402
from agent_factory.training.optimizer import MuonWithAdamW  # noqa: E402
from agent_factory.training.setting import SftSettings  # noqa: E402


def make_model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.ModuleDict({"embed": torch.nn.Embedding(5, 4), "layer": torch.nn.Linear(4, 4)})


def make_optimizer(model: torch.nn.Module) -> MuonWithAdamW:
    return MuonWithAdamW(model, learning_rate=0.01, matrix_learning_rate=0.1, weight_decay=0.0)


def learn(model: torch.nn.Module, optimizer: MuonWithAdamW) -> None:
    words = torch.arange(5)
    loss = (model["layer"](model["embed"](words)) - 1.0).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def test_only_matrices_of_layers_are_muons() -> None:
    model = make_model()
    muon, adam = make_optimizer(model).parts
    assert [weight for group in muon.param_groups for weight in group["params"]] == [model["layer"].weight]
    assert len([weight for group in adam.param_groups for weight in group["params"]]) == 2


def test_what_gives_words_or_a_score_out_is_no_layer() -> None:
    model = torch.nn.ModuleDict({"layer": torch.nn.Linear(4, 4), "lm_head": torch.nn.Linear(4, 5)})
    model["score"] = torch.nn.Linear(4, 1)
    muon, _ = make_optimizer(model).parts
    assert [weight for group in muon.param_groups for weight in group["params"]] == [model["layer"].weight]


def test_muon_moves_a_matrix_by_an_orthogonal_step() -> None:
    model = make_model()
    before = model["layer"].weight.detach().clone()
    learn(model, make_optimizer(model))
    values = torch.linalg.svdvals((model["layer"].weight.detach() - before) / 0.1)
    # Newton-Schulz brings the singular values near one, not to it.
    assert values.max() < 1.3
    assert values.max() > 0.6


def test_a_schedule_reaches_both_parts() -> None:
    optimizer = make_optimizer(make_model())
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5)
    assert [group["lr"] for part in optimizer.parts for group in part.param_groups] == [0.05, 0.005]
    assert scheduler.get_last_lr() == [0.05, 0.005]


def test_training_goes_on_from_a_saved_state_as_if_never_stopped() -> None:
    whole, halted = make_model(), make_model()
    optimizer = make_optimizer(whole)
    for _ in range(4):
        learn(whole, optimizer)
    first = make_optimizer(halted)
    for _ in range(2):
        learn(halted, first)
    second = make_optimizer(halted)
    second.load_state_dict(first.state_dict())
    for _ in range(2):
        learn(halted, second)
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, halted.state_dict()[name]), name


def test_adamw_is_left_to_the_trainer() -> None:
    assert choose_optimizer(SftSettings(optimizer="adamw")) is None
    assert choose_optimizer(SftSettings(optimizer="muon")) is not None
