"""What a dataset is asked for, and the manifest of one: D1, D2, … with digest and row-to-trace lineage."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from agent_factory.contracts.record import Count, Json, Name, Part, Record, Share
from agent_factory.contracts.trace import Source

DatasetKind = Literal["sft", "rft", "preference", "eval"]
BUILD_KINDS: tuple[DatasetKind, ...] = ("sft", "preference", "eval")
"""What a build has a dataset of; the others are made of free days."""
SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
Bond = Literal["subject", "session", "task"]
LabelKind = Literal["person", "outcome", "model", "rule"]
_Values = Annotated[tuple[str, ...], Field(max_length=200)]


class SplitSpec(Part):
    """In which shares rows are parted, with which seed, and what keeps rows on one side.

    Rows that share a person, a session or a task (``together``) are never parted.
    """

    train: Share = 0.8
    validation: Share = 0.1
    test: Share = 0.1
    seed: Count = 0
    together: tuple[Bond, ...] = ("subject", "session", "task")

    @model_validator(mode="after")
    def _check_shares(self) -> Self:
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError(f"the shares {self.train}, {self.validation} and {self.test} must add up to 1")
        if self.train == 0:
            raise ValueError("the share of train is 0: training would have nothing to read")
        return self


class Filters(Part):
    """Which traces a dataset takes and how much of them; what is empty or None asks for nothing.

    ``min_score`` is the label from which a trace is worth imitating, and from which it counts as the
    better one of a pair. ``labels`` are the sorts of judge whose score counts. A trace is taken if it
    called one of ``tools``, is of one of ``levels``, in one of ``clusters``. ``flagged`` ones were set
    aside when their day was cleaned; ``informing`` labels are by judges that are not known to be good enough to
    decide. ``rollouts_of`` adds the graded rollouts of builds. ``form`` "scores"
    makes a preference dataset of single conversations with their score. ``max_tokens`` counts by ``tokenizer``:
    a model's number, or a folder with a tokenizer.json.
    """

    recipe: Name | None = None
    min_score: Share = 0.8
    sources: tuple[Source, ...] = ("production", "import", "rollout")
    outcome: Literal["success", "failure", "unknown"] | None = None
    labels: tuple[LabelKind, ...] = ()
    tools: _Values = ()
    levels: _Values = ()
    clusters: _Values = ()
    flagged: bool = False
    informing: bool = False
    rollouts_of: tuple[Name, ...] = ()
    form: Literal["pairs", "scores"] = "pairs"
    max_pairs_per_task: int = Field(default=4, ge=1)
    max_rows: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    tokenizer: str | None = Field(default=None, min_length=1)
    split: SplitSpec | None = None
    seed: Count = 0

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        if self.max_tokens is not None and self.tokenizer is None:
            raise ValueError(
                "max_tokens needs the tokenizer that counts: a model's number such as 'M0', or a folder "
                "with a tokenizer.json"
            )
        return self


class SplitFile(Part):
    """One side of a dataset."""

    name: SplitName
    path: str
    rows: Count
    digest: str


class Verdict(Part):
    """What a check said of a dataset: ``against`` are the held-out sets that it was compared with.

    ``data_docs`` is the artifact of Great Expectations' page.
    """

    check: str
    passed: bool
    said: str
    against: tuple[Name, ...] = ()
    data_docs: str | None = None


class DatasetManifest(Record):
    """A dataset as made: ``id`` is ``D<number>``, ``path`` a parquet artifact.

    The parquet has a column ``trace_ids`` (list of string): for each row the traces it came from.
    ``digest`` is over the rows in order: the same inputs give the same digest. Where it is split,
    ``splits`` has a file each and ``path`` is what training reads, the first of them; ``rows`` are all
    rows. ``types`` is the schema, ``counts`` tells how many traces were looked through and why some were
    left out. ``query`` holds the filters, the budget and the seeds. ``checks`` is what its checks last said.
    """

    kind: DatasetKind
    build: Name | None = None
    rows: Count
    digest: str
    path: str
    columns: tuple[str, ...]
    types: dict[str, str] = Field(default_factory=dict)
    trace_count: Count
    query: Json
    code_version: str
    splits: tuple[SplitFile, ...] = ()
    counts: dict[str, int] = Field(default_factory=dict)
    statistics: Json = Field(default_factory=dict)
    checks: tuple[Verdict, ...] = ()

    def paths(self) -> tuple[str, ...]:
        """All its parquet files."""
        return tuple(split.path for split in self.splits) or (self.path,)

    def failed(self) -> tuple[Verdict, ...]:
        """The checks that it did not pass."""
        return tuple(verdict for verdict in self.checks if not verdict.passed)

    def training_rows(self) -> int:
        """How many rows training reads: those of ``path``."""
        return self.splits[0].rows if self.splits else self.rows
