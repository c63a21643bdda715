"""Keys: what Linux's console sends, by terminfo."""

import curses

import pytest

from agent_factory.environment.terminal.key import KEYS, encode_key

CAPABILITIES = {
    "Up": "kcuu1", "Down": "kcud1", "Left": "kcub1", "Right": "kcuf1", "Home": "khome", "End": "kend",
    "Insert": "kich1", "Delete": "kdch1", "PageUp": "kpp", "PageDown": "knp", "Backspace": "kbs", "Shift+Tab": "kcbt",
    **{f"F{i}": f"kf{i}" for i in range(1, 13)},
}  # fmt: skip


@pytest.mark.parametrize("key", CAPABILITIES)
def test_a_key_sends_what_terminfo_says(key):
    curses.setupterm("linux")

    assert encode_key(key, application=False) == curses.tigetstr(CAPABILITIES[key])


def test_cursor_keys_follow_the_program_others_do_not():
    assert encode_key("Left", application=True) == b"\x1bOD"
    assert encode_key("F1", application=True) == encode_key("F1", application=False)


def test_no_two_keys_send_the_same_but_those_that_terminals_cannot_tell_apart():
    same = {"Ctrl+I", "Ctrl+M"}
    sent = [bytes_ for key, bytes_ in KEYS.items() if key not in same]
    assert len(sent) == len(set(sent))
    assert (KEYS["Ctrl+C"], KEYS["Ctrl+I"], KEYS["Ctrl+M"]) == ("\x03", KEYS["Tab"], KEYS["Enter"])
