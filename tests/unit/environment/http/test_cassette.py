"""Cassettes: what is recorded plays back the same, without secrets, and what is broken is named."""

import json

import httpx
import pytest

from agent_factory.contracts import Fault
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError
from agent_factory.environment.http.cassette import (
    HIDDEN,
    Body,
    Exchange,
    Take,
    TapedRequest,
    TapedResponse,
    read_cassette,
    tape_request,
    tape_response,
    write_cassette,
)
from agent_factory.environment.http.playback import CassetteBackend
from agent_factory.environment.reference import ReferenceEngine
from agent_factory.environment.rollout import run_episodes
from agent_factory.environment.world import open_world


def section(**http):
    return EnvironmentSection.read({"environment": {"settings": {"http": http}}})


@pytest.fixture
def tape(tmp_path):
    return tmp_path / "tapes" / "desk.jsonl"


@pytest.fixture
def record(recipe, tape):
    async def play(scenarios, engine=None):
        wanted = section(record=str(tape))
        return [await play_one(recipe, one, wanted, engine or ReferenceEngine(one)) for one in scenarios]

    return play


async def play_one(recipe, scenario, environment, engine):
    traces = await run_episodes([scenario], recipe, engine, "m", shielded=False, run="r", environment=environment)
    return traces[0]


def play_back(tape):
    return section(backend="cassette", cassette=str(tape))


def messages(trace):
    return [message.model_dump() for message in trace.messages()]


async def test_a_recorded_episode_plays_back_the_same(recipe, draw, record, tape):
    scenarios = [draw("L2", "cancel_order"), draw("L1", "track_order")]
    recorded = await record(scenarios)
    played = [await play_one(recipe, one, play_back(tape), ReferenceEngine(one)) for one in scenarios]

    assert all(trace.outcome.success for trace in played)
    assert [messages(trace) for trace in played] == [messages(trace) for trace in recorded]
    assert [trace.outcome for trace in played] == [trace.outcome for trace in recorded]


async def test_recording_again_in_another_order_gives_the_same_file(draw, record, tape):
    scenarios = [draw("L2", "cancel_order"), draw("L1", "track_order")]
    await record(scenarios)
    once = tape.read_bytes()
    await record(scenarios[::-1])

    assert tape.read_bytes() == once
    assert [file.name for file in tape.parent.iterdir()] == [tape.name]


async def test_an_episode_follows_the_take_that_began_as_it_does(recipe, draw, record, tape, moves):
    scenario = draw("L2", "cancel_order")
    order = {"order_id": scenario.solution.calls[0].arguments["order_id"]}
    read, cancel = ("get_order", order), ("cancel_order", order)
    ways = [moves(".", read, read), moves(".", read, cancel, read), moves(".", cancel)]
    recorded = [(await record([scenario], way))[0] for way in ways]
    played = [await play_one(recipe, scenario, play_back(tape), way) for way in ways]

    assert [messages(trace) for trace in played] == [messages(trace) for trace in recorded]
    assert [trace.outcome.changes for trace in played] == [trace.outcome.changes for trace in recorded]


async def test_what_is_not_on_the_cassette_is_answered_404_and_named(recipe, draw, record, tape, moves):
    scenario = draw("L2", "cancel_order")
    order = {"order_id": scenario.solution.calls[0].arguments["order_id"]}
    await record([scenario], moves(".", ("get_order", order), ("cancel_order", order)))
    away = moves(".", ("get_order", order), ("get_shipment", order), ("cancel_order", order))
    trace = await play_one(recipe, scenario, play_back(tape), away)

    assert "404 the cassette has no GET" in trace.steps[1].error
    assert "after 1 exchanges, where it has POST" in trace.steps[1].error
    assert [e.injected for step in trace.steps for e in step.executions] == [None, "off_cassette", None]
    assert trace.steps[2].error is None


async def test_faults_stand_in_front_of_a_cassette(recipe, draw, record, tape):
    scenario = draw("L1", "track_order")
    await record([scenario])
    fault = Fault(tool="*", kind="latency", seconds=2)
    trace = await play_one(
        recipe, scenario.model_copy(update={"faults": (fault,)}), play_back(tape), ReferenceEngine(scenario)
    )

    assert trace.outcome.success
    assert trace.steps[0].executions[0].injected == "latency"


async def refuse(recipe, tape, scenario=None):
    with pytest.raises(InputError) as refusal:
        async with open_world(recipe, play_back(tape)) as world:
            await world.make().reset(scenario, 0)
    return str(refusal.value)


async def test_what_a_cassette_cannot_play_is_refused_at_reset(recipe, draw, record, tape):
    scenario = draw("L1", "track_order")
    await record([scenario])
    stale = scenario.model_copy(update={"faults": (Fault(tool="get_order", kind="stale"),)})
    edited = scenario.model_copy(update={"state": {}})

    assert "is not on the cassette" in await refuse(recipe, tape, draw("L2", "cancel_order"))
    assert "only a simulator can answer as the world stood" in await refuse(recipe, tape, stale)
    assert "record it anew" in await refuse(recipe, tape, edited)


@pytest.mark.parametrize(
    ("number", "change", "told"),
    [
        (0, lambda row: row | {"cassette": 2}, "line 1: the format is 2"),
        (0, lambda row: row | {"openapi": "0" * 64}, f"of the digest {'0' * 64}, the recipe's has "),
        (1, lambda row: {k: v for k, v in row.items() if k != "world"}, "line 2: world: Field required"),
        (2, lambda row: row | {"response": {"status": "x"}}, "line 3: response.status: Input should be"),
        (2, lambda row: [], "line 3: '[]' is no JSON object"),
    ],
)
async def test_a_broken_cassette_is_named_with_file_and_line(recipe, draw, record, tape, number, change, told):
    await record([draw("L1", "track_order")])
    rows = [json.loads(line) for line in tape.read_text().splitlines()]
    rows[number] = change(rows[number])
    tape.write_text("".join(json.dumps(row) + "\n" for row in rows))
    message = await refuse(recipe, tape)

    assert str(tape) in message
    assert told in message


async def test_a_line_that_is_no_json_and_a_file_that_is_not_there_are_named(recipe, draw, record, tape):
    assert "cannot be read" in await refuse(recipe, tape)
    await record([draw("L1", "track_order")])
    tape.write_text(tape.read_text() + "{oops\n")

    assert "it is not JSON" in await refuse(recipe, tape)


async def test_a_recording_that_was_cut_off_goes_on(recipe, draw, record, tape):
    first, second = draw("L2", "cancel_order"), draw("L1", "track_order")
    await record([first])
    whole = tape.read_text()
    tape.rename(tape.with_name(tape.name + ".partial"))
    with tape.with_name(tape.name + ".partial").open("a") as file:
        file.write('{"request": {"met')
    await record([second])

    assert set(whole.splitlines()) < set(tape.read_text().splitlines())


def test_secrets_are_never_written():
    request = httpx.Request(
        "POST",
        "https://h/api/things?api_key=s3cret&size=2",
        headers={"Authorization": "Bearer s3cret", "Cookie": "s3cret", "X-Why": "so", "X-Api-Key": "s3cret"},
        json={"name": "Ann", "login": [{"password": "s3cret"}]},
    )
    response = httpx.Response(200, headers={"Set-Cookie": "s3cret"}, json={"access_token": "s3cret", "id": 1})
    asked = tape_request(request, request.content, "/api/", ("authorization", "x-why", "x-api-key"))
    told = tape_response(response, response.content)

    assert "s3cret" not in asked.model_dump_json() + told.model_dump_json()
    assert (asked.path, asked.headers) == ("/things", {"x-why": "so"})
    assert asked.query == (("api_key", HIDDEN), ("size", "2"))


@pytest.mark.parametrize(
    "body",
    [
        {"password": 7311},
        {"secrets": ["7311"]},
        {"token": {"value": "7311"}},
        {"access_tokens": ["7311"]},
        {"refresh_tokens": {"a": 7311}},
        {"tokens": "x7311"},
        [{"credentials": [{"api_keys": [7311]}]}],
    ],
    ids=str,
)
def test_what_stands_under_a_secret_name_is_hidden_whole(body):
    told = tape_response(httpx.Response(200, json=body), json.dumps(body).encode())
    assert "7311" not in told.model_dump_json()
    assert HIDDEN in told.model_dump_json()


def test_a_count_of_tokens_and_what_is_not_there_stay():
    body = {"max_tokens": 17, "tokens": 4, "token": None}
    assert tape_response(httpx.Response(200), json.dumps(body).encode()).body.content == body


def test_bodies_come_back_as_they_were(tmp_path):
    for content in (b'{"a":1,"b":["\xc3\xa9"]}', b"plain text", b"\xff\xfe\x00"):
        response = tape_response(httpx.Response(200, content=content), content)
        assert response.to_httpx().content == content


def test_a_cassette_is_read_with_its_digest(tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_text('{"cassette":1,"openapi":"d"}\n')

    assert read_cassette(path, "d") == ()


def a_take(scenario, *answers):
    """A take in which ``GET /things/all`` is answered so, each time with a state that tells the answer."""
    request = TapedRequest(method="GET", path="/things/all")
    told = [(answer, TapedResponse(status=200, body=Body(kind="json", content=answer))) for answer in answers]
    exchanges = tuple(Exchange(request=request, response=given, state={"n": answer}) for answer, given in told)
    return Take(scenario=scenario, world=digest_json({}), state={"n": 0}, exchanges=exchanges)


def test_takes_stand_in_order_and_once(tmp_path):
    takes = [a_take(name, n) for name in "hgfedcba" for n in (2, 1, 2)]
    write_cassette(tmp_path / "t", "d", takes)
    read = read_cassette(tmp_path / "t", "d")

    assert [take.scenario for take in read] == [name for name in "abcdefgh" for _ in range(2)]
    assert list(read) == [a_take(name, n) for name in "abcdefgh" for n in (1, 2)]


async def test_takes_that_were_answered_otherwise_are_left(tmp_path, tools, draw):
    scenario = draw("L1", "track_order").model_copy(update={"id": "s", "state": {}})
    write_cassette(tmp_path / "t", "d", [a_take("s", 1), a_take("s", 2, 3)])
    backend = CassetteBackend(tmp_path / "t", "d", tools)
    await backend.install("e", scenario)
    async with httpx.AsyncClient(transport=backend, base_url="http://cassette") as client:
        told = [await client.get("/things/all", headers={"X-Episode": "e"}) for _ in range(2)]

    assert [one.status_code for one in told] == [200, 404]
    assert await backend.snapshot("e") == {"n": 1}
