from pathlib import Path

import pytest

from agent_factory.compute.pool import find_pool, read_pools
from agent_factory.core.error import InputError, NotFoundError

GOOD = "[inference]\nlimit = 2\n[training]\nlimit = 1\n[data]\nlimit = 2\n[environment]\nlimit = 3\n"


def write(folder: Path, text: str) -> Path:
    (folder / "pools.toml").write_text(text)
    return folder


def test_the_shipped_file_is_good() -> None:
    assert {"inference", "training", "environment"} <= {pool.name for pool in read_pools()}


def test_limits_and_held_slots_are_read(tmp_path: Path) -> None:
    pools = read_pools(write(tmp_path, GOOD), held={"training": 1})
    assert [(pool.name, pool.limit, pool.held) for pool in pools] == [
        ("inference", 2, 0),
        ("training", 1, 1),
        ("data", 2, 0),
        ("environment", 3, 0),
    ]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (GOOD.replace("[training]\nlimit = 1\n", ""), "'training'"),
        (GOOD.replace("[data]\nlimit = 2\n", ""), "'data'"),
        (GOOD.replace("limit = 3", "limit = 0"), "environment.limit is 0"),
        (GOOD.replace("limit = 3", "limit = true"), "environment.limit is True"),
        (GOOD.replace("limit = 3", 'limit = "3"'), "environment.limit is '3'"),
        (GOOD + "size = 2\n", "'size'"),
        (GOOD + "[Big Pool]\n", "not TOML"),
        (GOOD + '["Big Pool"]\nlimit = 1\n', "'Big Pool'"),
        ("stray = 1\n" + GOOD, "'stray' is 1"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(InputError) as caught:
        read_pools(write(tmp_path, text))
    assert named in str(caught.value)
    assert str(tmp_path / "pools.toml") in str(caught.value)


def test_a_missing_file_says_what_it_must_hold(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="training"):
        read_pools(tmp_path)


def test_an_unknown_pool_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="inference, training, data, environment"):
        find_pool("gpu", write(tmp_path, GOOD))
