"""The package's folder: what it has is read, nothing beside it."""

import pytest

from agent_factory.core.error import InputError
from agent_factory.environment.miniwob.package import Package, content_type


def test_a_folder_without_the_package_is_told_with_how_to_get_it(tmp_path):
    with pytest.raises(
        InputError, match=r"no package miniwob in .*`make miniwob` installs it.*settings.miniwob\] fold"
    ):
        Package(tmp_path)


def test_an_unknown_task_is_told(folder):
    assert Package(folder).tasks == ("press",)
    with pytest.raises(InputError, match="there is no MiniWoB task 'pres'; there are 1, as 'press'"):
        Package(folder).require("pres")


@pytest.mark.parametrize(
    "path",
    ["core/none.js", "core", "../../secret.txt", "/etc/passwd", "core/../../../secret.txt", "a" * 300, "core/a\0b"],
)
def test_what_is_not_of_the_pages_is_not_read(folder, path):
    assert Package(folder).read("core/core.js") == b"var core = {};"
    assert Package(folder).read(path) is None


def test_files_have_their_media_types():
    assert content_type("a/b.html") == "text/html; charset=utf-8"
    assert content_type("a.css") == "text/css"
    assert content_type("a.unknown") == "application/octet-stream"
