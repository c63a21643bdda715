"""A program's folder: what an episode begins with, and how it stands."""

import base64
import os

import pytest

from agent_factory.core.digest import digest_bytes
from agent_factory.core.error import InputError
from agent_factory.environment.terminal import folder as module
from agent_factory.environment.terminal.folder import read_files, read_state, read_template


def tell(path):
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return read_state(opened)
    finally:
        os.close(opened)


def test_files_are_told_by_their_paths(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("grün\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "none").touch()

    assert tell(tmp_path) == {"empty": {}, "none": "", "sub": {"a.txt": "grün\n"}}


def test_what_is_no_short_text_is_told_by_its_digest(tmp_path):
    (tmp_path / "binary").write_bytes(bytes([255, 0]))
    (tmp_path / "long").write_bytes(b"x" * (module.MOST_TEXT + 1))

    told = tell(tmp_path)
    assert told["binary"] == f"sha256:{digest_bytes(bytes([255, 0]))} (2 bytes)"
    assert told["long"].startswith("sha256:")
    assert told["long"].endswith("(65537 bytes)")


def test_reading_never_leaves_the_folder_nor_waits(tmp_path):
    os.symlink("/etc/passwd", tmp_path / "link")
    os.symlink("/", tmp_path / "root")
    os.mkfifo(tmp_path / "fifo")

    assert tell(tmp_path) == {"fifo": "special file", "link": "link to /etc/passwd", "root": "link to /"}


def test_a_name_that_is_no_text_is_told(tmp_path):
    (tmp_path / os.fsdecode(b"a\xff")).touch()

    assert tell(tmp_path) == {"a\\xff": ""}


def test_files_that_pretend_to_be_huge_are_not_read(tmp_path):
    for name in ("a", "b"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(module.MOST_READ - 1)

    told = tell(tmp_path)
    assert told["a"].startswith("sha256:")
    assert told["b"] == f"{module.MOST_READ - 1} bytes, not read"


def test_folders_without_end_are_told_down_to_a_depth(tmp_path):
    tmp_path.joinpath(*["d"] * 40).mkdir(parents=True)

    told = tell(tmp_path)
    for _ in range(30):
        told = told["d"]
    assert told == {"d": "more than 30 folders deep"}


def test_a_file_that_vanishes_while_it_is_read_is_left_out(tmp_path, monkeypatch):
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    found = os.open

    def open_late(name, *rest, **named):
        if name == "a":
            (tmp_path / "a").unlink()
        return found(name, *rest, **named)

    monkeypatch.setattr(os, "open", open_late)
    assert tell(tmp_path) == {"b": ""}


def test_a_template_has_files_with_their_modes(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "run").write_bytes(b"#!")
    (tmp_path / "bin" / "run").chmod(0o4755)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").touch()

    assert read_template(tmp_path, 10) == {"bin/run": (0o755, base64.b64encode(b"#!").decode())}
    with pytest.raises(InputError, match=r"has 2 bytes, .* disk_mib allows 1"):
        read_template(tmp_path, 1)


def test_a_template_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        read_template(tmp_path / "app", 10)
    os.symlink("/etc", tmp_path / "etc")
    with pytest.raises(InputError, match="is no plain file"):
        read_template(tmp_path, 10)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"..": "x"}, "'..' is no name of a file"),
        ({"a/b": "x"}, "'a/b' is no name of a file"),
        ({"a": {"b": 3}}, "the file 'a/b' is 3, expected text"),
        ({"a": ["x"]}, r"the file 'a' is \['x'\], expected text"),
    ],
)
def test_a_scenarios_files_are_checked(scenario, files, told):
    with pytest.raises(InputError, match=told):
        read_files(scenario(files))
