"""Settings of a program: checked before anything starts."""

import subprocess
import sys

import pytest

from agent_factory.core.error import InputError
from agent_factory.environment.terminal.setting import SYSTEM, read_section

GOOD = {"command": ["python", "app.py"], "folder": "app"}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"command": []}, "command"),
        ({"colour": "red"}, "colour"),
        ({"rows": 0}, "rows"),
        ({"disk_mib": 10**9}, "disk_mib"),
        ({"readable": ["relative"]}, r"readable has 'relative', expected absolute paths"),
        ({"readable": ["/no/such/place"]}, r"readable has '/no/such/place'"),
    ],
)
def test_a_wrong_setting_is_named(wrong, told):
    with pytest.raises(InputError, match=rf"(?s)'r': \[environment.settings.terminal\].*{told}"):
        read_section(GOOD | wrong, "r")


def test_paths_inside_others_are_shown_once(tmp_path):
    (tmp_path / "in").mkdir()
    section = read_section(GOOD | {"readable": [str(tmp_path / "in"), str(tmp_path), "/usr/share"]}, "r")

    assert str(tmp_path) in section.shown
    assert not {str(tmp_path / "in"), "/usr/share"} & set(section.shown)
    assert set(SYSTEM[:3]) <= set(section.shown)


def test_naming_the_kind_loads_no_emulator():
    source = "import sys; from agent_factory.environment.world import find_kind; find_kind('terminal')"
    source += "; assert 'pyte' not in sys.modules"
    subprocess.run([sys.executable, "-c", source], check=True, timeout=120)
