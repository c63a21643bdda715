"""BFCL's cases as a set: held out, kept once, refused for rollouts and where it cannot be proved."""

import pytest

from agent_factory.contracts import BuildSpec, ScenarioSet
from agent_factory.core.artifact import open_artifacts
from agent_factory.core.error import ConflictError, InputError
from agent_factory.core.lineup import require_set
from agent_factory.core.store import open_store
from agent_factory.environment.bfcl.package import CATEGORIES, DEFAULT_FOLDER, Package
from agent_factory.environment.bfcl.scenario import make_bfcl_set
from agent_factory.environment.bfcl.world import BfclWorld
from agent_factory.environment.scenario import read_scenarios

INSTALLED = (DEFAULT_FOLDER / "bfcl_eval").is_dir()


@pytest.fixture
def home(tmp_path):
    return open_store(f"sqlite:///{tmp_path}/f.db"), open_artifacts(str(tmp_path / "artifacts"))


def test_a_set_is_kept_once_and_no_rollout_plays_it(home, world):
    record = make_bfcl_set(*home, world, "support_desk", set_id="bfcl")
    assert (record.split, record.count, record.per_level) == ("eval", 2, {"L3": 1, "L1": 1})
    assert make_bfcl_set(*home, world, "support_desk", set_id="bfcl") == record == home[0].get(ScenarioSet, "bfcl")
    assert [scenario.id for scenario in read_scenarios(home[1], record)] == ["multi_turn_base_0", "multi_turn_base_1"]

    build = BuildSpec.model_construct(id="b", recipe="support_desk")
    require_set("evaluation", build, record)
    with pytest.raises(InputError, match=r"the set 'bfcl' holds 'eval' scenarios, expected 'train' ones for rollouts"):
        require_set("rollout", build, record)
    with pytest.raises(ConflictError):
        make_bfcl_set(*home, world, "plant_maintenance", set_id="bfcl")


def test_a_case_that_its_reference_does_not_solve_is_named(home, folder):
    shelf = folder / "bfcl_eval" / "shelf.py"
    shelf.write_text(shelf.read_text().replace("random.Random(scenario", "random.SystemRandom(scenario"))
    with pytest.raises(InputError, match="case 'multi_turn_base_0' is not solved by its reference: ~met/turn 1"):
        make_bfcl_set(*home, BfclWorld(Package(folder)), "support_desk", set_id="bfcl")
    assert home[0].peek(ScenarioSet, "bfcl") is None


@pytest.mark.skipif(not INSTALLED, reason=f"bfcl-eval is not in {DEFAULT_FOLDER}: make bfcl")
@pytest.mark.parametrize("category", CATEGORIES)
def test_all_cases_of_the_real_package_are_solved_by_their_references(home, category):
    record = make_bfcl_set(*home, BfclWorld(Package()), "support_desk", set_id="bfcl", category=category)
    assert record.count == 200
