"""A tiny model with random weights, made once for all tests of the gateway."""

import json
import random
from pathlib import Path

import pytest

from agent_factory.contracts import Message, ToolCall


def make_dialogue(number: int) -> list[Message]:
    rng = random.Random(number)
    order = str(rng.randrange(1000, 9999))
    call = ToolCall(id="call_1_0", name="get_order", arguments={"order_id": order})
    return [
        Message(role="user", content=f"Where is my order {order}? I am <PERSON_1>."),
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", tool_call_id=call.id, content=json.dumps({"status": rng.choice(["sent", "open"])})),
        Message(role="assistant", content=f"Order {order} is on its way."),
    ]


@pytest.fixture(scope="session")
def dialogues():
    return [make_dialogue(number) for number in range(40)]


@pytest.fixture(scope="session")
def nano_folder(tmp_path_factory, dialogues) -> Path:
    from agent_factory.training.nano import create_model, train_tokenizer
    from agent_factory.training.setting import NanoSettings

    settings = NanoSettings(vocabulary=320, hidden=32, layers=2, heads=2, intermediate=64, context=160)
    tokenizer = train_tokenizer(dialogues, settings)
    folder = tmp_path_factory.mktemp("nano") / "model"
    create_model(tokenizer, settings, seed=0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(nano_folder):
    from agent_factory.gateway.checkpoint import load_tokenizer

    return load_tokenizer(nano_folder)
