"""The pages of the package ``miniwob`` (MiniWoB++, MIT), in a folder of its own.

It is no dependency: its own (selenium, gymnasium) drive a browser of theirs, which is not needed to serve its
pages, so it is installed without them beside the environment (``make miniwob``). Invariant: nothing of it is
imported; only files under its ``html`` are ever read.
"""

from __future__ import annotations

import mimetypes
import sys
from functools import cached_property
from pathlib import Path

from agent_factory.core.error import InputError

DEFAULT_FOLDER = Path(sys.prefix) / "miniwob"


class Package:
    """The pages that the folder holds; InputError where it holds none."""

    def __init__(self, folder: Path = DEFAULT_FOLDER) -> None:
        self.root = (folder / "miniwob" / "html").resolve()
        self._files: dict[str, bytes | None] = {}
        if not (self.root / "miniwob").is_dir():
            raise InputError(
                f"there is no package miniwob in {str(folder)!r}. "
                f"`make miniwob` installs it into {str(DEFAULT_FOLDER)!r}; "
                "where it is elsewhere, build.toml names its folder: [environment.settings.miniwob] folder"
            )

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The names of all tasks, as ``click-test``."""
        return tuple(sorted(path.stem for path in (self.root / "miniwob").glob("*.html")))

    def require(self, task: object) -> str:
        """The task of that name; InputError where there is none."""
        if not isinstance(task, str) or task not in self.tasks:
            raise InputError(f"there is no MiniWoB task {task!r}; there are {len(self.tasks)}, as {self.tasks[0]!r}")
        return task

    def read(self, path: str) -> bytes | None:
        """A file by its path under ``html``, as ``core/core.js``; None where there is none."""
        if path not in self._files:
            place = self.root / path
            try:
                place = place.resolve()
                inside = place.is_relative_to(self.root) and place.is_file()
            except (OSError, ValueError):  # no file can have such a name
                inside = False
            self._files[path] = place.read_bytes() if inside else None
        return self._files[path]


def content_type(path: str) -> str:
    """The media type of a file by its name."""
    kind, _ = mimetypes.guess_type(path)
    return "text/html; charset=utf-8" if kind == "text/html" else kind or "application/octet-stream"
