"""The journal of a run: its finished episodes, kept in pieces until the whole file is written.

A piece holds consecutive episodes of the run and is written when the last of them is over; who goes on
plays the others. Invariants: a piece that is there is whole and of this very run (its folder is named by
all that the run is made of); two workers on the same run write the same pieces, so that no episode is
doubled; the whole file has the episodes in their order, however often the run was taken up again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import NotFoundError, StorageError

PIECE = 32
"""Episodes of a piece: what is lost with a worker is those that play, and these of each that is not full."""


class Journal:
    """The pieces of the run whose episodes have these ``ids`` and whose traces go to ``path``.

    ``digest`` is of all that the run is made of: what another model, recipe or setting played is not found.
    """

    def __init__(self, artifacts: Artifacts, path: str, digest: str, ids: Sequence[str]) -> None:
        self._artifacts, self._path = artifacts, path
        self._folder = f"{path.removesuffix('.parquet')}.parts"
        self._digest = digest[:16]
        self._pieces = [tuple(ids[i : i + PIECE]) for i in range(0, len(ids), PIECE)]
        self._place = {name: i // PIECE for i, name in enumerate(ids)}
        self._waiting: dict[int, dict[str, Trace]] = {}

    def read(self) -> Iterator[Trace]:
        """The episodes that stand, in their order, a piece in memory at a time."""
        with self._unless_finished():
            for place in range(len(self._pieces)):
                if self._artifacts.exists(self._name(place)):
                    yield from self._artifacts.read_traces(self._name(place))

    def add(self, trace: Trace) -> None:
        """Take an episode in; the last one of a piece has it written."""
        place = self._place[trace.id]
        piece = self._waiting.setdefault(place, {})
        piece[trace.id] = trace
        if len(piece) == len(self._pieces[place]):
            with self._unless_finished():
                self._artifacts.write_traces(self._name(place), [piece[name] for name in self._pieces[place]])
            del self._waiting[place]

    def finish(self) -> bool:
        """Write the whole file from the pieces and drop them; False where another worker has written it."""
        wrote = False
        with self._unless_finished():
            if not self._artifacts.exists(self._path):
                self._artifacts.write_traces(self._path, self._read_all())
                wrote = True
        self.drop()
        return wrote

    def drop(self) -> None:
        """Drop all pieces, those of runs of another make too."""
        self._artifacts.remove_folder(self._folder)

    @contextmanager
    def _unless_finished(self) -> Generator[None]:
        """Let go by what fails because another worker has finished the same run and dropped its pieces."""
        try:
            yield
        except (NotFoundError, StorageError):
            if not self._artifacts.exists(self._path):
                raise

    def _read_all(self) -> Iterator[Trace]:
        for place in range(len(self._pieces)):
            yield from self._artifacts.read_traces(self._name(place))

    def _name(self, place: int) -> str:
        return f"{self._folder}/{self._digest}/{place:05d}.parquet"
