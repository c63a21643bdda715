"""A model plays the user: what it is told, when it stops, and that its faults are never the agent's."""

import asyncio

import pytest

from agent_factory.contracts import Message, Persona
from agent_factory.core.buildfile import EnvironmentSection, UserSection
from agent_factory.core.error import InputError, ModelError, UserError
from agent_factory.environment.dialogue.cast import cast_model, open_cast
from agent_factory.environment.dialogue.user import STOP, ModelUser
from agent_factory.environment.episode import Player
from agent_factory.environment.reference import ReferenceEngine, say
from agent_factory.environment.rollout import run_episodes
from agent_factory.environment.scenario import prove_solvable
from agent_factory.environment.world import open_world

PERSONA = Persona(wants="your order cancelled", knows={"order number": "4417"}, turns=2)
ASKS = "What is your order number?"


class Lines:
    """An engine that says its lines in turn, and keeps what it was asked."""

    def __init__(self, *lines):
        self.lines, self.requests = list(lines), []

    async def chat(self, request, *, deadline_seconds):
        self.requests.append(request)
        line = self.lines.pop(0)
        if isinstance(line, BaseException):
            raise line
        return line if not isinstance(line, str) else say(line)

    async def close(self):
        pass


def user_of(engine, persona=PERSONA, seed=5, **options):
    return ModelUser(engine, "u1", persona, "Please cancel it.", seed, **options)


async def test_the_model_reads_the_dialogue_from_the_other_side():
    engine = Lines("It is 4417.", "Thank you.", "Never said.")
    user = user_of(engine)

    assert await user.reply(ASKS) == "It is 4417."
    assert await user.reply("Order 4417 is cancelled.") == "Thank you."
    assert await user.reply("Goodbye.") is None  # it has two lines
    told = [(message.role, message.content) for message in engine.requests[1].messages]
    assert told[1:] == [
        ("assistant", "Please cancel it."),
        ("user", ASKS),
        ("assistant", "It is 4417."),
        ("user", "Order 4417 is cancelled."),
    ]
    assert "order number: 4417" in engine.requests[0].system
    assert STOP in engine.requests[0].system


async def test_the_users_seeds_follow_from_the_episodes():
    first, same, other = Lines("It is 4417.", "Yes."), Lines("It is 4417.", "Yes."), Lines("It is 4417.", "Yes.")
    for engine, seed in ((first, 5), (same, 5), (other, 6)):
        user = user_of(engine, seed=seed)
        await user.reply(ASKS)
        await user.reply("Sure?")
    seeds = [[request.sampling.seed for request in engine.requests] for engine in (first, same, other)]

    assert seeds[0] == seeds[1]
    assert len({*seeds[0], *seeds[2]}) == 4


async def test_the_marker_ends_the_dialogue():
    assert await user_of(Lines(f"Thanks! {STOP}")).reply("Order 4417 is cancelled.") is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (ModelError("no memory"), "u1: ModelError: no memory"),
        (ValueError("odd"), "u1: ValueError: odd"),
        (STOP, "leaves at a question while it has not told: order number"),
        ("It is 9999.", "says '9999'"),
        ("Please cancel it", "repeats a line"),
        (say("cut").model_copy(update={"finish_reason": "length"}), "broke off its line"),
    ],
)
async def test_its_faults_are_told_as_the_users(line, told):
    with pytest.raises(UserError, match=told):
        await user_of(Lines(line)).reply(ASKS)


async def test_a_user_that_says_nothing_in_time_is_at_fault():
    class Silent(Lines):
        async def chat(self, request, *, deadline_seconds):
            await asyncio.Event().wait()

    with pytest.raises(UserError, match=r"said nothing within 0\.01 s"):
        await user_of(Silent(), seconds=0.01).reply(ASKS)


@pytest.fixture
def spoken(draw):
    """A scenario whose user a model plays: it must be asked for the order's number."""
    scenario = draw("L5", "missing_order_number")
    number = scenario.solution.calls[0].arguments["order_id"]
    persona = Persona(wants="what you wrote to be done with your order", knows={"order number": str(number)})
    return scenario.model_copy(update={"replies": (), "user": persona})


async def play(recipe, scenario, *lines):
    section = UserSection(model="u1", place="http://127.0.0.1:1/v1")
    async with open_world(recipe) as world:
        make_user = cast_model(Lines(*lines), section)
        player = Player(world, recipe, ReferenceEngine(scenario), "reference", "t", make_user=make_user)
        return await player.play(scenario)


async def test_an_agent_solves_a_dialogue(recipe, spoken):
    number = spoken.user.knows["order number"]
    trace = await play(recipe, spoken, f"That would be {number}.", STOP)

    assert trace.outcome.success
    assert Message(role="user", content=f"That would be {number}.") in trace.messages()


async def test_the_users_fault_leaves_the_episode_without_an_outcome(recipe, spoken):
    trace = await play(recipe, spoken, "It is 0000.")

    assert (trace.outcome, trace.fault) == (None, "user")
    assert trace.failure.startswith("user: u1 says '0000'")
    assert len(trace.steps) == 1  # what was played is kept


async def test_without_a_model_the_scenario_is_left_out_with_what_to_do(recipe, spoken):
    [trace] = await run_episodes([spoken], recipe, ReferenceEngine(spoken), "reference", shielded=False)

    assert trace.outcome is None
    assert "give model and place in [environment.user]" in trace.failure


def test_a_dialogue_is_proved_without_a_model(recipe, spoken):
    prove_solvable(recipe, [spoken])
    silent = spoken.model_copy(update={"user": spoken.user.model_copy(update={"knows": {}})})
    asking = spoken.solution.model_copy(update={"calls": ()})
    with pytest.raises(InputError, match="not solved by its reference solution"):
        prove_solvable(recipe, [silent.model_copy(update={"solution": asking})])


def test_a_user_does_not_know_the_solution(spoken):
    for told in (spoken.solution.answer, f"call {spoken.solution.calls[0].name} for me"):
        with pytest.raises(ValueError, match="a user knows what they want, not how"):
            type(spoken).model_validate({**spoken.model_dump(), "user": {"wants": told}})
    with pytest.raises(ValueError, match="give one of the two"):
        type(spoken).model_validate({**spoken.model_dump(), "replies": [{"asks": "x", "says": "y"}]})


async def test_a_place_that_is_no_folder_is_told(recipe):
    section = EnvironmentSection(user=UserSection(model="u1", place="nowhere"))
    with pytest.raises(InputError, match="neither an http"):
        async with open_cast(recipe, section, True):
            pass
    async with open_cast(recipe, section, False):
        pass  # not looked at where no scenario needs it


async def test_the_key_goes_to_the_recipes_own_address_alone(recipe, monkeypatch):
    monkeypatch.setenv("AGENT_FACTORY_USER_KEY", "secret")
    own = {"user": {"model": "u1", "place": "http://127.0.0.1:1/v1"}}
    monkeypatch.setitem(recipe.settings, "environment", own)
    given = []
    monkeypatch.setattr(
        "agent_factory.environment.dialogue.cast.open_gateway",
        lambda models, api_key: given.append(api_key) or _Gateway(),
    )
    for place in ("http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"):
        async with open_cast(recipe, EnvironmentSection(user=UserSection(model="u1", place=place)), True):
            pass

    assert [key and key.get_secret_value() for key in given] == ["secret", None]


class _Gateway:
    async def open(self, model):
        pass

    async def close(self):
        pass
