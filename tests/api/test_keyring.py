"""Keys by project: what each opens, whose word it carries, and that no key is told."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from agent_factory.api.app import create_app
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError
from agent_factory.core.settings import Settings, read_settings

ANN, TEAM, MASTER = "ann-7f3a", "team-91cc", "master-55e0"
Open = Callable[..., TestClient]


def bearer(key: str, project: str | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **({"X-Project": project} if project else {})}


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.toml"
    path.write_text(
        f'[[key]]\ndigest = "{digest(ANN)}"\nprojects = ["shop"]\nname = "Ann Berg"\n'
        f'[[key]]\ndigest = "{digest(TEAM)}"\nprojects = ["shop", "travel"]\n'
    )
    path.chmod(0o600)
    return path


@pytest.fixture
def keyed(open_client: Open, file: Path) -> TestClient:
    return open_client(host="10.0.0.9", url="http://factory.example", api_key=SecretStr(MASTER), api_keys=file)


def ask(client: TestClient, key: str, project: str | None = None) -> tuple[int, Any]:
    reply = client.get("/datasets", headers=bearer(key, project))
    return reply.status_code, reply.json()


def test_a_key_opens_its_projects_and_no_other(keyed: TestClient) -> None:
    assert ask(keyed, ANN, "shop")[0] == ask(keyed, TEAM, "travel")[0] == 200
    assert ask(keyed, ANN)[0] == 200, "its only project is meant where none is named"
    status, told = ask(keyed, ANN, "travel")
    assert (status, told["error"]["type"]) == (403, "ForbiddenError")
    assert "it opens shop" in told["error"]["message"]
    assert ask(keyed, TEAM)[0] == 403, "it opens two, and neither is the server's own"
    for project in ("shop", "default", "anything", None):
        assert ask(keyed, MASTER, project)[0] == 200
    assert keyed.get("/datasets", headers={"X-Project": "shop"}).status_code == 401
    assert ask(keyed, digest(ANN), "shop")[0] == ask(keyed, "", "shop")[0] == 401


def test_what_comes_in_is_of_the_keys_project(keyed: TestClient, event: Any) -> None:
    assert keyed.post("/data/events", json=event("t1"), headers=bearer(ANN)).status_code == 200
    label = {"trace_id": "t1", "score": 1.0, "labeler": "eve"}
    assert keyed.post("/data/label", json=label, headers=bearer(TEAM, "travel")).status_code == 404
    assert keyed.post("/data/label", json=label, headers=bearer(TEAM, "shop")).status_code == 201


def test_a_persons_key_signs_their_word_and_nobody_elses_does(keyed: TestClient, event: Any) -> None:
    keyed.post("/data/events", json=event("t1"), headers=bearer(ANN))

    def label(key: str, **fields: Any) -> Any:
        body = {"trace_id": "t1", "score": 1.0, **fields}
        return keyed.post("/data/label", json=body, headers=bearer(key, "shop"))

    assert label(ANN).json()["labeler"] == label(ANN, labeler="ann  berg").json()["labeler"] == "Ann Berg"
    assert label(ANN, labeler="eve").status_code == 403
    for key in (TEAM, MASTER):
        assert label(key, labeler="ANN BERG").status_code == 403
        assert label(key, labeler="ANN BERG", kind="model").status_code == 403
        assert label(key).status_code == 422
        assert label(key, labeler="eve").status_code == 201
    assert label(ANN, labeler="judge 3", kind="model").json()["labeler"] == "judge 3"
    body = {"verdict": "keep", "reason": "it is fine"}
    overruled = keyed.post("/data/decisions/t1", json={**body, "reviewer": "eve"}, headers=bearer(ANN))
    assert overruled.status_code == 403
    assert keyed.post("/data/decisions/t1", json=body, headers=bearer(ANN)).json()["reviewer"] == "Ann Berg"


ANN_ALIKE = [
    "Ａnn Berg",  # full width: the same name
    "Ann\u2003Berg",
    "Ann Berg\u200b",
    "Ann\u00ad Berg",
    "\u0410nn Berg",  # a Cyrillic letter in a Latin word
    "Ann \u0412\u0435rg",
    "Ann Berg\u3164",
    "annberg" + "\u2800",
]


@pytest.mark.parametrize("name", ANN_ALIKE)
def test_a_name_that_looks_like_that_of_a_key_is_refused(keyed: TestClient, event: Any, name: str) -> None:
    keyed.post("/data/events", json=event("t1"), headers=bearer(ANN))
    for key in (TEAM, MASTER):
        for path, body in (
            ("/data/label", {"trace_id": "t1", "score": 1.0, "labeler": name}),
            ("/data/label", {"trace_id": "t1", "score": 1.0, "labeler": name, "kind": "rule"}),
            ("/data/labels/next", {"reviewer": name}),
        ):
            assert keyed.post(path, json=body, headers=bearer(key, "shop")).status_code in (403, 422)
        form = {"key": key, "project": "shop", "reviewer": name}
        assert keyed.post("/label/login", data=form, follow_redirects=False).status_code in (403, 422)


def test_names_that_look_alike_by_whole_words(open_client: Open, file: Path, event: Any) -> None:
    file.write_text(file.read_text().replace("Ann Berg", "Eva Cox"))
    client = open_client(host="10.0.0.9", url="http://factory.example", api_keys=file)
    client.post("/data/events", json=event("t1"), headers=bearer(ANN))

    def label(name: str) -> Any:
        body = {"trace_id": "t1", "score": 1.0, "labeler": name}
        return client.post("/data/label", json=body, headers=bearer(TEAM, "shop"))

    alike = ("Eva \u0421\u043e\u0445", "Eva C0x", "Eva Co\u1e8b", "\u00c8va Cox", "Ev\u1ea1 Cox", "Eva Cox.", "Eva-Cox")
    for name in alike:
        assert "looks like the name of somebody" in label(name).json()["error"]["message"]
    for name in ("\u13ac\u13d9\u13aa", "\ua4f0\ua4e6\ua4ee", "\u2c88\u2c9f\u2ca5"):  # Cherokee, Lisu, Coptic
        assert "cannot be compared" in label(name).json()["error"]["message"]
    for name in (
        "Ева Иванова",
        "李雷 Li Lei",
        "Zoë",
        "Eve Cox",
        "अनीता",
        "さくらー",
        "김철수",
        "Łukasz Żółć",
        "Nguyễn Văn Đức",
    ):
        assert label(name).json()["labeler"] == name
    assert label("  Ｅve   Cox ").json()["labeler"] == "Eve Cox"


def test_annotations_of_label_studio_are_signed_like_any_word(keyed: TestClient, event: Any) -> None:
    keyed.post("/data/events", json=[event("t1"), event("t2")], headers=bearer(ANN))
    rating = {"from_name": "score", "to_name": "dialogue", "type": "rating", "value": {"rating": 5}}

    def bring(key: str, *names: str) -> Any:
        tasks = [
            {
                "data": {**(data := {"trace_ids": [f"t{number}"]}), "digest": digest_json(data)},
                "annotations": [{"completed_by": number, "result": [rating], "updated_at": "2026-11-01T10:00:00Z"}],
            }
            for number, _ in enumerate(names, 1)
        ]
        body = {"tasks": tasks, "reviewers": {str(number): name for number, name in enumerate(names, 1)}}
        reply = keyed.post("/data/labels/label-studio/annotations", json=body, headers=bearer(key, "shop"))
        return reply.status_code, reply.json()

    assert bring(TEAM, "bob", "ann berg")[0] == 403
    assert bring(ANN, "bob")[0] == 403
    assert bring(TEAM, "bob")[1]["kept"] == 1, "what was refused had kept nothing"
    assert bring(TEAM, "bob\u200b")[1]["quarantined"][0].startswith("task 0, annotation 0: the name 'bob\\u200b' has")
    assert bring(ANN, "ann berg")[1]["kept"] == 1
    assert bring(MASTER, "Ann Berg")[1] == {"kept": 0, "unchanged": 1, "cancelled": 0, "quarantined": []}


def test_a_person_is_forgotten_by_a_key_that_is_nobodys_own(keyed: TestClient) -> None:
    for key, status in ((ANN, 403), (TEAM, 200), (MASTER, 200)):
        for dry in (True, False):
            body = {"subjects": ["mia@shop.example"], "dry_run": dry}
            assert keyed.post("/data/forget", json=body, headers=bearer(key, "shop")).status_code == status


def test_the_pages_know_a_reviewer_by_their_key(keyed: TestClient, event: Any) -> None:
    def sign_in(key: str, **fields: str) -> Any:
        return keyed.post("/label/login", data={"key": key, "project": "shop", **fields}, follow_redirects=False)

    assert sign_in(ANN, project="travel", reviewer="ann").status_code == 403
    assert sign_in(TEAM, reviewer="Ann Berg").status_code == 403
    assert sign_in(TEAM).status_code == 422
    assert sign_in("wrong", reviewer="eve").status_code == 401
    assert "factory_reviewer" not in keyed.cookies
    cookie = sign_in(ANN, reviewer="eve").headers["set-cookie"]
    assert ANN not in cookie
    page = keyed.get("/label").text
    assert "Ann Berg in shop" in page
    assert "eve in shop" not in page
    assert keyed.get("/datasets").status_code == 401, "the cookie opens the pages alone"


def test_a_key_that_is_taken_away_ends_its_visits(keyed: TestClient, open_client: Open, file: Path) -> None:
    keyed.post("/label/login", data={"key": ANN, "project": "shop"})
    assert keyed.get("/label", follow_redirects=False).status_code == 200
    cookie = keyed.cookies["factory_reviewer"]
    for old, new in (('"shop"]\nname', '"travel"]\nname'), ("Ann Berg", "Bob Berg"), (digest(ANN), digest("new"))):
        text = file.read_text()
        file.write_text(text.replace(old, new))
        again = open_client(host="10.0.0.9", url="http://factory.example", api_keys=file)
        again.cookies.set("factory_reviewer", cookie, path="/label")
        assert again.get("/label", follow_redirects=False).status_code == 303, new
        file.write_text(text)
    without = open_client()
    without.cookies.set("factory_reviewer", cookie, path="/label")
    assert without.get("/label", follow_redirects=False).status_code == 303


@pytest.mark.parametrize("page", ["/docs", "/redoc", "/openapi.json", "/static-offline-docs/swagger-ui.css"])
def test_a_browser_reads_what_describes_the_api(keyed: TestClient, page: str) -> None:
    refused = keyed.get(page)
    assert (refused.status_code, refused.headers["www-authenticate"][:12]) == (401, "Basic realm=")
    for key, status in ((ANN, 200), (MASTER, 200), ("wrong", 401)):
        assert keyed.get(page, auth=("anybody", key)).status_code == status
    assert keyed.get(page, headers={"Authorization": "Basic ???"}).status_code == 401
    # The password does nothing where something can be done.
    for path in ("/datasets", "/compute/pools"):
        reply = keyed.get(path, auth=("anybody", MASTER))
        assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert keyed.post(page, auth=("anybody", MASTER)).status_code == 401


def test_keys_are_told_nowhere(keyed: TestClient, caplog: pytest.LogCaptureFixture, settings: Settings) -> None:
    with caplog.at_level(logging.DEBUG):
        for key in (ANN, MASTER, "wr0ng-key"):
            told = [keyed.get("/datasets", headers=bearer(key, "nope")).text]
            told.append(keyed.post("/label/login", data={"key": key, "reviewer": "x", "project": "nope"}).text)
            basic = base64.b64encode(f"x:{key}".encode()).decode()
            keyed.get("/docs", headers={"Authorization": f"Basic {basic}"})
            assert all(key not in text and digest(key) not in text for text in (*told, caplog.text))
    assert MASTER not in repr(settings.model_copy(update={"api_key": SecretStr(MASTER)}))


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        ("[[key]\n", 0o600, "not TOML"),
        (f'[[key]]\ndigest = "{digest(ANN)}"\nprojects = ["shop"]\n', 0o640, "mode 640.*chmod 600"),
        (f'[[key]]\ndigest = "{digest(ANN)}"\n', 0o600, "must say which projects it opens"),
        (f'[[key]]\ndigest = "{digest(ANN)}"\nprojects = []\n', 0o600, "key.0.projects"),
        ('[[key]]\ndigest = "my-secret-key"\nprojects = ["shop"]\n', 0o600, "key.0.digest"),
        (f'[[key]]\ndigest = "{digest(MASTER)}"\nprojects = ["shop"]\n', 0o600, "1 keys stand there twice"),
        ("", 0o600, "key"),
    ],
)
def test_a_file_of_keys_that_is_wrong_opens_nothing(
    settings: Settings, tmp_path: Path, text: str, mode: int, told: str
) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(InputError, match=told) as refused:
        create_app(settings.model_copy(update={"api_keys": path, "api_key": SecretStr(MASTER)}))
    assert "my-secret-key" not in str(refused.value)
    with pytest.raises(InputError, match="cannot be read"):
        create_app(settings.model_copy(update={"api_keys": tmp_path / "gone.toml"}))


def test_the_file_is_named_by_the_environment(tmp_path: Path) -> None:
    assert read_settings({"AGENT_FACTORY_API_KEYS": str(tmp_path / "k")}).api_keys == tmp_path / "k"
    assert read_settings({}).api_keys is None
