import pytest

from agent_factory.gateway.parser import parse_completion

GOOD = '<tool_call>\n{"name": "get_order", "arguments": {"order_id": "4417"}}\n</tool_call>'


def test_plain_text_is_an_answer():
    message, reason = parse_completion("All done.", ended=True, turn=1)
    assert (message.content, message.tool_calls, reason) == ("All done.", (), "stop")


@pytest.mark.parametrize(
    "text", ["We had some arguments: two.", '{"name": "Anna", "city": "Ulm"}', "the tool_call name"]
)
def test_words_that_are_no_part_of_a_call_are_an_answer(text):
    assert parse_completion(text, ended=True, turn=1)[1] == "stop"


def test_a_call_is_read_and_numbered():
    message, reason = parse_completion(GOOD + "\n" + GOOD, ended=True, turn=3)
    assert reason == "tool_calls"
    assert message.content is None
    assert [call.id for call in message.tool_calls] == ["call_3_0", "call_3_1"]
    assert message.tool_calls[0].arguments == {"order_id": "4417"}


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>\n{not json}\n</tool_call>",
        '<tool_call>{"name": "get_order"}</tool_call>',
        '<tool_call>{"name": 3, "arguments": {}}</tool_call>',
        '<tool_call>{"name": "x", "arguments": "{}"}</tool_call>',
        '<tool_call>["x"]</tool_call>',
        '<tool_call>{"name": "x", "arguments": {}}',
        '{"name": "x", "arguments": {}}</tool_call>',
        GOOD + "<tool_call>",
        GOOD + "<tool_call>{}</tool_call>",
        '<tool_call>{"name": "x", "arguments": {"a": NaN}}</tool_call>',
        '<tool_call>{"name": "x", "arguments": {"a": [1e999]}}</tool_call>',
        '<tool_call>{"name": "x", "arguments": {"a": "\\ud800"}}</tool_call>',
        '<tool_call>{"name": "x", "arguments": {"\\ud800": 1}}</tool_call>',
        f'<tool_call>{{"name": "x", "arguments": {{"a": {"[" * 70}{"]" * 70}}}}}</tool_call>',
        f'<tool_call>{{"name": "x", "arguments": {{"a": {"[" * 5000}{"]" * 5000}}}}}</tool_call>',
        '"arguments": {"order_id": "4417"}}',
        'get_order", "arguments": {"order_id": "44',
        'I look. {"name": "get_order", "arguments": {"order_id": "4417"}}',
        "tool_call> get_order",
        "<tool_call get_order",
        GOOD + '"arguments" : {}',
    ],
)
def test_a_broken_call_keeps_its_text(text):
    message, reason = parse_completion(text, ended=True, turn=1)
    assert (message.content, message.tool_calls, reason) == (text, (), "malformed")


def test_a_text_that_was_cut_off_is_no_call():
    message, reason = parse_completion(GOOD, ended=False, turn=1)
    assert (message.content, reason) == (GOOD, "length")


def test_an_empty_turn_is_an_empty_answer():
    message, reason = parse_completion("", ended=True, turn=1)
    assert (message.content, reason) == ("", "stop")
