"""The order system: HTTP semantics, a world an episode, and no knowledge of the desk's policy."""

import httpx
import pytest

from agent_factory.core.recipe import load_recipe

RECIPE = load_recipe("support_desk")


@pytest.fixture
def app():
    return RECIPE.load("simulator.app:create_app")()


@pytest.fixture
async def client(app):
    app.install("a", RECIPE.load("simulator.world:demo_state")())
    app.install("b", RECIPE.load("simulator.world:demo_state")())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk", headers={"X-Episode": "a"}) as client:
        yield client


async def test_an_order_tells_what_a_clerk_needs(client):
    response = await client.get("/orders/6031")

    assert response.status_code == 200
    assert response.json() == {
        "status": "delivered",
        "days": 12,
        "price": 64,
        "email": "anna.berg@example.com",
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/orders/9999", None, 404),
        ("GET", "/orders/4417/shipment", None, 409),
        ("GET", "/catalogue?query=pink+desk", None, 404),
        ("GET", "/customers?email=nobody@example.com", None, 404),
        ("POST", "/orders/6031/exchange", {"item_id": "1215"}, 409),
        ("POST", "/orders/6031/exchange", {}, 422),
        ("POST", "/orders/6031/cancel", None, 200),
        ("GET", "/nothing", None, 404),
        ("PUT", "/orders/4417", None, 405),
    ],
)
async def test_status_codes(client, method, path, body, status):
    assert (await client.request(method, path, json=body)).status_code == status


async def test_a_cancelled_order_cannot_be_cancelled_again(client):
    assert (await client.post("/orders/4417/cancel")).json() == {"status": "cancelled"}
    again = await client.post("/orders/4417/cancel")

    assert (again.status_code, again.json()) == (409, {"error": "order is cancelled"})


async def test_worlds_are_apart(app, client):
    before = app.snapshot("b")
    await client.post("/orders/6031/exchange", json={"item_id": "1207"})

    assert app.snapshot("b") == before
    assert app.snapshot("a")["goods"]["1207"]["stock"] == 3


async def test_a_request_without_a_world_is_refused(app, client):
    app.drop("a")

    assert (await client.get("/orders/4417")).status_code == 400


def test_a_snapshot_is_a_copy(app):
    app.install("c", {"customers": {}, "orders": {}, "goods": {}, "handovers": {}})
    app.snapshot("c")["handovers"]["1"] = "amount"

    assert app.snapshot("c")["handovers"] == {}
