"""Keys by name, and the bytes that Linux's console sends for them.

Source: terminfo ``linux`` and console_codes(4). Invariant: a name has one meaning, whatever program runs.
"""

from __future__ import annotations

from string import ascii_lowercase

CURSOR = {"Up": "A", "Down": "B", "Right": "C", "Left": "D"}
KEYS: dict[str, str] = {
    "Enter": "\r",
    "Tab": "\t",
    "Shift+Tab": "\x1b\t",
    "Escape": "\x1b",
    "Space": " ",
    "Backspace": "\x7f",
    **{name: f"\x1b[{letter}" for name, letter in CURSOR.items()},
    **{name: f"\x1b[{i}~" for i, name in enumerate(("Home", "Insert", "Delete", "End", "PageUp", "PageDown"), 1)},
    **{f"F{i}": f"\x1b[[{letter}" for i, letter in enumerate("ABCDE", 1)},
    **{f"F{i}": f"\x1b[{n}~" for i, n in zip(range(6, 13), (17, 18, 19, 20, 21, 23, 24), strict=True)},
    **{f"Ctrl+{letter.upper()}": chr(i) for i, letter in enumerate(ascii_lowercase, 1)},
    **{f"Alt+{letter.upper()}": f"\x1b{letter}" for letter in ascii_lowercase},
}


def encode_key(name: str, application: bool) -> bytes:
    """What the key sends; ``application`` is whether the program has asked for other cursor keys (DECCKM)."""
    if application and name in CURSOR:
        return f"\x1bO{CURSOR[name]}".encode()
    return KEYS[name].encode()
