"""The screen of a program, by the terminal emulator pyte (a VT102 as Linux's console is one).

Invariant: whatever bytes come, the screen stays of its size and nothing is raised: what the emulator does
not know is skipped, as terminals do.
"""

from __future__ import annotations

from collections.abc import Callable

import pyte

APPLICATION_KEYS = 1 << 5
"""DECCKM as pyte numbers private modes."""


class _Tolerant(pyte.ByteStream):
    def _send_to_parser(self, data: str) -> bool | None:
        try:
            return super()._send_to_parser(data)
        except (TypeError, ValueError, IndexError, UnboundLocalError):  # parameters that pyte does not take
            return True  # its parser begins anew


class _Answering(pyte.Screen):
    """A screen that hands what the terminal answers (its cursor's place, its kind) to the program."""

    def __init__(self, columns: int, rows: int, answer: Callable[[bytes], None]) -> None:
        super().__init__(columns, rows)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data.encode())


class TerminalScreen:
    """What a person would see; bytes go in, text comes out."""

    def __init__(self, rows: int, columns: int, answer: Callable[[bytes], None]) -> None:
        self._screen = _Answering(columns, rows, answer)
        self._stream = _Tolerant(self._screen)

    def feed(self, output: bytes) -> None:
        """Let the terminal take the program's output."""
        self._stream.feed(output)

    @property
    def application_keys(self) -> bool:
        """Whether the program has asked for the other cursor keys."""
        return APPLICATION_KEYS in self._screen.mode

    def describe(self) -> str:
        """The rows without blanks at their ends, and where the cursor is, counted from 1."""
        # pyte's own ``display`` raises where half of a wide character was overwritten.
        buffer, columns = self._screen.buffer, range(self._screen.columns)
        rows = ["".join(buffer[y][x].data for x in columns).rstrip() for y in range(self._screen.lines)]
        while rows and not rows[-1]:
            rows.pop()
        cursor = self._screen.cursor
        place = "hidden" if cursor.hidden else f"row {cursor.y + 1}, column {min(cursor.x + 1, self._screen.columns)}"
        return "\n".join([f"cursor: {place}", "screen:", *rows])
