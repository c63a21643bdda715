"""The scripted user answers what a rule knows, once."""

import pytest

from agent_factory.contracts import Reply
from agent_factory.core.error import InputError, UserError
from agent_factory.environment import user
from agent_factory.environment.user import ScriptedUser


async def test_a_question_is_answered_once():
    user = ScriptedUser([Reply(asks="order number", says="It is 4417.")])

    assert await user.reply("Hello!") is None
    assert await user.reply("What is your ORDER NUMBER?") == "It is 4417."
    assert await user.reply("What is your order number?") is None


@pytest.mark.parametrize("asks", ["(", "(?R)?a", "a{99999999999999}"])
def test_a_rule_that_is_no_regular_expression_is_refused(asks):
    with pytest.raises(InputError, match=r"reply 2: its 'asks' '.*' is not a regular expression"):
        ScriptedUser([Reply(asks="a", says="x"), Reply(asks=asks, says="x")])


def test_a_rule_that_takes_for_ever_to_read_is_refused():
    with pytest.raises(InputError, match=r"reply 1: its 'asks' '\(a\{650\}\)\{650\}' repeats 422500 times"):
        ScriptedUser([Reply(asks="(a{650}){650}", says="x")])
    with pytest.raises(ValueError, match="at most 500 characters"):
        Reply(asks="a" * 501, says="x")


async def test_a_search_ends_at_its_deadline_and_names_the_rule(monkeypatch):
    monkeypatch.setattr(user, "SEARCH_SECONDS", 0.01)
    slow = ScriptedUser([Reply(asks="b", says="x"), Reply(asks="(a|aa)+$", says="x")])

    with pytest.raises(UserError, match=r"reply 2: its 'asks' '\(a\|aa\)\+\$' was not searched for within 0.01 s"):
        await slow.reply("a" * 60 + "!")
