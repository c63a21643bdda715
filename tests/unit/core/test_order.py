import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from agent_factory.contracts import BuildSpec, DataWindow, Order
from agent_factory.core import clock
from agent_factory.core.error import ConflictError, InputError, NotFoundError
from agent_factory.core.order import make_build_spec, move_order, order_build, place_order
from agent_factory.core.recipe import Recipe, load_recipe
from agent_factory.core.settings import CHECKOUT
from agent_factory.core.store import Store, open_store

WINDOW = DataWindow(first_day=date(2026, 10, 29), last_day=date(2026, 10, 31))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path / 'factory.db'}")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """A copy of the shipped recipe whose files a test may spoil."""
    shutil.copytree(CHECKOUT / "recipes" / "support_desk", tmp_path / "recipes" / "support_desk")
    return load_recipe("support_desk", tmp_path / "recipes")


def edit(recipe: Recipe, name: str, old: str, new: str) -> Recipe:
    path = recipe.folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return Recipe(recipe.folder)


def test_a_spec_holds_what_the_files_say(recipe: Recipe) -> None:
    spec = make_build_spec(recipe, "p1", WINDOW)
    assert (spec.recipe, spec.project, spec.recipe_digest) == ("support_desk", "p1", recipe.digest)
    assert [stage.kind for stage in spec.stages] == ["pretrain", "sft", "reward", "rft"]
    assert recipe.settings["rollouts"].items() <= spec.settings["rollouts"].items()
    assert spec.gate.min_success == recipe.gate["min_success"]
    assert "kind" not in spec.stage("sft").parameters


def test_overrides_change_this_build_only(recipe: Recipe) -> None:
    overrides = {"build": {"min_rows": 3}, "training": {"sft": {"steps": 5}}, "gate": {"min_success": 0.1}}
    spec = make_build_spec(recipe, "default", WINDOW, overrides)
    assert spec.min_rows == 3
    assert spec.stage("sft").parameters["steps"] == 5
    assert spec.gate.min_success == 0.1
    assert make_build_spec(recipe, "default", WINDOW).min_rows == recipe.settings["build"]["min_rows"]


def test_a_window_beyond_the_days_that_are_taken_is_refused() -> None:
    today = clock.now().date()
    for first, last in ((date(2023, 12, 31), today), (today, today + timedelta(days=1))):
        with pytest.raises(InputError, match=f"expected days from 2024-01-01 to {today}"):
            make_build_spec("support_desk", "default", DataWindow(first_day=first, last_day=last))


def test_an_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match=r"no recipe 'nobody'.*support_desk"):
        make_build_spec("nobody", "default", WINDOW)


def test_what_is_not_toml_is_told_with_its_place(recipe: Recipe) -> None:
    with pytest.raises(InputError, match=r"build.toml is not TOML.*line"):
        make_build_spec(edit(recipe, "build.toml", "[build]", "[build"), "default", WINDOW)


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("build.toml", 'kind = "sft"', 'kind = "magic"', "number 2.*kind.*magic"),
        ("build.toml", "min_rows", "min_row", "build.min_row"),
        ("build.toml", "[rollouts]", "[rollout]", "rollout"),
        ("build.toml", "train_scenarios = ", "train_scenarios = -", "train_scenarios"),
        ("gate.toml", "min_success", "minimal_success", "minimal_success"),
        ("gate.toml", "L5 = ", "L6 = ", "gate.toml is not as expected: min_level_success: .*no level 'L6'"),
    ],
)
def test_a_wrong_key_is_named(recipe: Recipe, name: str, old: str, new: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        make_build_spec(edit(recipe, name, old, new), "default", WINDOW)


@pytest.mark.parametrize(
    "overrides",
    [{"nothing": {}}, {"rollouts": {"episode": 1}}, {"training": {"dream": {}}}, {"build": 3}, {"gate": {"x": 1}}],
)
def test_a_wrong_override_is_refused(recipe: Recipe, overrides: dict[str, object]) -> None:
    with pytest.raises(InputError):
        make_build_spec(recipe, "default", WINDOW, overrides)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"rollouts": {"episode": 1}}, "override is not as expected: rollouts.episode: "),
        ({"gate": {"min_success": 2}}, "override is not as expected: gate.min_success: .*got 2"),
        ({"build": {"min_rows": "many"}}, "override is not as expected: build.min_rows"),
        ({"data": {"min_scor": 1}}, "override is not as expected: data.min_scor"),
        ({"data": {"project": "x"}}, "override is not as expected: data.project"),
        ({"training": {"sft": {"kind": "rft"}}}, "override 'training.sft.kind'"),
        (
            {"gate": {"min_level_success": {"L9": 0.5}}},
            "override is not as expected: gate.min_level_success: .*no level 'L9': scenarios have L1, L2, L3, L4, L5",
        ),
        ({"gate": {"min_level_success": {"L1": 5}}}, "gate.min_level_success: .*L1 = 5.0 is no share"),
        ({"rollouts": {"samples": 11, "episodes": 10}}, "rollouts: .*samples = 11 of each .* episodes = 10 in all"),
        ({"rollouts": {"episodes": 3}}, "override is not as expected: rollouts: .*samples = 4 .* episodes = 3 in all"),
        ({"rollouts": {"temperature": float("nan")}}, "rollouts.temperature: .*finite"),
        ({"prices": {"cpu_core_hour": float("inf")}}, "prices.cpu_core_hour: .*finite"),
        ({"build": {"seed": 2**32}}, "build.seed: .*less than or equal to 4294967295"),
        ({"data": {"max_rows": 199}}, "data: .*max_rows = 199 is less than the build's min_rows = 200"),
    ],
)
def test_a_wrong_override_is_named_and_no_file(recipe: Recipe, overrides: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        make_build_spec(recipe, "default", WINDOW, overrides)
    assert ".toml" not in str(caught.value)


def test_a_wrong_file_is_named_beside_a_wrong_override(recipe: Recipe) -> None:
    wrong = edit(recipe, "build.toml", "min_rows", "min_row")
    told = "build.toml is not as expected: .*build.min_row: .*override is not as expected: rollouts.samples"
    with pytest.raises(InputError, match=told):
        make_build_spec(wrong, "default", WINDOW, {"rollouts": {"samples": 0}})


def test_an_order_may_choose_the_kind_of_environment(recipe: Recipe) -> None:
    spec = make_build_spec(recipe, "default", WINDOW, {"environment": {"kind": "browser"}})
    assert spec.settings["environment"]["kind"] == "browser"
    assert spec.settings["environment"]["settings"] == recipe.settings["environment"]["settings"]


@pytest.mark.parametrize(
    "overrides",
    [
        {"recipe": {"simulator": "simulator.app:create_app"}},
        {"privacy": {"references": None}},
        {"return_traces": {"count": 2}},
        {"environment": {"settings": {"terminal": {"command": ["sh"]}}}},
        {"environment": {"kind": "http", "user": {"model": "m", "place": "http://elsewhere/v1"}}},
    ],
)
def test_what_the_recipe_is_cannot_be_overridden(recipe: Recipe, overrides: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"cannot be overridden.*Edit .*build.toml"):
        make_build_spec(recipe, "default", WINDOW, overrides)


def test_of_the_data_only_what_was_asked_is_kept(recipe: Recipe) -> None:
    assert make_build_spec(recipe, "default", WINDOW).settings["data"] == {}
    spec = make_build_spec(recipe, "default", WINDOW, {"data": {"max_pairs_per_task": 2}})
    assert spec.settings["data"] == {"max_pairs_per_task": 2}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('currency = "EUR"', 'currency = "eur"', "prices.currency"),
        ("references = ", "references = '(' # ", "privacy.references: .*not a regular expression"),
        ("references = ", "references = 'x*' # ", "privacy.references: .*empty text"),
        ('"scenarios:generate"', '"scenarios:generat"', "has no function 'generat'"),
        ('"scenarios:generate"', '"scenarios"', "has no function ''.*module:function"),
        ('"judge:judge"', '"judge:jury"', "has no function 'jury'"),
        ('"simulator.app:create_app"', '"simulator.ap:create_app"', "No module named"),
    ],
)
def test_what_a_stage_would_fail_on_is_refused(recipe: Recipe, old: str, new: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        make_build_spec(edit(recipe, "build.toml", old, new), "default", WINDOW)


def test_a_recipe_without_a_judge_and_without_scenarios_from_traces_is_ordered(recipe: Recipe) -> None:
    for part in ("production", "judge"):
        shutil.rmtree(recipe.folder / part)
    recipe = edit(recipe, "build.toml", 'from_trace = "production:rebuild"', "")
    assert make_build_spec(edit(recipe, "build.toml", 'judge = "judge:judge"', ""), "default", WINDOW).stages


@pytest.mark.parametrize("name", ["policy.md", "openapi.yaml", "names.txt", "__init__.py", "predecessor.py"])
def test_a_recipe_without_a_part_cannot_be_ordered(recipe: Recipe, name: str) -> None:
    (recipe.folder / name).unlink()
    with pytest.raises(InputError, match=name.removesuffix(".py")):
        make_build_spec(recipe, "default", WINDOW)


def test_an_order_is_placed_once_for_a_key(store: Store) -> None:
    spec = make_build_spec("support_desk", "default", WINDOW, build_id="b1")
    first = order_build(store, spec)
    moved = move_order(store, first, "accepted")
    assert order_build(store, spec) == moved
    assert len(store.find(Order)) == 1
    assert store.get(BuildSpec, "b1") == spec
    with pytest.raises(ConflictError, match="was used for another"):
        place_order(store, "build", {"recipe": "x"}, project="default", build="b1", key="b1")


def test_orders_without_a_key_are_each_their_own(store: Store) -> None:
    ids = {place_order(store, "rollout", {}, project="default", build="b1").id for _ in range(3)}
    assert len(ids) == 3
