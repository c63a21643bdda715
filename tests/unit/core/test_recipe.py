"""A recipe's files are checked where they are read, and its code where it is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_factory.core.error import InputError, NotFoundError, RecipeError
from agent_factory.core.recipe import Recipe, load_recipe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "build.toml").write_text('[build]\nbase_model = "nano"\n')
    (folder / "__init__.py").write_text("")
    return folder


def test_load_names_the_recipes_there_are(folder: Path) -> None:
    assert load_recipe("desk", folder.parent).settings == {"build": {"base_model": "nano"}}
    for name in ("desks", "../desk", ""):
        with pytest.raises(NotFoundError, match="there are: desk"):
            load_recipe(name, folder.parent)


def test_digest_follows_contents_and_passes_over_byte_code(folder: Path) -> None:
    before = Recipe(folder).digest
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"1")
    assert Recipe(folder).digest == before
    (folder / "policy.md").write_text("Be kind.")
    assert Recipe(folder).digest != before


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("build.toml", b"[build\n", "build.toml is not TOML"),
        ("gate.toml", b"x =", "gate.toml is not TOML"),
        ("openapi.yaml", b"a: [", "openapi.yaml is not YAML"),
        ("openapi.yaml", b"- a", "holds list, expected a mapping"),
        ("openapi.yaml", b"a: " + b"x" * 2_000_000, "2000003 characters, 2000000 at most"),
        ("openapi.yaml", b"[" * 5_000, "openapi.yaml is not YAML: maximum recursion"),
        ("policy.md", b"\xff\xfe", "policy.md is not UTF-8 text"),
    ],
)
def test_broken_file_is_named(folder: Path, name: str, content: bytes, told: str) -> None:
    (folder / name).write_bytes(content)
    recipe = Recipe(folder)
    read = {"build.toml": "settings", "gate.toml": "gate", "openapi.yaml": "openapi", "policy.md": "policy"}
    with pytest.raises(InputError, match=told):
        getattr(recipe, read[name])


def test_missing_file_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match=r"recipe 'desk' has no file .*names\.txt"):
        _ = Recipe(folder).names


def test_names_pass_over_comments_and_blanks(folder: Path) -> None:
    (folder / "names.txt").write_text("# people\nAnna\n\n  Berg \n")
    assert Recipe(folder).names == ("Anna", "Berg")


def test_code_is_loaded_and_what_is_wrong_with_it_told(folder: Path) -> None:
    (folder / "good.py").write_text("from .other import VALUE\n\ndef make():\n    return VALUE\n")
    (folder / "other.py").write_text("VALUE = 7\n")
    (folder / "bad.py").write_text("def make(:\n")
    recipe = Recipe(folder)
    assert recipe.load("good:make")() == 7
    for target in ("gone:make", "good:gone", "bad:make"):
        with pytest.raises(InputError, match=f"recipe 'desk' names '{target}' in build.toml"):
            recipe.load(target)


def test_a_copy_under_another_root_is_another_package(folder: Path, tmp_path: Path) -> None:
    (folder / "part.py").write_text("def make():\n    return 'one'\n")
    copy = tmp_path / "elsewhere" / "desk"
    copy.mkdir(parents=True)
    (copy / "__init__.py").write_text("")
    (copy / "part.py").write_text("def make():\n    return 'two'\n")
    assert Recipe(folder).load("part:make")() == "one"
    assert Recipe(copy).load("part:make")() == "two"


def test_a_package_that_broke_is_loaded_anew_once_mended(folder: Path) -> None:
    (folder / "__init__.py").write_text("raise ImportError('half')\n")
    (folder / "part.py").write_text("def make():\n    return 1\n")
    with pytest.raises(InputError, match="half"):
        Recipe(folder).load("part:make")
    (folder / "__init__.py").write_text("# mended now\n")
    assert Recipe(folder).load("part:make")() == 1


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("x = 1\ny = undefined\n", r"part\.py, line 2: NameError: name 'undefined' is not defined"),
        ("import sys\nsys.exit('no licence')\n", r"part\.py, line 2: SystemExit: no licence"),
        ("import json\n\njson.loads('{')\n", r"part\.py, line 3: JSONDecodeError"),
        ("def make(:\n", r"SyntaxError: .*part\.py, line 1"),
        ("make = 3\n", r"part\.py has no function 'make'"),
    ],
)
def test_what_the_code_raised_is_told_with_its_place(folder: Path, code: str, told: str) -> None:
    (folder / "part.py").write_text(code)
    with pytest.raises(InputError, match=told):
        Recipe(folder).load("part:make")


def test_a_folder_that_is_no_package_is_told(folder: Path) -> None:
    (folder / "__init__.py").unlink()
    (folder / "part.py").write_text("def make(): ...\n")
    with pytest.raises(InputError, match=r"there is no .*__init__\.py"):
        Recipe(folder).load("part:make")


def test_code_that_was_edited_is_loaded_anew_by_the_same_process(folder: Path) -> None:
    part = folder / "part.py"
    part.write_text("def make():\n    return 'one'\n")
    assert Recipe(folder).load("part:make")() == "one"
    with pytest.raises(InputError, match="no function 'more'"):
        Recipe(folder).load("part:more")
    part.write_text("def make():\n    return 'two'\n\n\ndef more():\n    return 'three'\n")
    assert Recipe(folder).load("part:make")() == "two"
    assert Recipe(folder).load("part:more")() == "three"


def test_what_the_code_raises_while_it_runs_is_the_recipes(folder: Path) -> None:
    (folder / "part.py").write_text("def make(count):\n    return 1 / count\n")
    recipe = Recipe(folder)
    make = recipe.load("part:make")
    with recipe.blame("scenarios"):
        assert make(2) == 0.5
    told = r"recipe 'desk': its scenarios raised an error at .*part\.py, line 2, in make: ZeroDivisionError.*Mend it in"
    with pytest.raises(RecipeError, match=told) as raised, recipe.blame("scenarios"):
        make(0)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert raised.value.exit_code == 1
    with pytest.raises(InputError, match="as it is"), recipe.blame("scenarios"):
        raise InputError("as it is")
