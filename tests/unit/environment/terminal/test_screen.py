"""The screen: text and cursor, whatever bytes come."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_factory.environment.terminal.screen import TerminalScreen

ESCAPE = st.builds(
    lambda start, numbers, end: f"\x1b{start}{';'.join(map(str, numbers))}{end}".encode(),
    st.sampled_from(["[", "[?", "[>", "[=", "[<", "]", "(", "#", "%", "P", "", "[ ", "[$", "[4:3;"]),
    st.lists(st.integers(0, 10**12), max_size=8),
    st.characters(min_codepoint=0x20, max_codepoint=0x7E),
)


def show(output, rows=5, columns=20):
    answers = []
    screen = TerminalScreen(rows, columns, answers.append)
    screen.feed(output)
    return screen, answers


def test_the_screen_is_told_without_blanks_at_the_ends():
    screen, _ = show(b"one  \r\n\r\nthree")

    assert screen.describe() == "cursor: row 3, column 6\nscreen:\none\n\nthree"


def test_a_cursor_after_the_last_column_is_told_on_it():
    assert show(b"x" * 20)[0].describe().startswith("cursor: row 1, column 20\n")


def test_a_hidden_cursor_is_told():
    assert show(b"\x1b[?25l")[0].describe() == "cursor: hidden\nscreen:"


def test_the_program_is_told_where_its_cursor_is():
    assert show(b"ab\x1b[6n")[1] == [b"\x1b[1;3R"]


def test_the_other_cursor_keys_are_known():
    assert show(b"\x1b[?1h")[0].application_keys
    assert not show(b"\x1b[?1h\x1b[?1l")[0].application_keys


@pytest.mark.parametrize("unknown", ["\x1b[?1;2;3;4;5H", "\x1b[9K", "\x1b[9J", "\x1b[>4;2m", "\x1b[?1m"])
def test_what_comes_after_an_unknown_sequence_is_shown(unknown):
    assert show(f"{unknown}seen".encode())[0].describe().endswith("seen")


def test_wide_characters_are_shown_also_where_half_of_one_is_gone():
    assert show("漢字x".encode())[0].describe().endswith("漢字x")
    assert show("漢字\x1b[2GA".encode())[0].describe().endswith("字")
    assert show("漢字\x1b[1GA".encode())[0].describe().endswith("A字")


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(ESCAPE, st.binary(max_size=40), st.text(max_size=10).map(str.encode)), max_size=12))
def test_any_bytes_leave_a_screen_of_its_size(parts):
    screen, _ = show(b"".join(parts))

    told = screen.describe().split("\n")
    assert told[1] == "screen:"
    assert len(told) <= 2 + 5
