"""What the blocking checks said: why a build goes no further, for those who do not ask Dagster."""

from __future__ import annotations

from typing import Literal

from agent_factory.contracts.record import Name, Record


class CheckRun(Record):
    """What a check last said of an asset's partition; ``id`` is ``<the stage run's id>.<check>``: a repeat replaces it.

    ``asset`` is as Dagster shows it ("data/events"), ``partition`` a day or a build.
    """

    check: str
    asset: str
    partition: str
    build: Name | None = None
    state: Literal["passed", "failed"]
    said: str

    @property
    def stage_run(self) -> str:
        """The id of the stage run that made what the check looked at."""
        return self.id.removesuffix(f".{self.check}")

    def __str__(self) -> str:
        outcome = "passed" if self.state == "passed" else "did not pass"
        return f"check {self.check!r} on {self.asset} of {self.partition} {outcome}: {self.said}"
