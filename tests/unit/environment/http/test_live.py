"""A live service: a real server on loopback, reached only as far as the settings allow."""

import asyncio
import json
import socket

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from agent_factory.contracts import Fault, SuccessRules, ToolCall
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.error import InputError, ToolError
from agent_factory.environment.http.live import LiveTransport
from agent_factory.environment.http.setting import HttpSection
from agent_factory.environment.reference import ReferenceEngine
from agent_factory.environment.rollout import run_episodes
from agent_factory.environment.world import open_world

KEY = "k3y-of-the-desk"


class Desk:
    """The order desk's look-up as a live service, with ways to misbehave by the order's number."""

    def __init__(self):
        self.seen = []
        self.state = {"orders": {"1000": {"status": "open"}}}
        order = Route("/api/orders/{number}", self.get_order)
        self.app = Starlette(routes=[order, Route("/api/state", lambda request: self.told())])
        self.echo = ""
        self.away = "http://127.0.0.1:9/stolen"

    def told(self):
        return JSONResponse(self.state)

    async def get_order(self, request):
        self.seen.append(dict(request.headers))
        number = request.path_params["number"]
        answers = {
            "2000": lambda: RedirectResponse("/api/orders/1000"),
            "3000": lambda: RedirectResponse(self.away),
            "4000": lambda: Response(b"x" * 3000),
            "5000": lambda: JSONResponse({"you": request.headers["authorization"]}),
            "5001": lambda: Response(f'{{"you": "{self.echo}"}}', media_type="application/json"),
            "7000": lambda: RedirectResponse("/api/orders/7000"),
        }
        if number == "6000":
            await asyncio.sleep(60)
        return answers.get(number, lambda: JSONResponse({"status": "open"}))()


@pytest.fixture
async def desk(monkeypatch):
    """The service on a free port of loopback, with its origin."""
    monkeypatch.setenv("DESK_KEY", KEY)
    service = Desk()
    listener = socket.create_server(("127.0.0.1", 0))
    service.origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(service.app, lifespan="off", log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(30):
        while not server.started:
            await asyncio.sleep(0.01)
        yield service
        server.should_exit = server.force_exit = True
        await running


def live(desk, **more):
    return {
        "backend": "live",
        "url": f"{desk.origin}/api",
        "allow": [desk.origin],
        "key_env": "DESK_KEY",
        "max_bytes": 2000,
        **more,
    }


def section(settings):
    return EnvironmentSection.read({"environment": {"settings": {"http": settings}}})


@pytest.fixture
def scenario(draw):
    """Look an order up: nothing of a state is asked for."""
    found = draw("L1", "track_order")
    rules = SuccessRules(says=(("open",),))
    call = ToolCall(id="c", name="get_order", arguments={"order_id": "1000"})
    solution = found.solution.model_copy(update={"calls": (call,), "answer": "It is open."})
    return found.model_copy(update={"rules": rules, "solution": solution, "faults": ()})


async def look_up(recipe, scenario, settings, number, seconds=10.0):
    async with open_world(recipe, section(settings)) as world:
        environment = world.make()
        await environment.reset(scenario, 0)
        result = await environment.step(ToolCall(id="c", name="get_order", arguments={"order_id": number}), seconds)
        return json.loads(result.message.content)


async def test_an_episode_runs_against_a_live_service(recipe, desk, scenario):
    slow = scenario.model_copy(update={"faults": (Fault(tool="get_order", kind="latency", seconds=3),)})
    engine = ReferenceEngine(slow)
    settings = section(live(desk))
    trace = (await run_episodes([slow], recipe, engine, "m", shielded=False, environment=settings))[0]

    assert trace.outcome.success
    assert trace.steps[0].executions[0].injected == "latency"
    assert desk.seen[0]["authorization"] == f"Bearer {KEY}"
    assert desk.seen[0]["host"] == desk.origin.removeprefix("http://")
    assert KEY not in trace.model_dump_json()


async def test_the_key_stays_out_of_what_an_echoing_service_says(recipe, desk, scenario):
    assert await look_up(recipe, scenario, live(desk), "5000") == {"you": "Bearer ***"}


@pytest.mark.parametrize(
    "echo",
    [
        r"""k/3\"y + of'x""",
        r"""k\/3\"y + of'x""",
        "k%2F3%22y%20%2B%20of%27x",
        "k%2f3%22y+%2b+of%27x",
        "k/3%22y%20%2B%20of%27x",
    ],
)
async def test_the_key_stays_out_also_where_it_is_escaped(recipe, desk, scenario, monkeypatch, echo):
    monkeypatch.setenv("DESK_KEY", "k/3\"y + of'x")
    desk.echo = echo
    assert await look_up(recipe, scenario, live(desk), "5001") == {"you": "***"}


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("2000", "open"),
        ("3000", "http://127.0.0.1:9 is not on the allow-list"),
        ("4000", "more than 2000 bytes"),
        ("7000", "more than 3 redirects"),
    ],
)
async def test_redirects_and_sizes_are_bounded(recipe, desk, scenario, number, told):
    assert told in json.dumps(await look_up(recipe, scenario, live(desk), number))


async def test_a_service_that_hangs_is_left_at_the_deadline(recipe, desk, scenario):
    assert (await look_up(recipe, scenario, live(desk), "6000", 0.2))["status"] == 408


async def test_a_recording_of_a_live_service_holds_no_key(recipe, desk, scenario, tmp_path):
    tape = tmp_path / "desk.jsonl"
    first = await look_up(recipe, scenario, live(desk, record=str(tape)), "1000")
    again = await look_up(recipe, scenario, {"backend": "cassette", "cassette": str(tape)}, "1000")

    assert again == first == {"status": "open"}
    assert KEY not in tape.read_text()


async def test_state_is_what_its_path_tells(recipe, desk, scenario):
    graded = scenario.model_copy(update={"rules": SuccessRules(state={"orders/1000/status": "gone"})})
    async with open_world(recipe, section(live(desk, state_path="/state"))) as world:
        environment = world.make()
        await environment.reset(graded, 0)
        assert await environment.state() == desk.state
        desk.state = ["no", "object"]
        with pytest.raises(ToolError, match="expected 200 and a JSON object"):
            await environment.state()

    with pytest.raises(InputError, match="graded by state, and the live service tells none"):
        await look_up(recipe, graded, live(desk), "1000")


async def test_a_key_that_is_not_set_is_told(recipe, desk, monkeypatch, scenario):
    monkeypatch.delenv("DESK_KEY")
    with pytest.raises(InputError, match="environment variable 'DESK_KEY'"):
        await look_up(recipe, scenario, live(desk), "1000")


async def reach(url, allow, addresses, monkeypatch):
    """Ask a URL while names lead to ``addresses``; where a connection would go instead of making it."""
    transport = LiveTransport(HttpSection(backend="live", url=url, allow=allow), httpx.URL(url))
    gone = []

    async def resolve(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (addresses.get(host, host), port))]

    async def connect(request):
        gone.append((request.url.host, request.headers["host"], request.extensions["sni_hostname"]))
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    monkeypatch.setattr(transport._network, "handle_async_request", connect)
    await transport.handle_async_request(httpx.Request("GET", url))
    await transport.aclose()
    return gone[0]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fe80::1", "::ffff:10.0.0.1"])
async def test_a_name_that_leads_inside_is_refused(address, monkeypatch):
    with pytest.raises(httpx.ConnectError, match="not public; if it is meant, list that address in allow"):
        await reach("https://shop.example", ["https://shop.example"], {"shop.example": address}, monkeypatch)


async def test_the_connection_goes_to_the_address_that_was_looked_at(monkeypatch):
    public = {"shop.example": "93.184.216.34"}
    expected = ("93.184.216.34", "shop.example", "shop.example")
    assert await reach("https://shop.example", ["https://shop.example"], public, monkeypatch) == expected

    inside = ["http://intranet.example:8080", "http://10.0.0.5:8080"]
    found = await reach(inside[0], inside, {"intranet.example": "10.0.0.5"}, monkeypatch)
    assert found == ("10.0.0.5", "intranet.example:8080", "intranet.example")


async def test_the_key_goes_to_the_service_alone(monkeypatch):
    url, other = "http://127.0.0.1:8001/api", "http://127.0.0.1:8002"
    section = HttpSection(backend="live", url=url, allow=("http://127.0.0.1:8001", other))
    transport = LiveTransport(section, httpx.URL(url), ("Authorization", f"Bearer {KEY}"))
    seen = []

    async def connect(request):
        seen.append((request.url.port, request.headers.get("authorization")))
        away = {} if request.url.port == 8002 else {"Location": other}
        return httpx.Response(302 if away else 200, headers=away, stream=httpx.ByteStream(b"{}"))

    monkeypatch.setattr(transport._network, "handle_async_request", connect)
    await transport.handle_async_request(httpx.Request("GET", url))

    assert seen == [(8001, f"Bearer {KEY}"), (8002, None)]
