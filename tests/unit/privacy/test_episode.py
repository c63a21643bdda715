"""A hundred real episodes: nothing personal is left of what they hold and of what is planted in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from agent_factory.contracts import Message, Step, ToolCall, Trace
from agent_factory.core.settings import CHECKOUT
from agent_factory.privacy.label import PLACEHOLDER, label_of, spellings
from agent_factory.privacy.redactor import Redactor

FILE = CHECKOUT.parent / "shared" / "data" / "tau_bench_airline_gpt4o.json"
WHEN = datetime(2024, 5, 15, tzinfo=UTC)
NATIVE = ("email", "dob", "last_four", "address1", "address2", "zip")

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="../shared/data/tau_bench_airline_gpt4o.json is absent")


def _message(wire: dict[str, Any]) -> Message:
    calls = tuple(
        ToolCall(id=call["id"], name=call["function"]["name"], arguments=json.loads(call["function"]["arguments"]))
        for call in wire.get("tool_calls") or ()
    )
    told = {key: wire.get(key) for key in ("role", "content", "tool_call_id", "name")}
    return Message.model_validate({**told, "tool_calls": calls})


def _trace(number: int, messages: list[Message]) -> Trace:
    steps: list[Step] = []
    seen: list[Message] = []
    for message in messages:
        seen.append(message)
        if message.role == "assistant":
            steps.append(Step(index=len(steps), observation=tuple(seen[:-1]), action=message))
            seen = []
    return Trace(
        id=f"e{number}", created_at=WHEN, started_at=WHEN, source="import", steps=tuple(steps), closing=tuple(seen)
    )


def _native(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in NATIVE and isinstance(item, str):
                yield key, item
            else:
                yield from _native(item)
    elif isinstance(value, list):
        for item in value:
            yield from _native(item)


def _planted(rng: Random) -> dict[str, str]:
    day = f"19{rng.randrange(50, 99)}-0{rng.randrange(1, 10)}-{rng.randrange(10, 29)}"
    number = rng.randrange(100, 999)
    return {
        "email": f"Planted.Person{number}@mail{number}.example",
        "dob": day,
        "dob_said": spellings(day)[rng.randrange(3)],
        "card": rng.choice(["4012 8888 8888 1881", "5105-1051-0510-5100", "378282246310005"]),
        "last_four": str(rng.randrange(1000, 2000)),
        "address": f"{number} Rosebery Gardens, Apt {number % 90 + 1}, Salem, OR 97{number}",
    }


def _plant(messages: list[Message], values: dict[str, str]) -> list[Message]:
    """The conversation with one turn more: the user tells, a tool is called with it, and the tool tells it back."""
    said = (
        f"By the way, my email is {values['email']}, I was born {values['dob_said']}, put it on {values['card']} "
        f"(not the Visa ending in {values['last_four']}) and send the receipt to {values['address']}."
    )
    arguments = {
        "email": values["email"].lower(),
        "passengers": [{"dob": values["dob"]}],
        "note": f"card {values['card']}",
        "profile": json.dumps({"address": values["address"], "payment": {"last_four": values["last_four"]}}),
    }
    call = ToolCall(id="planted", name="update_profile", arguments=arguments)
    result = json.dumps({"saved": arguments, "ok": True})
    return [
        *messages,
        Message(role="user", content=said),
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", tool_call_id="planted", name="update_profile", content=result),
        Message(role="assistant", content=f"Done: {values['address']}, {values['email'].upper()}, {values['card']}."),
    ]


def _episodes() -> Iterator[tuple[list[Message], dict[str, str]]]:
    rng = Random(2)
    for episode in json.loads(FILE.read_text(encoding="utf-8")):
        messages = [_message(wire) for wire in episode["traj"][1:]]
        values = _planted(rng)
        yield _plant(messages, values), values


def _texts(trace: Trace) -> str:
    told = [message.content or "" for message in trace.messages()]
    calls = [call.arguments for message in trace.messages() for call in message.tool_calls]
    return "\n".join((*told, json.dumps(calls, ensure_ascii=False)))


def _leaked(value: str, text: str) -> bool:
    # Four digits count as a card's only where nothing else explains them: a price, a flight, a year.
    pattern = rf"(?<![\w$.,-]){re.escape(value)}(?!\w|[.,:-]\d|-)"
    return re.search(pattern, text, re.IGNORECASE) is not None


def test_nothing_native_or_planted_is_left(redactor: Redactor) -> None:
    checked = dict.fromkeys(NATIVE, 0)
    for number, (messages, values) in enumerate(_episodes()):
        clean = redactor.redact_trace(_trace(number, messages))
        text = _texts(clean)
        street, flat, town, state = values["address"].split(", ")
        for key, value in {**values, "street": street, "flat": flat, "town": town, "zip": state[3:]}.items():
            assert not _leaked(value, text), (number, key)
        for message in messages:
            content = message.content or ""
            for key, value in _native(json.loads(content)) if content.startswith("{") else ():
                checked[key] += 1
                spelled = (value, *spellings(value)) if key == "dob" else (value,)
                assert not any(_leaked(spelling, text) for spelling in spelled), (number, key)
        assert not redactor.leftovers(clean), number
    assert min(checked.values()) > 50, checked


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else type(value).__name__


def test_tool_calls_and_results_keep_their_shape_and_join(redactor: Redactor) -> None:
    for number, (messages, _) in enumerate(_episodes()):
        clean = redactor.redact_trace(_trace(number, messages)).messages()
        assert [message.role for message in clean] == [message.role for message in messages]
        for before, after in zip(messages, clean, strict=True):
            assert after.tool_call_id == before.tool_call_id
            for call, told in zip(before.tool_calls, after.tool_calls, strict=True):
                assert (told.id, told.name) == (call.id, call.name)
                assert _shape(told.arguments) == _shape(call.arguments)
                assert json.loads(json.dumps(told.arguments)) == told.arguments
            if before.role == "tool" and (before.content or "").startswith(("{", "[")):
                assert _shape(json.loads(after.content or "")) == _shape(json.loads(before.content or ""))
        said, call, result, done = clean[-4:]
        email = call.tool_calls[0].arguments["email"]
        address = json.loads(call.tool_calls[0].arguments["profile"])["address"]
        assert label_of(email) == "EMAIL"
        assert label_of(address) == "ADDRESS"
        for placeholder in (email, address):
            assert all(placeholder in (message.content or "") for message in (said, result, done)), number


def test_one_person_has_one_hash_in_all_their_episodes(redactor: Redactor) -> None:
    people: dict[str, set[str]] = {}
    for number, (messages, _) in enumerate(_episodes()):
        clean = redactor.redact_trace(_trace(number, messages))
        for before, after in zip(messages, clean.messages(), strict=True):
            if (before.content or "").startswith('{"name": {"first_name"'):
                profile, told = json.loads(before.content or ""), json.loads(after.content or "")
                found = PLACEHOLDER.fullmatch(told["email"])
                assert found is not None
                people.setdefault(profile["email"], set()).add(clean.pseudonyms[told["email"]])
    assert len(people) > 5
    assert all(len(hashes) == 1 for hashes in people.values())
