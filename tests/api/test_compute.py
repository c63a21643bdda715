from fastapi.testclient import TestClient

from agent_factory.api.context import Context
from agent_factory.compute.usage import meter

ASK = {"pool": "training", "holder": "w1", "ttl_seconds": 30}


def test_slots_are_held_and_given_back(client: TestClient) -> None:
    lease = client.post("/compute/allocate", json=ASK)
    assert lease.status_code == 201
    assert {pool["name"]: pool["held"] for pool in client.get("/compute/pools").json()}["training"] == 1
    released = client.post("/compute/release", json={"lease_id": lease.json()["id"]})
    assert released.json()["state"] == "released"
    assert {pool["name"]: pool["held"] for pool in client.get("/compute/pools").json()}["training"] == 0


def test_a_full_pool_says_when_to_come_back(client: TestClient) -> None:
    client.post("/compute/allocate", json=ASK)
    full = client.post("/compute/allocate", json=ASK)
    assert full.status_code == 429
    assert 1 <= int(full.headers["Retry-After"]) <= 30
    assert full.json()["error"]["type"] == "BusyError"


def test_the_same_key_takes_one_lease(client: TestClient) -> None:
    key = {"Idempotency-Key": "k1"}
    first = client.post("/compute/allocate", json=ASK, headers=key)
    again = client.post("/compute/allocate", json=ASK, headers=key)
    assert first.json() == again.json()
    other = client.post("/compute/allocate", json={**ASK, "holder": "w2"}, headers=key)
    assert other.status_code == 409


def test_an_unknown_pool_and_an_unknown_lease_are_not_found(client: TestClient) -> None:
    assert client.post("/compute/allocate", json={**ASK, "pool": "gpu"}).status_code == 404
    assert client.post("/compute/release", json={"lease_id": "lease-1"}).status_code == 404


def test_usage_is_summed_by_build(client: TestClient, context: Context) -> None:
    for build in ("b1", "b1", "b2"):
        with meter(context.store, "training", "sft", build=build) as spent:
            spent.add_tokens(10, 5)
    rows = {row["key"]: row for row in client.get("/compute/usage", params={"by": "build"}).json()}
    assert rows["b1"]["pieces"] == 2
    assert rows["b1"]["prompt_tokens"] == 20
    assert rows["b2"]["completion_tokens"] == 5
    assert client.get("/compute/usage", headers={"X-Project": "other"}).json() == []
