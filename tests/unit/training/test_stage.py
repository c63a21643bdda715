import errno
import shutil
from types import SimpleNamespace

import pytest
from safetensors import SafetensorError

from agent_factory.contracts import ModelManifest, StageSpec
from agent_factory.core.digest import digest_folder
from agent_factory.core.error import BusyError, InputError, ModelError, NotFoundError, StorageError
from agent_factory.training import registry, stage
from agent_factory.training.lock import hold_lock
from agent_factory.training.stage import run_stage


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """MLflow has tests of its own; here it takes every model."""
    seen = []

    def register(url, build, manifest, inputs, folder):
        seen.append(manifest.id)
        return manifest.model_copy(update={"mlflow_run_id": "r", "mlflow_version": str(len(seen))})

    monkeypatch.setattr(registry, "register_model", register)
    return seen


def test_the_stages_follow_one_another(store, artifacts, build, progress, registered, rollouts):
    base = run_stage(store, artifacts, build, "pretrain", progress)
    sft = run_stage(store, artifacts, build, "sft", progress)
    rollouts(sft)
    reward = run_stage(store, artifacts, build, "reward", progress)
    policy = run_stage(store, artifacts, build, "rft", progress)

    assert [m.stage for m in (base, sft, reward, policy)] == ["base", "sft", "reward", "policy"]
    assert [m.parent for m in (base, sft, reward, policy)] == [None, base.id, sft.id, sft.id]
    assert (sft.dataset_ids, sft.dataset_digests) == (("D1",), ("digest-D1",))
    assert policy.dataset_ids == ("D1", f"builds/B1/rollouts/{sft.id}.parquet")
    assert base.dataset_ids == ("projects/default/days/2026-11-20/clean_events.parquet",)
    for manifest in (base, sft, reward, policy):
        assert digest_folder(artifacts.local(manifest.path)) == manifest.digest
        assert store.get(ModelManifest, manifest.id) == manifest
    assert base.metrics["loss"] < base.metrics["first_loss"]
    assert base.metrics["rows"] == 40
    assert 0 <= reward.metrics["pairwise_accuracy"] <= 1
    assert reward.metrics["rollout_pairs"] == 20
    assert (policy.metrics["rollouts"], policy.metrics["rollout_success"]) == (30, pytest.approx(2 / 3))
    assert policy.metrics["episodes"] == 20
    assert registered == [base.id, sft.id, reward.id, policy.id]
    assert (6, 6) in [told[:2] for told in progress.told]
    assert not [p for p in artifacts.local("builds/B1/models/.work").iterdir() if p.is_dir()]

    told = len(progress.told)
    again = run_stage(store, artifacts, build, "sft", progress)
    assert again == sft
    assert len(progress.told) == told  # to tell anything would be to say that there was work to do
    assert len(registered) == 4

    changed = build.model_copy(
        update={"stages": tuple(s.model_copy(update={"parameters": {"steps": 1}}) for s in build.stages)}
    )
    other = run_stage(store, artifacts, changed, "sft", progress)
    assert other.id != sft.id
    assert other.path.startswith(sft.path + "-")
    assert digest_folder(artifacts.local(sft.path)) == sft.digest


def test_a_superseded_models_rollouts_teach_nothing(store, artifacts, build, progress, rollouts):
    run_stage(store, artifacts, build, "pretrain", progress)
    first = run_stage(store, artifacts, build, "sft", progress)
    rollouts(first)
    stages = tuple(
        StageSpec(kind="sft", parameters={**s.parameters, "steps": 1}) if s.kind == "sft" else s for s in build.stages
    )
    build = build.model_copy(update={"stages": stages})
    second = run_stage(store, artifacts, build, "sft", progress)
    run_stage(store, artifacts, build, "reward", progress)
    with pytest.raises(NotFoundError, match=f"no rollouts of '{second.id}'; materialize environment/rollouts"):
        run_stage(store, artifacts, build, "rft", progress)
    rollouts(second)
    reward, policy = (run_stage(store, artifacts, build, kind, progress) for kind in ("reward", "rft"))
    own = f"builds/B1/rollouts/{second.id}.parquet"
    assert (reward.dataset_ids, policy.dataset_ids) == (("D2", own), ("D1", own))
    assert policy.metrics["rollouts"] == 30


def test_the_reward_stage_learns_by_the_optimizer_that_was_asked(store, artifacts, build, progress, rollouts):
    run_stage(store, artifacts, build, "pretrain", progress)
    rollouts(run_stage(store, artifacts, build, "sft", progress))

    def train(**asked):
        parameters = {**build.stage("reward").parameters, **asked}
        stages = (*build.stages[:2], StageSpec(kind="reward", parameters=parameters), build.stages[3])
        return run_stage(store, artifacts, build.model_copy(update={"stages": stages}), "reward", progress)

    adam, again, muon = train(), train(save_steps=3), train(optimizer="muon")
    weights = [(artifacts.local(m.path) / "model.safetensors").read_bytes() for m in (adam, again, muon)]
    assert weights[0] == weights[1] != weights[2]


def test_a_stage_without_its_parent_names_what_to_materialize(store, artifacts, build, progress):
    with pytest.raises(NotFoundError, match=r"'B1' has no base model; materialize training/base_model"):
        run_stage(store, artifacts, build, "sft", progress)


def test_a_build_without_clean_events_says_which_days(store, artifacts, build, progress):
    artifacts.files.rm(artifacts.locate("projects/default/days/2026-11-20/clean_events.parquet"))
    with pytest.raises(InputError, match=r"no clean events from 2026-11-20 to 2026-11-21"):
        run_stage(store, artifacts, build, "pretrain", progress)


def test_a_worker_that_died_before_its_record_is_not_trained_again(store, artifacts, build, progress, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(registry, "register_model", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_stage(store, artifacts, build, "pretrain", progress)
    assert store.find(ModelManifest) == []
    monkeypatch.setattr(stage, "_train", lambda *_: pytest.fail("trained twice"))
    assert run_stage(store, artifacts, build, "pretrain", progress).metrics["rows"] == 40


def test_a_spoiled_checkpoint_is_named_and_not_built_upon(store, artifacts, build, progress):
    base = run_stage(store, artifacts, build, "pretrain", progress)
    weights = artifacts.local(base.path) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8] + b"spoiled!")
    for kind in ("pretrain", "sft"):
        with pytest.raises(ModelError, match=r"its digest is .* Delete the folder and run the training stage"):
            run_stage(store, artifacts, build, kind, progress)


def train_all(store, artifacts, build, progress, rollouts):
    base, sft = (run_stage(store, artifacts, build, kind, progress) for kind in ("pretrain", "sft"))
    rollouts(sft)
    return [base, sft, *(run_stage(store, artifacts, build, kind, progress) for kind in ("reward", "rft"))]


def test_a_model_that_is_deleted_and_comes_out_the_same_keeps_its_number(
    store, artifacts, build, progress, registered, rollouts
):
    made = train_all(store, artifacts, build, progress, rollouts)
    assert (made[3].parent, made[3].scorer) == (made[1].id, made[2].id)
    for manifest in made:
        shutil.rmtree(artifacts.local(manifest.path))
    progress.earlier_seconds = 77.0  # it takes another time
    assert train_all(store, artifacts, build, progress, rollouts) == made
    assert [digest_folder(artifacts.local(m.path)) for m in made] == [m.digest for m in made]
    assert len(registered) == 4


def test_a_restored_model_stands_where_it_stood(store, artifacts, build, progress):
    run_stage(store, artifacts, build, "pretrain", progress)
    first = run_stage(store, artifacts, build, "sft", progress)
    stages = tuple(StageSpec(kind=s.kind, parameters={**s.parameters, "steps": 1}) for s in build.stages)
    changed = build.model_copy(update={"stages": stages})
    second = run_stage(store, artifacts, changed, "sft", progress)
    for manifest in (first, second):
        shutil.rmtree(artifacts.local(manifest.path))
    assert run_stage(store, artifacts, changed, "sft", progress) == second
    assert [artifacts.exists(m.path) for m in (first, second)] == [False, True]


def test_a_model_that_comes_out_another_has_another_number(store, artifacts, build, progress):
    base = run_stage(store, artifacts, build, "pretrain", progress)
    shutil.rmtree(artifacts.local(base.path))
    stale = base.model_copy(update={"digest": "what another machine made"})
    store.put(stale, replace=True)
    again = run_stage(store, artifacts, build, "pretrain", progress)
    assert (again.id != base.id, again.path, again.digest) == (True, base.path, base.digest)


def test_a_model_with_its_card_inside_is_known(store, artifacts, build, progress):
    base = run_stage(store, artifacts, build, "pretrain", progress)
    folder = artifacts.local(base.path)
    folder.with_name("base.json").rename(folder / "training.json")
    store.put(base.model_copy(update={"digest": digest_folder(folder)}), replace=True)
    assert run_stage(store, artifacts, build, "pretrain", progress).id == base.id
    changed = build.model_copy(update={"seed": 1})
    assert run_stage(store, artifacts, changed, "pretrain", progress).path != base.path


def test_two_workers_do_not_train_the_same(store, artifacts, build, progress):
    lock = artifacts.local("builds/B1/models/.work/base.lock")
    with hold_lock(lock, "it"), pytest.raises(BusyError, match=r"is being trained by process \d+"):
        run_stage(store, artifacts, build, "pretrain", progress)


def test_a_disk_that_is_full_is_a_storage_error(store, artifacts, build, progress, monkeypatch):
    from agent_factory.core.error import StorageError

    def fail(folder, **_):
        raise OSError(28, "No space left on device")

    model = SimpleNamespace(save_pretrained=fail)
    monkeypatch.setattr(stage, "_train", lambda *_: (model, None, {}))
    with pytest.raises(StorageError, match=r"No space left on device.*goes on from its last checkpoint"):
        run_stage(store, artifacts, build, "pretrain", progress)
    assert not artifacts.exists("builds/B1/models/base")


def full(error):
    def save(*args, **kwargs):
        raise error

    return save


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("torch.save", RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0")),
        (
            "transformers.modeling_utils.safe_save_file",
            SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        ),
        ("transformers.PreTrainedTokenizerBase.save_pretrained", OSError(errno.ENOSPC, "No space left on device")),
    ],
)
def test_a_full_disk_is_told_whoever_meets_it(store, artifacts, build, progress, monkeypatch, where, error):
    with monkeypatch.context() as patched:
        patched.setattr(where, full(error))
        with pytest.raises(StorageError, match=r"(?s)could not be written under .*models'.* disk has room"):
            run_stage(store, artifacts, build, "pretrain", progress)
    assert run_stage(store, artifacts, build, "pretrain", progress).stage == "base"


def test_another_fault_in_training_stays_what_it_is(store, artifacts, build, progress, monkeypatch):
    monkeypatch.setattr("torch.save", full(RuntimeError("a size does not fit")))
    with pytest.raises(RuntimeError, match="does not fit"):
        run_stage(store, artifacts, build, "pretrain", progress)
