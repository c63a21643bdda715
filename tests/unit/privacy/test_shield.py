"""The model sees placeholders, the world sees values; what is trained looks like what is served."""

from __future__ import annotations

from datetime import UTC, datetime

from agent_factory.contracts import Message, Step, ToolCall, Trace
from agent_factory.privacy.redactor import Redactor
from agent_factory.privacy.shield import Shield

WHEN = datetime(2026, 11, 20, tzinfo=UTC)
USER = Message(role="user", content="I am Mia Li, mia.li@example.com. Send order 4417 to 12 Mill Street.")
CALL = Message(
    role="assistant",
    tool_calls=(ToolCall(id="c", name="change_address", arguments={"order_id": "4417", "address": "12 Mill Street"}),),
)
RESULT = Message(role="tool", tool_call_id="c", name="change_address", content='{"email":"olu@example.com"}')
ANSWER = Message(role="assistant", content="Order 4417 goes to 12 Mill Street, Mia Li.")


def test_arguments_are_revealed_before_the_call_and_results_hidden_after(redactor: Redactor) -> None:
    shield = Shield(redactor)
    hidden = shield.hide_message(USER)
    assert hidden.content == "I am <PERSON_1>, <EMAIL_1>. Send order 4417 to <ADDRESS_1>."
    arguments = {
        "order_id": "4417",
        "address": "<ADDRESS_1>",
        "who": {"first_name": "<PERSON_1>", "mails": ["<EMAIL_1>"]},
    }
    assert shield.reveal_json(arguments) == {
        "order_id": "4417",
        "address": "12 Mill Street",
        "who": {"first_name": "Mia", "mails": ["mia.li@example.com"]},
    }
    assert shield.hide_json_text('{"email":"MIA.LI@example.com","owner":{"email":"olu@example.com"}}') == (
        '{"email":"<EMAIL_1>","owner":{"email":"<EMAIL_2>"}}'
    )
    assert shield.reveal_text("Done, <PERSON_1>; not <PERSON_9>.") == "Done, Mia Li; not <PERSON_9>."
    assert set(shield.pseudonyms) == {"<PERSON_1>", "<EMAIL_1>", "<EMAIL_2>", "<ADDRESS_1>"}


def test_a_foreign_trace_looks_like_a_served_one(redactor: Redactor) -> None:
    shield = Shield(redactor)
    served = [shield.hide_message(message) for message in (USER, CALL, RESULT, ANSWER)]
    steps = (
        Step(index=0, observation=(USER,), action=CALL),
        Step(index=1, observation=(RESULT,), action=ANSWER),
    )
    foreign = Trace(id="t", created_at=WHEN, started_at=WHEN, source="production", steps=steps)
    cleaned = redactor.redact_trace(foreign)
    assert list(cleaned.messages()) == served
    assert cleaned.pseudonyms == shield.pseudonyms


def test_a_learnt_value_is_hidden_from_then_on(redactor: Redactor) -> None:
    shield = Shield(redactor)
    assert shield.hide_text("Xaver asks") == "Xaver asks"
    shield.hide_json_text('{"customer_name": "Xaver Zorn"}')
    assert shield.hide_text("Xaver asks, Zorn waits") == "<PERSON_1> asks, <PERSON_1> waits"
