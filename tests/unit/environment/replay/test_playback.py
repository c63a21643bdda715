"""A user whom a model played says the recorded lines again, and no model is asked."""

import pytest

from agent_factory.contracts import Message, Persona, ToolCall
from agent_factory.core.buildfile import EnvironmentSection, UserSection
from agent_factory.core.error import ConflictError
from agent_factory.environment.dialogue.cast import cast_model
from agent_factory.environment.episode import Player
from agent_factory.environment.reference import say, to_result
from agent_factory.environment.replay.origin import Origin
from agent_factory.environment.replay.replay import judge, play_recorded
from agent_factory.environment.rollout import open_shields
from agent_factory.environment.world import open_world

EMAIL = "jane.miller@example.com"


class Lines:
    """A model that says its lines in turn."""

    def __init__(self, *lines):
        self.lines = iter(lines)

    async def chat(self, request, *, deadline_seconds):
        return say(next(self.lines))

    async def close(self):
        pass


class Looker:
    """Looks up an order or a customer after each line of the user's, and asks on."""

    async def chat(self, request, *, deadline_seconds):
        last = request.messages[-1]
        if last.role != "user":
            return to_result(Message(role="assistant", content=f"What is your number {len(request.messages)}?"))
        told = [name for name in ("<EMAIL_1>",) if name in last.content]
        name, given = ("find_customer", {"email": told[0]}) if told else ("get_order", {"order_id": "4417"})
        call = ToolCall(id=f"c{len(request.messages)}", name=name, arguments=given)
        return to_result(Message(role="assistant", tool_calls=(call,)))

    async def close(self):
        pass


@pytest.fixture
def replay_dialogue(make_set, recipe):
    """Plays an episode with a model's lines behind the shield, and again: the trace, and what the replay tells."""

    async def run(opening, *lines):
        persona = Persona(wants="your order", knows={"order number": "4417"}, turns=len(lines))
        opened = (Message(role="user", content=opening),)
        scenario = make_set()[0].model_copy(update={"user": persona, "replies": (), "opening": opened})
        shields, section = open_shields(recipe), EnvironmentSection()
        cast = cast_model(Lines(*lines), UserSection(model="u1", place="u1"))
        async with open_world(recipe, section) as world:
            player = Player(world, recipe, Looker(), "M1", "r", make_shield=shields, make_user=cast)
            trace = await player.play(scenario)
            replayed = await play_recorded(world, trace, Origin(scenario, recipe, section, 0), shields)
        return trace, judge(trace, replayed)

    return run


async def test_the_recorded_lines_are_said_again(replay_dialogue):
    trace, found = await replay_dialogue(f"I am {EMAIL}, where is my order?", "It is 4417.", f"Yes, {EMAIL} it is.")

    said = [message.content for message in trace.messages() if message.role == "user"]
    assert (trace.failure, said[1:]) == (None, ["It is <REF_1>.", "Yes, <EMAIL_1> it is."])
    assert (found.verdict, found.differences) == ("identical", ())


async def test_a_line_that_first_tells_something_personal_is_refused(replay_dialogue):
    with pytest.raises(ConflictError, match=r"a line of its user first told <PERSON_1>, and what that stands for"):
        await replay_dialogue("Where is my order?", "It is 4417.", "They call me Jane.")
