"""What goes wrong on purpose in a task: declared in its scenario, drawn from the episode's seed.

Invariant: a fault says all that it needs and nothing that it would ignore.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from agent_factory.contracts.record import Part

FaultKind = Literal[
    "status",
    "timeout",
    "latency",
    "rate_limit",
    "outage",
    "malformed",
    "truncated",
    "schema_drift",
    "stale",
    "injection",
]

ANY_TOOL = "*"


class _Shape(NamedTuple):
    """Which fields a kind needs, and which it may have beside them."""

    needs: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()


_SHAPES: dict[FaultKind, _Shape] = {
    "status": _Shape(needs=frozenset({"status"})),
    "timeout": _Shape(),
    "latency": _Shape(needs=frozenset({"seconds"})),
    "rate_limit": _Shape(needs=frozenset({"seconds"})),
    "outage": _Shape(),
    "malformed": _Shape(),
    "truncated": _Shape(),
    "schema_drift": _Shape(may=frozenset({"field"})),
    "stale": _Shape(),
    "injection": _Shape(needs=frozenset({"text"}), may=frozenset({"field"})),
}


class Fault(Part):
    """What hits the ``nth`` call (from 1) of ``tool`` and, with it, ``times`` calls in a row.

    ``tool`` is one, several or ``"*"`` for all; calls of several are counted together. Of the calls in the
    window, each is hit with ``chance``. Status 408 stands for a time-out. ``seconds`` is how much longer a
    call takes (latency) or when to come again (rate_limit, whole seconds). ``text`` is what an injection puts
    into the result; ``field`` is where, or what drifts, drawn where it is left out.
    """

    tool: str | tuple[str, ...]
    kind: FaultKind = "status"
    status: int | None = Field(default=None, ge=400, le=599)
    seconds: float | None = Field(default=None, gt=0, le=86_400, allow_inf_nan=False)
    text: str | None = Field(default=None, min_length=1)
    field: str | None = Field(default=None, min_length=1)
    nth: int = Field(default=1, ge=1)
    times: int = Field(default=1, ge=1)
    chance: float = Field(default=1.0, gt=0, le=1)

    @property
    def name(self) -> str:
        """What a trace calls it, as ``status 503``; the kind where that says all."""
        if self.kind == "status":
            return "timeout" if self.status == 408 else f"status {self.status}"
        return self.kind

    @property
    def tools(self) -> tuple[str, ...]:
        """The tools that it names, ``"*"`` as it stands."""
        return (self.tool,) if isinstance(self.tool, str) else self.tool

    def is_on(self, tool: str) -> bool:
        """Whether calls of a tool are counted."""
        return tool in self.tools or ANY_TOOL in self.tools

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        if not self.tools or "" in self.tools:
            raise ValueError(f'tool = {self.tool!r} names no tool; expected a name, several, or "{ANY_TOOL}" for all')
        shape = _SHAPES[self.kind]
        for name in ("status", "seconds", "text", "field"):
            given = getattr(self, name) is not None
            if name in shape.needs and not given:
                raise ValueError(f"a fault of kind {self.kind!r} needs {name!r}; give it one")
            if given and name not in shape.needs | shape.may:
                raise ValueError(f"a fault of kind {self.kind!r} has no {name!r}; leave it out")
        if self.kind == "rate_limit" and self.seconds != int(self.seconds or 0):
            raise ValueError(f"seconds = {self.seconds!r} of a rate_limit: Retry-After takes whole seconds")
        return self
