"""A benchmark's figure is of what it says."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from agent_factory.core.error import InputError
from benchmarks import figure
from benchmarks.figure import Figure, skip, write_figures


def test_the_run_that_warms_the_cache_is_not_in_the_median(monkeypatch: pytest.MonkeyPatch) -> None:
    took = iter((9.0, 1.0, 2.0))
    monkeypatch.setattr(figure, "time_command", lambda *_: next(took))
    assert figure.time_python("pass", repeats=2) == 1.5


def test_one_benchmarks_figures_take_their_places_among_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    write_figures(path, [Figure("a/x", 1, ""), Figure("a/y", 2, ""), skip("b", "no b")], None)
    write_figures(path, [Figure("a/y", 3, "")], "a")
    told = {line["name"]: (line["ours"], line["missing"]) for line in json.loads(path.read_text())}
    assert told == {"a/x": (1, None), "a/y": (3, None), "b": (None, "not measured: no b")}

    write_figures(path, [Figure("b/z", 4, "")], "b")
    assert [line["name"] for line in json.loads(path.read_text())] == ["a/x", "a/y", "b/z"]
    with pytest.raises(ValueError, match="two figures share a name"):
        write_figures(path, [Figure("a", 1, ""), Figure("a", 2, "")], None)


@pytest.mark.parametrize(("name", "needs"), [("bfcl", "Package"), ("browser", "Package")])
def test_a_missing_prerequisite_is_told_as_a_figure(name: str, needs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def lack() -> None:
        raise InputError("not installed")

    benchmark = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(benchmark, needs, lack)
    assert benchmark.measure() == [Figure(name, None, "", missing="not measured: not installed")]


def test_replay_without_one_kind_tells_the_others_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import replay

    def lack(make: object) -> None:
        raise InputError("no Chromium")

    monkeypatch.setattr(replay, "_measure_one", lack)
    told = {figure.name: figure for figure in replay.measure()}
    assert told["replay/play_shop"].missing == "not measured: no Chromium"
    assert told["replay/identical, all kinds"].met is False
