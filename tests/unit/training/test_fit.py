import random
import shutil
from types import SimpleNamespace

import pytest
import torch

from agent_factory.core.error import InputError
from agent_factory.gateway.template import Encoded
from agent_factory.training.fit import (
    Seal,
    find_checkpoint,
    fit_tokens,
    group_by_length,
    keep_fitting,
    mask_labels,
    plan_epochs,
)
from agent_factory.training.nano import create_model, train_tokenizer
from agent_factory.training.setting import FitSettings, NanoSettings

SETTINGS = FitSettings(steps=8, batch=4, learning_rate=1e-2, save_steps=2)
SHAPE = NanoSettings(vocabulary=300, hidden=32, layers=1, heads=2, intermediate=64, context=64)


@pytest.fixture(scope="module")
def tokenizer():
    from agent_factory.contracts import Message

    return train_tokenizer([[Message(role="user", content="some words to learn 1 2 3")]], SHAPE)


@pytest.fixture(scope="module")
def rows():
    rng = random.Random(0)
    made = [[rng.randrange(5, 250) for _ in range(rng.randint(6, 20))] for _ in range(30)]
    return [Encoded(ids, [int(at > 2) for at in range(len(ids))]) for ids in made]


def test_labels_are_the_ids_that_the_assistant_spoke():
    assert mask_labels(Encoded([5, 6, 7, 8], [0, 1, 0, 1])) == [-100, 6, -100, 8]


def test_the_loss_is_over_the_masked_tokens_alone(tokenizer, progress, tmp_path):
    """One row, one step without learning: the loss is the mean of the spoken tokens' own."""
    model = create_model(tokenizer, SHAPE, seed=0)
    row = Encoded([5, 6, 7, 8, 9], [0, 0, 1, 0, 1])
    with torch.no_grad():
        logs = torch.log_softmax(model(torch.tensor([row.ids])).logits[0], -1)
    expected = -(logs[1, 7] + logs[3, 9]) / 2
    settings = FitSettings(steps=1, batch=1, learning_rate=1e-9)
    measured = fit_tokens(model, tokenizer, [row], [0], settings, work=tmp_path, seed=0, progress=progress)
    assert measured["loss"] == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_killed_run_goes_on_as_if_it_had_not_been(tokenizer, rows, progress, tmp_path, optimizer):
    settings = SETTINGS.model_copy(update={"optimizer": optimizer})

    def fit(work):
        model = create_model(tokenizer, SHAPE, seed=0)
        order = plan_epochs(rows, settings, seed=0)
        fit_tokens(model, tokenizer, rows, order, settings, work=work, seed=0, progress=progress)
        return model.state_dict()

    whole = fit(tmp_path / "whole")
    # What a worker leaves that was killed while it wrote checkpoint 8: a whole 6, a torn 8.
    shutil.copytree(tmp_path / "whole" / "checkpoint-6", tmp_path / "killed" / "checkpoint-6")
    shutil.copy(tmp_path / "whole" / "seal-6", tmp_path / "killed")
    shutil.copytree(tmp_path / "whole" / "checkpoint-6", tmp_path / "killed" / "checkpoint-8")
    (tmp_path / "killed" / "checkpoint-8" / "trainer_state.json").write_text('{"global')
    progress.told.clear()
    resumed = fit(tmp_path / "killed")
    assert next(done for done, _, _ in progress.told) == 7
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def test_only_whole_checkpoints_are_found(tmp_path):
    for step in (2, 10, 12, 14, 16):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "optimizer.pt").write_bytes(b"written")
        if step != 16:  # its writer was killed
            Seal().on_save(SimpleNamespace(output_dir=tmp_path), SimpleNamespace(global_step=step), None)
    (tmp_path / "checkpoint-12" / "optimizer.pt").write_bytes(b"wriXten")
    (tmp_path / "checkpoint-14" / "optimizer.pt").write_bytes(b"writ")
    assert find_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert sorted(path.name for path in tmp_path.glob("checkpoint-*")) == ["checkpoint-10", "checkpoint-2"]


def test_an_epoch_has_every_row_once_and_the_seed_decides(rows):
    settings = FitSettings(steps=30, batch=4, learning_rate=1)
    order = plan_epochs(rows, settings, seed=1)
    assert len(order) == 120
    assert sorted(order) == sorted([*range(30)] * 4)
    assert order == plan_epochs(rows, settings, seed=1) != plan_epochs(rows, settings, seed=2)


def test_batches_have_rows_of_like_length(rows):
    def padding(order):
        lengths = [len(rows[at].ids) for at in order]
        return sum(max(lengths[i : i + 5]) * 5 for i in range(0, 30, 5)) - sum(lengths)

    grouped = group_by_length(range(30), rows, 5, random.Random(0))
    assert sorted(grouped) == [*range(30)]
    assert padding(grouped) < padding(range(30)) / 2


def test_rows_beyond_the_context_or_without_words_are_left_out():
    rows = [Encoded([1, 2], [0, 1]), Encoded([1, 2, 3], [0, 1, 1]), Encoded([1, 2], [0, 0])]
    assert keep_fitting(rows, 2, "rows") == rows[:1]
    with pytest.raises(InputError, match="none of 1 rows can be learned from: the longest has 3 tokens"):
        keep_fitting(rows[1:2], 2, "rows")
