"""A build of a round learns from first traffic of one world: what is sent, on which days, and what is refused."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent_factory.cli import round as round_module
from agent_factory.cli.desk import open_desk
from agent_factory.cli.memo import RoundMemo
from agent_factory.cli.round import Round
from agent_factory.cli.traffic import free_days
from agent_factory.contracts import BuildSpec, Outcome, Trace
from agent_factory.core import clock
from agent_factory.core.error import AccessError, ConflictError, InputError, ToolError
from agent_factory.core.settings import CHECKOUT, get_settings
from agent_factory.core.tracelog import Receipt, TraceLog

YESTERDAY = clock.now().date() - timedelta(days=1)


class StoppedError(Exception):
    """The round is followed no further."""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped recipe that a test may edit."""
    copy = tmp_path / "recipes" / "support_desk"
    shutil.copytree(CHECKOUT / "recipes" / "support_desk", copy)
    monkeypatch.setenv("AGENT_FACTORY_RECIPES", str(copy.parent))
    get_settings.cache_clear()
    return copy


def make(recipe: Any, rules: Any, days: Any, project: str) -> list[Trace]:
    """Two traces a day, told apart by their days."""
    graded = Outcome(success=True, reward=1.0, graded_by="test")
    starts = [datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) for day in days]
    return [
        Trace(
            id=f"{start:%Y%m%d}-{n}",
            created_at=start,
            started_at=start,
            source="production",
            steps=(),
            outcome=graded,
        )
        for start in starts
        for n in range(2)
    ]


@pytest.fixture
def go(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., BuildSpec]:
    """Runs a round up to its build; the traffic goes into the store."""

    def send(_url: str, traces: list[Trace]) -> Receipt:
        return TraceLog(open_desk().store).add(traces)

    def follow(self: Round, build: BuildSpec) -> Any:
        raise StoppedError(build.id)

    platform = SimpleNamespace(up=lambda *_, **__: {"api": SimpleNamespace(url="u")}, down=lambda **_: [], status=list)
    home = get_settings().home
    platform.round_lock, platform.folder = home / "round.lock", SimpleNamespace(run=home)
    monkeypatch.setattr(round_module, "Platform", lambda *_: platform)
    monkeypatch.setattr(round_module, "make_first_traffic", make)
    monkeypatch.setattr(round_module, "send_traces", send)
    monkeypatch.setattr(Round, "_follow", follow)

    def start(**options: Any) -> BuildSpec:
        with pytest.raises(StoppedError) as stopped:
            Round("support_desk", deadline_seconds=1, **options).run()
        return open_desk().store.get(BuildSpec, str(stopped.value))

    return start


def edit(path: Path, text: str = "\n# edited\n") -> None:
    path.write_text(path.read_text() + text)


def finish(build: BuildSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its gate said something."""
    monkeypatch.setattr(round_module, "find_end", lambda _store, known: known.id == build.id or None)


def test_first_traffic_is_on_the_days_before_today(go: Callable[..., BuildSpec]) -> None:
    build = go()
    assert build.window.last_day == YESTERDAY
    assert [arrival.traces for arrival in TraceLog(open_desk().store).arrivals("default")] == [2, 2, 2]


@pytest.mark.parametrize("name", ["gate.toml", "policy.md", "names.txt"])
def test_other_bounds_are_a_new_build_of_the_same_traffic(
    name: str, go: Callable[..., BuildSpec], recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = go()
    finish(first, monkeypatch)
    edit(recipe / name)
    order = (recipe / "build.toml").read_text()
    assert "train_scenarios = 800" in order
    (recipe / "build.toml").write_text(order.replace("train_scenarios = 800", "train_scenarios = 700"))
    second = go()
    assert second.id != first.id
    assert second.window == first.window
    assert len(TraceLog(open_desk().store).arrivals("default")) == 3


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("name", ["simulator/app.py", "scenarios/goal.py", "predecessor.py", "openapi.yaml"])
def test_an_edited_world_stops_the_round_and_fresh_begins_it_on_other_days(
    name: str, finished: bool, go: Callable[..., BuildSpec], recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = go()
    if finished:
        finish(first, monkeypatch)
    edit(recipe / name)
    with pytest.raises(ConflictError, match="--fresh") as refused:
        Round("support_desk", deadline_seconds=1).run()
    assert name in str(refused.value)
    assert str(first.window.first_day) in str(refused.value)
    assert [build.id for build in open_desk().store.find(BuildSpec)] == [first.id]
    second = go(fresh=True)
    assert second.window.last_day == first.window.first_day - timedelta(days=1)
    assert len(second.window.days()) == 3
    again = go()
    assert again.id == second.id, "the round goes on with the new build"


def test_other_first_traffic_is_another_traffic(go: Callable[..., BuildSpec], recipe: Path) -> None:
    go()
    with pytest.raises(ConflictError, match=r"\[first_traffic\]"):
        Round("support_desk", deadline_seconds=1, overrides={"first_traffic": {"episodes": 5}}).run()


def test_fresh_without_an_edit_is_a_new_build_of_the_same_traffic(
    go: Callable[..., BuildSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = go()
    finish(first, monkeypatch)
    second = go(fresh=True)
    assert (second.window, second.id == first.id) == (first.window, False)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"gate": {"min_succes": 0.5}}, "gate.min_succes"),
        ({"training": {"sft": {"step": 3}}}, "step"),
        ({"training": {"dpo": {"steps": 3}}}, "dpo"),
    ],
)
def test_a_wrong_order_is_told_before_anything_is_sent(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, overrides: dict[str, Any], told: str
) -> None:
    monkeypatch.setattr(round_module, "Platform", lambda *_: pytest.fail("the platform was looked for"))
    with pytest.raises(InputError, match=told):
        Round("support_desk", deadline_seconds=1, overrides=overrides)


def test_traffic_that_could_not_be_made_binds_nothing(
    go: Callable[..., BuildSpec], recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: Any) -> Any:
        raise ToolError("the predecessor broke")

    with monkeypatch.context() as patched:
        patched.setattr(round_module, "make_first_traffic", break_down)
        with pytest.raises(ToolError):
            Round("support_desk", deadline_seconds=1).run()
    edit(recipe / "predecessor.py")
    assert go().window.last_day == YESTERDAY


@pytest.mark.parametrize("taken", [0, 1])
def test_traffic_that_was_refused_binds_nothing_unless_some_was_taken(
    taken: int, go: Callable[..., BuildSpec], recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_url: str, traces: list[Trace]) -> Any:
        TraceLog(open_desk().store).add(traces[:taken])
        raise AccessError("POST /data/events answered 401")

    with monkeypatch.context() as patched:
        patched.setattr(round_module, "send_traces", refuse)
        with pytest.raises(AccessError):
            Round("support_desk", deadline_seconds=1).run()
    edit(recipe / "predecessor.py")
    if taken:
        with pytest.raises(ConflictError, match=r"predecessor\.py"):
            Round("support_desk", deadline_seconds=1).run()
    else:
        assert go().window.last_day == YESTERDAY


def test_a_round_without_the_key_that_its_api_will_ask_for_is_told_first(
    go: Callable[..., BuildSpec], recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[[key]]\ndigest = "{"a" * 64}"\nprojects = ["default"]\n')
    keys.chmod(0o600)
    monkeypatch.setenv("AGENT_FACTORY_API_KEYS", str(keys))
    get_settings.cache_clear()
    with pytest.raises(AccessError, match="set AGENT_FACTORY_API_KEY to a key"):
        Round("support_desk", deadline_seconds=1)
    monkeypatch.setenv("AGENT_FACTORY_API_KEY", "of-the-operator")
    get_settings.cache_clear()
    go()


def test_no_password_is_printed(
    go: Callable[..., BuildSpec], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    go()
    found = Round("support_desk", deadline_seconds=1)
    found.settings = found.settings.model_copy(update={"database_url": "postgresql+psycopg://ann:hush@db/factory"})
    found.desk, found.platform.folder.logs = open_desk(), "logs"
    found._tell_where(SimpleNamespace(report=SimpleNamespace(html_path="report.html")))  # type: ignore[arg-type]
    told = capsys.readouterr().err
    assert "postgresql+psycopg://ann:***@db/factory" in told
    assert "hush" not in told


def test_what_stands_in_the_home_already_is_left_alone(go: Callable[..., BuildSpec], tmp_path: Path) -> None:
    """A memo that was lost, or traces of others: no day is taken twice."""
    TraceLog(open_desk().store).add(make(None, None, [YESTERDAY.isoformat()], "default"))
    build = go()
    assert build.window.last_day == YESTERDAY - timedelta(days=1)


def test_a_memo_that_does_not_know_what_made_its_traffic_is_not_trusted(go: Callable[..., BuildSpec]) -> None:
    go()
    path = Round("support_desk", deadline_seconds=1).memo_path
    RoundMemo.read(path).model_copy(update={"made_by": {}}).write(path)
    with pytest.raises(ConflictError, match="--fresh"):
        Round("support_desk", deadline_seconds=1).run()


def test_free_days_are_in_a_row() -> None:
    def back(days: int) -> str:
        return (clock.now().date() - timedelta(days=days)).isoformat()

    assert free_days(2, []) == [back(2), back(1)]
    assert free_days(2, [back(0), back(2)]) == [back(4), back(3)]
    with pytest.raises(ConflictError, match="AGENT_FACTORY_HOME"):
        free_days(10, [back(5 * n) for n in range(2000)])
