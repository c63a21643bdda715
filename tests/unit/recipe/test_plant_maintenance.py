"""The plant: HTTP semantics, a diagnosis that readings and policy agree on, and breaches of policy that show."""

import re

import httpx
import pytest

from agent_factory.core.recipe import load_recipe
from agent_factory.environment.grade import find_changes
from agent_factory.environment.scenario import draw_scenarios

RECIPE = load_recipe("plant_maintenance")
DEMO = RECIPE.load_part("demo_state")
NORA = "nora.hofer@example.com"
ORDER = {"machine_id": "2417", "fault": "oil leak", "priority": "normal", "reporter": NORA}


@pytest.fixture
def app():
    return RECIPE.load_part("simulator")()


@pytest.fixture
async def client(app):
    app.install("a", DEMO())
    app.install("b", DEMO())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://plant", headers={"X-Episode": "a"}) as client:
        yield client


async def test_a_machine_tells_its_state_and_the_faults_with_open_orders(client):
    assert (await client.get("/machines/2520")).json() == {
        "kind": "south pump",
        "state": "running",
        "open_faults": ["bearing wear"],
    }
    await client.post("/orders/5208/close")

    assert (await client.get("/machines/2520")).json()["open_faults"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/machines/9999", None, 404),
        ("GET", "/machines/9999/sensors", None, 404),
        ("GET", "/machines/2417/reading?sensor=noise", None, 404),
        ("GET", "/faults?fault=rust", None, 404),
        ("GET", "/parts?query=glass+seal", None, 404),
        ("GET", "/parts?query=Rubber+Seal", None, 200),
        ("GET", "/orders/9999", None, 404),
        ("POST", "/orders", {**ORDER, "machine_id": "9999"}, 404),
        ("POST", "/orders", {**ORDER, "fault": "rust"}, 404),
        ("POST", "/orders", {**ORDER, "reporter": "nobody@example.com"}, 404),
        ("POST", "/orders", {"machine_id": "2417"}, 422),
        ("POST", "/orders/5208/reserve", {"part_id": "1215"}, 409),
        ("POST", "/orders/5208/reserve", {"part_id": "9999"}, 404),
        ("POST", "/orders/9999/request", {"part_id": "1215"}, 404),
        ("POST", "/machines/9999/handover", {"reason": "safety"}, 404),
        ("PUT", "/orders/5208", None, 405),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(app, client, method, path, body, status):
    assert (await client.request(method, path, json=body)).status_code == status
    assert app.snapshot("a") == DEMO()


async def test_an_order_is_closed_once_and_takes_no_part_after(client):
    assert (await client.post("/orders/5208/close")).json() == {"status": "closed"}
    again = await client.post("/orders/5208/close")
    late = await client.post("/orders/5208/reserve", json={"part_id": "1207"})

    assert (again.status_code, again.json()) == (409, {"error": "order is closed"})
    assert late.status_code == 409


async def test_an_order_is_numbered_on_and_names_its_reporter(app, client):
    assert (await client.post("/orders", json=ORDER)).json() == {"order_id": "5209"}

    found = find_changes(DEMO(), app.snapshot("a"))
    assert found["orders/5209/reporter"] == "311"
    assert {path.rpartition("/")[0] for path in found} == {"orders/5209"}


async def test_stock_goes_down_until_there_is_none(app, client):
    answers = [await client.post("/orders/5208/reserve", json={"part_id": "1207"}) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 409]
    assert app.snapshot("a")["parts"]["1207"]["stock"] == 0


async def test_worlds_are_apart(app, client):
    before = app.snapshot("b")
    await client.post("/orders", json=ORDER)

    assert app.snapshot("b") == before
    assert len(app.snapshot("a")["orders"]) == 2


async def test_a_request_without_a_world_is_refused(app, client):
    app.drop("a")

    assert (await client.get("/machines/2417")).status_code == 400


def test_a_snapshot_is_a_copy(app):
    app.install("c", DEMO())
    app.snapshot("c")["handovers"]["2417"] = "safety"

    assert app.snapshot("c")["handovers"] == {}


@pytest.mark.parametrize(
    ("path", "body", "shows"),
    [
        ("/orders", {**ORDER, "machine_id": "2520"}, "orders/5209/status"),  # it runs, and it is not urgent
        ("/orders", {**ORDER, "machine_id": "2520", "fault": "bearing wear"}, "orders/5209/status"),  # a second order
        ("/orders", {**ORDER, "machine_id": "2631"}, "orders/5209/status"),  # a safety alarm
        ("/orders/5208/request", {"part_id": "1207"}, "orders/5208/supply"),  # it is in stock
    ],
)
async def test_a_breach_of_policy_is_done_and_shows_in_the_state(app, client, path, body, shows):
    assert (await client.post(path, json=body)).status_code == 200
    assert shows in find_changes(DEMO(), app.snapshot("a"))


async def test_sensors_are_compared_with_the_machines_own_limits(client):
    assert (await client.get("/machines/2417/sensors")).json() == {
        "temperature": "ok",
        "vibration": "ok",
        "pressure": "ok",
        "oil": "low",
    }
    assert (await client.get("/machines/2520/sensors")).json()["temperature"] == "high"
    assert (await client.get("/machines/2520/reading?sensor=temperature")).json() == {"value": 94, "limit": 80}


SYMPTOMS = {
    frozenset(symptoms.split(", ")): fault
    for fault, symptoms in re.findall(r"^\| `([a-z ]+)` \| ([a-z, ]+) \|$", RECIPE.policy, re.MULTILINE)
}


def diagnose(machine):
    """The fault by the table of policy.md; None where every sensor is within the machine's limit."""
    shown = {
        f"{sensor} {'low' if sensor == 'oil' else 'high'}"
        for sensor, value in machine["readings"].items()
        if (value < machine["limits"][sensor] if sensor == "oil" else value > machine["limits"][sensor])
    }
    return SYMPTOMS[frozenset(shown)] if shown else None


def test_every_fault_is_in_policy_tools_and_both_worlds():
    known = set(RECIPE.openapi["components"]["schemas"]["Fault"]["enum"])

    assert set(SYMPTOMS.values()) == set(DEMO()["faults"]) == known
    assert set(draw_scenarios(RECIPE, "train", 5, 0)[0].state["faults"]) == known


@pytest.mark.parametrize("split", ["train", "eval"])
def test_the_order_that_solves_a_check_is_for_the_fault_that_policy_reads_from_the_sensors(split):
    checks = [s for s in draw_scenarios(RECIPE, split, 300, 2) if s.kind in ("check_machine", "check_and_reserve")]
    found = set()
    for scenario in checks:
        calls = {call.name: call.arguments for call in scenario.solution.calls}
        fault = diagnose(scenario.state["machines"][calls["get_sensors"]["machine_id"]])
        found.add(fault)
        assert calls.get("open_order", {}).get("fault") == fault

    assert found == {None, *RECIPE.openapi["components"]["schemas"]["Fault"]["enum"]}


def test_a_part_is_reserved_only_from_stock_and_else_requested():
    supplied = set()
    for scenario in draw_scenarios(RECIPE, "train", 300, 2):
        for call in scenario.solution.calls:
            if call.name in ("reserve_part", "request_part"):
                stock = scenario.state["parts"][call.arguments["part_id"]]["stock"]
                supplied.add(call.name)
                assert (call.name == "reserve_part") == (stock > 0)

    assert supplied == {"reserve_part", "request_part"}
