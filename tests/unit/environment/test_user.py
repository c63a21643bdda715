"""The scripted user answers what a rule knows, once."""

import pytest

from agent_factory.contracts import Reply
from agent_factory.core.error import InputError
from agent_factory.environment.user import ScriptedUser


async def test_a_question_is_answered_once():
    user = ScriptedUser([Reply(asks="order number", says="It is 4417.")])

    assert await user.reply("Hello!") is None
    assert await user.reply("What is your ORDER NUMBER?") == "It is 4417."
    assert await user.reply("What is your order number?") is None


def test_a_rule_that_is_no_regular_expression_is_refused():
    with pytest.raises(InputError, match=r"'asks' is not a regular expression"):
        ScriptedUser([Reply(asks="(", says="x")])
