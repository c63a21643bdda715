"""The desk's judge: beside the true outcomes, which it is not told, and on transcripts with one fault each."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_factory.contracts import Message, Step, ToolCall, Trace
from agent_factory.core.recipe import load_recipe
from agent_factory.data.judge import find_judge
from agent_factory.data.labelling.agreement import cohen_kappa
from agent_factory.data.labelling.calibration import REQUIRED_KAPPA
from agent_factory.environment.first_traffic import make_traffic
from agent_factory.environment.reference import ReferenceEngine
from agent_factory.environment.rollout import run_episodes
from agent_factory.environment.scenario import draw_scenarios
from agent_factory.privacy.redactor import open_redactor

RECIPE = load_recipe("support_desk")
JUDGE = RECIPE.load_part("judge")
WHEN = datetime(2026, 11, 20, 9, tzinfo=UTC)
ME = "My e-mail is <EMAIL_1>."


def verdicts(traces):
    """The judge's verdicts on the traces as they are after redaction, and the true ones."""
    redactor, judge = open_redactor(RECIPE), find_judge("support_desk")
    graded = [trace for trace in traces if trace.outcome is not None]
    found = [judge.judge(redactor.redact_trace(trace.model_copy(update={"outcome": None}))) for trace in graded]
    return [one.score > 0.5 for one in found], [trace.outcome.success for trace in graded]


def test_it_agrees_with_the_outcomes_of_first_traffic():
    found, true = verdicts(make_traffic(RECIPE, draw_scenarios(RECIPE, "train", 150, 11), ["2026-11-20"], seed=11))

    kappa = cohen_kappa(true, found, labels=(False, True))
    assert len(true) == 150
    assert kappa.value >= REQUIRED_KAPPA
    assert kappa.interval.low >= REQUIRED_KAPPA


def test_it_agrees_on_wordings_that_are_held_out():
    scenarios = draw_scenarios(RECIPE, "eval", 100, 12)
    played = asyncio.run(
        run_episodes(scenarios, RECIPE, RECIPE.load_part("predecessor")(12), "predecessor", shielded=False)
    )

    found, true = verdicts(played)
    assert len(true) >= 90  # some held-out wordings are beyond the predecessor itself
    assert cohen_kappa(true, found, labels=(False, True)).value >= REQUIRED_KAPPA


@pytest.mark.parametrize("split", ["train", "eval"])
def test_what_is_solved_by_the_reference_is_called_good(split):
    scenarios = draw_scenarios(RECIPE, split, 70, 13)
    solved = [
        asyncio.run(run_episodes([one], RECIPE, ReferenceEngine(one), "reference", shielded=False))[0]
        for one in scenarios
    ]

    assert {JUDGE(trace)[0] for trace in solved} == {1.0}


def transcript(*moves):
    """Messages: a text of the user's, ``(tool, arguments, result)``, and texts of the agent's after ``>``."""
    steps, unread = [], []
    for number, move in enumerate(moves):
        if isinstance(move, tuple):
            call = ToolCall(id=f"c{number}", name=move[0], arguments=move[1])
            steps.append((unread, Message(role="assistant", tool_calls=(call,))))
            unread = [Message(role="tool", tool_call_id=call.id, name=call.name, content=json.dumps(move[2]))]
        elif move.startswith(">"):
            steps.append((unread, Message(role="assistant", content=move[1:].strip())))
            unread = []
        else:
            unread = [*unread, Message(role="user", content=move)]
    told = tuple(Step(index=i, observation=tuple(seen), action=did) for i, (seen, did) in enumerate(steps))
    return Trace(id="t", created_at=WHEN, started_at=WHEN, source="production", recipe="support_desk", steps=told)


def order(number=1, **found):
    """A look at an order of the customer's."""
    told = {"status": "processing", "price": 90, "email": "<EMAIL_1>"} | found
    return "get_order", {"order_id": f"<REF_{number}>"}, told


def act(tool, done, number=1, **more):
    return tool, {"order_id": f"<REF_{number}>", **more}, done if isinstance(done, dict) else {"status": done}


CANCEL = act("cancel_order", "cancelled")
CANCELLED = "> Order <REF_1> is cancelled."
ASKS = f"Please cancel order <REF_1>. {ME}"
REFUND = act("refund_order", "refunded")
MIRROR = "Please exchange order <REF_1> for the red mirror. "
FOUND = ("search_catalogue", {"query": "red mirror"}, {"item_id": "<REF_2>", "price": 40, "stock": 0})
DOWN = {"error": "service unavailable", "status": 503}


@pytest.mark.parametrize(
    ("moves", "told"),
    [
        ((ASKS, CANCEL, CANCELLED), "without looking the order up"),
        ((ASKS, order(email="<EMAIL_2>"), CANCEL, CANCELLED), "e-mail address does not stand"),
        (("Please cancel order <REF_1>.", order(), CANCEL, CANCELLED), "e-mail address does not stand"),
        ((ASKS, order(status="shipped"), CANCEL, CANCELLED), "whose status is shipped"),
        ((ASKS, order(2), act("cancel_order", "cancelled", 2), "> Order <REF_2> is cancelled."), "did not ask"),
        ((ASKS, order(), CANCEL, act("hand_over", "handed over", reason="amount"), CANCELLED), "did not ask"),
        (
            (
                f"Send order <REF_1> to <ADDRESS_1>. {ME}",
                order(status="shipped"),
                act("change_address", "changed", address="<ADDRESS_1>"),
                "> Order <REF_1> now goes to <ADDRESS_1>.",
            ),
            "whose status is shipped",
        ),
        ((f"Refund order <REF_1>. {ME}", order(), REFUND, "> It is refunded."), "whose status is processing"),
        (
            (f"Refund order <REF_1>. {ME}", order(status="delivered", days=31), REFUND, "> It is refunded."),
            "delivered 31 days ago",
        ),
        (
            (f"Refund order <REF_1>. {ME}", order(status="delivered", days=3, price=201), REFUND, "> It is refunded."),
            "to be handed over",
        ),
        (
            (MIRROR + ME, order(status="delivered", days=3), FOUND, "> Order <REF_1> is exchanged."),
            "no successful call did that",
        ),
        ((ASKS, order(), CANCELLED), "no successful call did that"),
        ((ASKS, order(), "> Order <REF_1> has been shipped and cannot be cancelled."), "neither done nor refused"),
        ((ASKS, order(status="shipped"), "> Sorry."), "neither done nor refused"),
        ((ASKS, order(), CANCEL, "> You are welcome."), "does not say that it is done"),
        (
            (ASKS, order(), act("cancel_order", DOWN), "> Our system is not working."),
            "503 and was not called once more",
        ),
        ((f"Please cancel my order. {ME}", "> I could not find it."), "none was asked for"),
        (("Where is order <REF_1>?", "> It arrives on Monday."), "says Monday, which no tool has told"),
        (
            (
                "Where is order <REF_1>?",
                act("get_shipment", {"carrier": "UPX", "arrives": "Friday"}),
                "> UPX is bringing it.",
            ),
            "arrives on Friday, not told",
        ),
        ((f"Is the red mirror in stock? {ME}", FOUND, "> It is in stock."), "does not say that the goods are sold out"),
        ((f"Is the red mirror in stock? {ME}", "> It is sold out."), "not looked up in the catalogue"),
        (
            (f"Which orders do I have? {ME}", "> Please look at your account page."),
            "the customer's were not looked up",
        ),
        (
            (f"Please cancel order <REF_1>. Also: Where is order <REF_2>? {ME}", order(), CANCEL, CANCELLED),
            "the shipment of <REF_2> was not looked up",
        ),
        (("Tell me a joke.", "> Knock, knock."), "understands no request"),
    ],
)
def test_a_fault_is_seen_and_told(moves, told):
    score, reason = JUDGE(transcript(*moves))

    assert score <= 0.5
    assert told in reason


@pytest.mark.parametrize(
    "moves",
    [
        (ASKS, order(), CANCEL, CANCELLED),
        (ASKS, order(status="shipped"), "> It has been shipped and can't be cancelled."),
        (ASKS, order(email="<EMAIL_2>"), "> That order belongs to someone else."),
        (ASKS, act("get_order", {"error": "not found", "status": 404}), "> I could not find order <REF_1>."),
        (ASKS, order(), act("cancel_order", DOWN), act("cancel_order", DOWN), "> It is not working, try later."),
        (ASKS, order(), act("cancel_order", DOWN), CANCEL, CANCELLED),
        (f"Cancel my order. {ME}", "> Which order?", "The one is <REF_1>.", order(), CANCEL, CANCELLED),
        (MIRROR + ME, order(status="delivered", days=3), FOUND, "> The red mirror is sold out."),
        (
            "Refund order 4417 please, anna@example.com",
            (
                "get_order",
                {"order_id": "4417"},
                {"status": "delivered", "days": 9, "price": 5, "email": "Anna@example.com"},
            ),
            ("refund_order", {"order_id": "4417"}, {"status": "refunded"}),
            "> Order 4417 is refunded.",
        ),
    ],
)
def test_what_keeps_to_policy_is_called_good(moves):
    assert JUDGE(transcript(*moves)) == (1.0, "all that was asked for is done by policy")


def test_every_request_of_a_session_counts():
    begun = (ASKS, order(), CANCEL, CANCELLED, "And where is order <REF_2>?")
    day = act("get_shipment", {"carrier": "UPX", "arrives": "Friday"}, 2)

    assert JUDGE(transcript(*begun, day, "> On Friday."))[0] == 1.0
    assert JUDGE(transcript(*begun, "> One moment."))[0] < 0.5


@pytest.mark.parametrize("value", [None, "<REF_9>", [], {}, True, -1.5])
def test_a_result_of_another_shape_is_judged_and_breaks_nothing(value):
    for key in ("status", "price", "days", "email", "orders", "stock", "item_id", "arrives"):
        for asked in (ASKS, f"Refund order <REF_1>. {ME}", MIRROR + ME, f"Which orders do I have? {ME}"):
            seen = order(**{"status": "delivered", "days": 3, key: value})
            goods = FOUND[0], FOUND[1], FOUND[2] | {key: value}
            known = "find_customer", {"email": "<EMAIL_1>"}, {"orders": ["<REF_1>"]} | {key: value}
            score, reason = JUDGE(transcript(asked, seen, goods, known, REFUND, "> It cannot be done, <REF_1>."))
            assert 0 <= score <= 1
            assert reason


def test_what_is_no_object_is_no_result():
    for told in (None, [], "sent", 7):
        assert JUDGE(transcript(ASKS, (*act("get_order", {})[:2], told), CANCEL, CANCELLED))[0] == 0.0


def test_it_knows_nothing_of_how_scenarios_are_made_and_graded():
    package = Path(sys.modules[JUDGE.__module__].__file__).parent
    code = "".join(path.read_text() for path in sorted(package.glob("*.py")))

    for word in ("scenario", "outcome", "metadata", "simulator", "predecessor", "environment", "grade"):
        assert word not in code.replace("episodes whose outcome nobody knows", "")
