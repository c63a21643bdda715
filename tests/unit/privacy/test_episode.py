"""A hundred real episodes: nothing personal is left of what they hold and of what is planted in them."""

from __future__ import annotations

import json

import pytest

from agent_factory.privacy.label import PLACEHOLDER, label_of
from agent_factory.privacy.redactor import Redactor
from benchmarks.episode import FILE, NATIVE, look, make_trace, read_episodes

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="../shared/data/tau_bench_airline_gpt4o.json is absent")


def test_nothing_native_or_planted_is_left_and_calls_keep_their_shape(redactor: Redactor) -> None:
    found = look(redactor)
    assert found.left == []
    assert found.misshapen == []
    assert found.planted == 1000
    assert found.calls > 500
    assert min(found.native[key] for key in NATIVE) > 50, found.native


def test_what_is_left_and_what_lost_its_shape_is_found() -> None:
    class Careless(Redactor):
        def redact_message(self, message, session):
            calls = [call.model_copy(update={"arguments": {"all": "gone"}}) for call in message.tool_calls]
            return message.model_copy(update={"tool_calls": tuple(calls)})

    found = look(Careless((), b"k" * 32))
    assert {kind for _, kind in found.left} >= {*NATIVE, "planted email", "planted card", "planted address"}
    assert len(found.misshapen) > 500


def test_a_second_look_finds_nothing(redactor: Redactor) -> None:
    for number, (messages, _) in enumerate(read_episodes()):
        assert not redactor.leftovers(redactor.redact_trace(make_trace(number, messages))), number


def test_calls_results_and_words_about_one_thing_join(redactor: Redactor) -> None:
    for number, (messages, _) in enumerate(read_episodes()):
        clean = redactor.redact_trace(make_trace(number, messages)).messages()
        assert [message.role for message in clean] == [message.role for message in messages]
        assert [one.tool_call_id for one in clean] == [one.tool_call_id for one in messages]
        said, call, result, done = clean[-4:]
        email = call.tool_calls[0].arguments["email"]
        address = json.loads(call.tool_calls[0].arguments["profile"])["address"]
        assert label_of(email) == "EMAIL"
        assert label_of(address) == "ADDRESS"
        for placeholder in (email, address):
            assert all(placeholder in (message.content or "") for message in (said, result, done)), number


def test_one_person_has_one_hash_in_all_their_episodes(redactor: Redactor) -> None:
    people: dict[str, set[str]] = {}
    for number, (messages, _) in enumerate(read_episodes()):
        clean = redactor.redact_trace(make_trace(number, messages))
        for before, after in zip(messages, clean.messages(), strict=True):
            if (before.content or "").startswith('{"name": {"first_name"'):
                profile, told = json.loads(before.content or ""), json.loads(after.content or "")
                found = PLACEHOLDER.fullmatch(told["email"])
                assert found is not None
                people.setdefault(profile["email"], set()).add(clean.pseudonyms[told["email"]])
    assert len(people) > 5
    assert all(len(hashes) == 1 for hashes in people.values())
