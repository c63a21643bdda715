"""What is junk and what only looks like it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent_factory.contracts import Message, Step, Trace
from agent_factory.data.cleaning.junk import find_junk

Make = Callable[..., Trace]


@pytest.mark.parametrize(
    ("said", "rule", "verdict"),
    [
        (" \n\t ", "nothing_said", "dropped"),
        ("?!?", "no_words", "flagged"),
        ("asdfasdf jkl; asdf", "keyboard_noise", "flagged"),
        ("qwertz", "keyboard_noise", "flagged"),
        ("xkcdvbq", "keyboard_noise", "flagged"),
        ("Test 123", "test_message", "flagged"),
        ("测试一下", "test_message", "flagged"),
        ("aaaaaaaaaaaaaaaaaaaaaaaa", "repeated_characters", "flagged"),
        ("no no no no no no no no no no", "repeated_words", "flagged"),
        ("Buy followers and SEO services at https://boost.example now", "advertising", "flagged"),
        ("加微信 代开发票 https://fapiao.example", "advertising", "flagged"),
    ],
)
def test_junk_is_told_by_its_rule(trace: Make, said: str, rule: str, verdict: str) -> None:
    found = find_junk(trace("t", said))
    assert found is not None
    assert (found.rule, found.verdict) == (rule, verdict)


@pytest.mark.parametrize(
    "said",
    [
        "Where is order 4417?",
        "test strips for the pool: do you have them in stock?",
        "Please test the lamp before you send it.",
        "My keyboard came without the keys qwertyuiop, see the photo",
        "Nooooooo, it broke again!!!!!!!",
        "The promo code on https://shop.example does not work, I get error 404",
        "Click here on your page https://shop.example/pay does nothing, what now?",
        "ok",
        "4417",
        "HTML CSS XML",
        "我的包裹什么时候到？",
        "نرجو إلغاء الطلب",
        "<EMAIL_1>",
    ],
)
def test_what_a_customer_may_say_is_no_junk(trace: Make, said: str) -> None:
    assert find_junk(trace("t", said)) is None


def test_one_blank_turn_among_others_is_none(trace: Make) -> None:
    steps = (
        Step(
            index=0,
            observation=(Message(role="user", content=""),),
            action=Message(role="assistant", content="Yes?"),
        ),
        Step(
            index=1,
            observation=(Message(role="user", content="Where is my order?"),),
            action=Message(role="assistant", content="Which?"),
        ),
    )
    assert find_junk(trace("t", steps=steps)) is None


def test_without_any_action_there_is_nothing_to_learn(trace: Make) -> None:
    silent = Step(
        index=0, observation=(Message(role="user", content="Hello?"),), action=Message(role="assistant", content=" ")
    )
    found = find_junk(trace("t", steps=(silent,)))
    assert found is not None
    assert (found.rule, found.verdict) == ("no_action", "dropped")
    asked = Step(index=0, observation=(), action=Message(role="assistant", content="Done: the report was sent."))
    assert find_junk(trace("t", steps=(asked,))) is None  # an agent that no user started
