"""The faults of a simulated user that rules see, and what is none."""

import pytest

from agent_factory.contracts import Persona
from agent_factory.environment.dialogue.conduct import find_early_end, find_fault, is_question

PERSONA = Persona(
    wants="your order cancelled",
    knows={"order number": "4417", "e-mail": "anna@example.com"},
    withholds=("my cousin bought it",),
)
OPENING = "Please cancel my order."
ASKED = "What is your order number, please? I cannot see it."


@pytest.mark.parametrize(
    "line",
    [
        "It is 4417.",
        "Order 4417, and my e-mail is Anna@example.com",
        "I do not know.",
        "Thanks, that will do.",
        "I bought 2 of them.",
    ],
)
def test_what_a_user_says_is_no_fault(line):
    assert find_fault(PERSONA, [OPENING], ["Hello.", ASKED], line) is None


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("  \n", "says nothing"),
        ("Assistant: I will look it up.", "talks as the assistant"),
        ("How can I help you today?", "talks as the assistant"),
        ('<tool_call>{"name": "cancel_order"}', "talks as the assistant"),
        ("what is your order number please, I cannot see it", "words back"),
        ("please cancel my order!", "repeats a line"),
        ("It is 4417, and My cousin bought it.", "gives away 'my cousin bought it'"),
        ("It is 4471.", "says '4471'"),
        ("Write to anna@example.org.", "says 'anna@example.org'"),
    ],
)
def test_what_a_user_does_not_do_is_told(line, wrong):
    assert wrong in (find_fault(PERSONA, [OPENING], ["Hello.", ASKED], line) or "")


def test_a_number_that_the_assistant_named_is_not_invented():
    assert find_fault(PERSONA, [OPENING], ["Hello.", "Is it order 9900?"], "No, not 9900.") is None


def test_to_leave_at_a_question_is_a_fault_while_the_answer_is_held():
    asked = "What is your order number?"

    assert (
        find_early_end(PERSONA, [OPENING], asked) == "leaves at a question while it has not told: order number, e-mail"
    )
    assert find_early_end(PERSONA, [OPENING, "4417, anna@example.com"], asked) is None
    assert find_early_end(PERSONA, [OPENING], "Order 4417 is cancelled. Anything else?") is None


@pytest.mark.parametrize(("text", "asks"), [("Which one? The red?", True), ("Done. More?", False), ("", False)])
def test_a_bare_question_does_nothing_but_ask(text, asks):
    assert is_question(text) is asks
