"""What messages call things, and how their sentences end."""

import re

import pytest

import agent_factory.api.delivery
import agent_factory.core.intake
import agent_factory.data.importing.importer
import agent_factory.data.labelling.record
from agent_factory.contracts import BuildSpec, DatasetManifest, ModelManifest, Order, SessionTurn
from agent_factory.contracts.record import Record
from agent_factory.core.error import BusyError, InputError, NotFoundError, end_once
from agent_factory.core.store import open_store

_ = (
    agent_factory.api.delivery,
    agent_factory.core.intake,
    agent_factory.data.importing.importer,
    agent_factory.data.labelling.record,
)
KINDS = [kind for kind in Record.__subclasses__() if kind.__module__.startswith("agent_factory.")]


def test_the_nouns_are_those_that_users_know() -> None:
    assert [kind.noun() for kind in (BuildSpec, DatasetManifest, ModelManifest, Order, SessionTurn)] == [
        "build",
        "dataset",
        "model",
        "order",
        "session turn",
    ]


def test_no_message_names_a_class() -> None:
    store = open_store("sqlite://")
    assert len(KINDS) > 25
    for kind in KINDS:
        with pytest.raises(NotFoundError) as missed:
            store.get(kind, "x")
        assert not re.search(r"[a-z][A-Z]", str(missed.value)), kind


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("it failed: no room.. Make some..", "it failed: no room. Make some."),
        ("wait... then '../shop' at a..b", "wait... then '../shop' at a..b"),
    ],
)
def test_a_quoted_sentence_is_ended_once(message: str, told: str) -> None:
    assert (str(InputError(message)), str(BusyError(message)), end_once(message)) == (told, told, told)
