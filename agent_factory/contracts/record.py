"""The base of every noun: a frozen record that carries its project and refuses unknown fields.

Invariant: a record never changes after it is made; a new state is a new record under the same id.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

DEFAULT_PROJECT = "default"
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}")


def _check_name(value: str) -> str:
    if not NAME_PATTERN.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a name: letters, digits, '_', '.', '-' are allowed, "
            "128 characters at most, and it starts with a letter or digit"
        )
    return value


Name = Annotated[str, AfterValidator(_check_name)]
"""An identifier that is safe as a file name, a Dagster partition key and a URL segment."""

Json = dict[str, JsonValue]
"""A JSON object."""

Instant = AwareDatetime
"""A point in time with its zone; naive times are refused."""


class Part(BaseModel):
    """A frozen value inside a record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Record(Part):
    """A noun that crosses a factory's border and is kept in the store under ``id``, which the factory gave it.

    A kind whose ids users choose is kept under what ``row_of`` makes of id and project.
    """

    id: Name
    project: Name = DEFAULT_PROJECT
    created_at: Instant

    @classmethod
    def row_of(cls, record_id: str, project: str) -> str:
        """Under what the store keeps the record of that id in the project."""
        return record_id

    @classmethod
    def noun(cls) -> str:
        """What messages call such a record: the words of its name, without what it is to the program."""
        return re.sub(r"(?<!^)(?=[A-Z])", " ", re.sub(r"(Spec|Manifest|Run)$", "", cls.__name__)).lower()

    def to_json(self) -> dict[str, Any]:
        """The record as JSON-compatible values, the form in which it is stored and served."""
        return self.model_dump(mode="json", exclude_none=False)

    def content(self) -> dict[str, Any]:
        """What makes it this record and no other, as JSON: not when it was made, nor what is at its default.

        A field that a later version adds leaves the digests of what lacks it as they are.
        """
        return self.model_dump(mode="json", exclude={"created_at"}, exclude_defaults=True)


RecordT = TypeVar("RecordT", bound=Record)

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0.0)]
