"""How time and memory of the data factory grow with the number of traces: the phases and their checks.

The traces are the first traffic of the shipped recipe, told again with other numbers and one more sentence,
so that none is a copy; they lie on the 30 days of a month. Each size has a process and a home of its own,
and works as the assets do: a day after the other, then an SFT dataset of the month with the default filters, all
with their blocking checks (``check``), the dataset against 300 held-out scenarios. Three sizes by default;
``python -m benchmarks.growth 1000000`` measures one more.
"""

import json
import math
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.figure import Figure

Lap = Callable[[str], AbstractContextManager[None]]
SIZES = (1_000, 10_000, 100_000)
MAX_GIB, MAX_EXPONENT = 2.0, 1.1
DAYS = [f"2026-04-{day:02}" for day in range(1, 31)]
DEADLINE_SECONDS = 4 * 3600
_BASE, _BATCH, _HELD_OUT = 600, 500, 300
_NUMBER = re.compile(r"(?<![\w.-])\d{4}(?![\w.-])")
_MANNER = "calm brisk plain quiet bright slow early late short long fair kind warm cold dry soft loud new old odd"
_THING = "walk train window garden letter kettle bridge market ladder river candle pocket mirror basket corner"
_PLACE = "harbour hill station valley library bakery mill school orchard square tower meadow forest island"


def measure(sizes: tuple[int, ...] = SIZES) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="factory-growth-") as folder:
        base = Path(folder) / "base.jsonl"
        base.write_text("".join(f"{line}\n" for line in _make_base()), encoding="utf-8")
        told = {size: _run(size, base) for size in sizes}
    figures = [figure for size, found in told.items() for figure in _tell(size, found)]
    if len(sizes) > 1:
        small, large = sizes[-2:]
        figures += [_find_exponent(told, small, large, "cpu"), _find_exponent(told, small, large, "wall")]
    return figures


def _find_exponent(told: dict[int, dict[str, Any]], small: int, large: int, clock: str) -> Figure:
    """How time grows from one size to another; judged by the processor's, which other work beside does not lengthen."""
    exponent = math.log(told[large][clock] / told[small][clock]) / math.log(large / small)
    name, reach = f"growth/exponent of {clock} time, {small} to {large} traces", f"<= {MAX_EXPONENT} (1 is linear)"
    if clock == "wall":
        return Figure(name, round(exponent, 3), "")
    return Figure(name, round(exponent, 3), "", reach=reach, met=exponent <= MAX_EXPONENT)


def _tell(size: int, found: dict[str, Any]) -> list[Figure]:
    """A figure for each phase, the whole, and the peak of memory."""
    assert found["traces"] == size, f"{found['traces']:.0f} of {size} traces came through"
    peak, name = found["peak_gib"], f"growth/{size} traces"
    rate = round(size / found["wall"], 1)
    return [
        *(Figure(f"{name}/{phase}", round(seconds, 2), "s") for phase, seconds in found["seconds"].items()),
        Figure(f"{name}/rate", rate, "traces/s"),
        Figure(f"{name}/processor time", round(found["cpu"], 1), "s"),
        Figure(f"{name}/sft rows", found["rows"], "rows"),
        Figure(f"{name}/peak memory", round(peak, 3), "GiB", reach=f"<= {MAX_GIB:g} GiB", met=peak <= MAX_GIB),
    ]


def _make_base() -> Iterator[str]:
    from agent_factory.cli.traffic import make_first_traffic
    from agent_factory.core.order import read_settings_of
    from agent_factory.core.recipe import load_recipe
    from agent_factory.core.settings import get_settings

    recipe = load_recipe("support_desk")
    rules = read_settings_of(recipe, {})
    rules = rules.model_copy(update={"first_traffic": rules.first_traffic.model_copy(update={"episodes": _BASE})})
    for trace in make_first_traffic(recipe, rules, tuple(DAYS[:3]), get_settings().project):
        yield trace.model_dump_json()


def _run(size: int, base: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.growth", "--child", str(size), str(base)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=DEADLINE_SECONDS)
    return json.loads(ended.stdout.splitlines()[-1])


def _work(size: int, base: Path) -> dict[str, Any]:
    """All of it in this process; seconds by phase, rows, and the peak of its memory."""
    from agent_factory.core.artifact import Artifacts
    from agent_factory.core.recipe import load_recipe
    from agent_factory.core.store import open_store
    from agent_factory.core.tracelog import TraceLog
    from agent_factory.environment.scenario import make_scenario_set

    seconds: dict[str, float] = {}

    @contextmanager
    def lap(phase: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        seconds[phase] = seconds.get(phase, 0.0) + time.perf_counter() - began

    recipe = load_recipe("support_desk")
    with tempfile.TemporaryDirectory(prefix="factory-growth-") as folder:
        store, artifacts = open_store(f"sqlite:///{folder}/factory.db"), Artifacts(f"{folder}/artifacts")
        log = TraceLog(store)
        for batch in _batches(size, base):
            with lap("inbox"):
                log.add(batch)
        drawn = {"set_id": "held-out", "build": None, "split": "eval", "count": _HELD_OUT, "seed": 1}
        held_out = make_scenario_set(store, artifacts, recipe, **drawn)
        traces = sum(_make_day(store, artifacts, batch[0].project, day, lap) for day in DAYS)
        rows = _make_dataset(store, artifacts, batch[0].project, held_out, lap)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    times = {"wall": sum(seconds.values()), "cpu": spent.ru_utime + spent.ru_stime}
    return {"seconds": seconds, **times, "traces": traces, "rows": rows, "peak_gib": spent.ru_maxrss / 1024**2}


def _make_day(store: Any, artifacts: Any, project: str, day: str, lap: Lap) -> int:
    """A day's files with their blocking checks; returns how many traces came through."""
    from agent_factory.data.check import check_no_pii, check_schema
    from agent_factory.data.clean import clean_day
    from agent_factory.data.event import write_events_day
    from agent_factory.data.label import label_day

    with lap("events"):
        write_events_day(store, artifacts, project, day)
    with lap("check"):
        _require(check_schema(artifacts, project, day))
    with lap("clean"):
        clean_day(store, artifacts, project, day)
    with lap("check"):
        _require(check_no_pii(artifacts, project, day))
    with lap("labels"):
        return label_day(store, artifacts, project, day).rows


def _make_dataset(store: Any, artifacts: Any, project: str, held_out: Any, lap: Lap) -> int:
    """An SFT dataset of all days with its blocking checks; returns its rows."""
    from agent_factory.data.check import check_dataset_schema, check_no_eval_leak
    from agent_factory.data.dataset import DatasetQuery, build_dataset

    with lap("dataset"):
        query = DatasetQuery(project=project, recipe=held_out.recipe, days=tuple(DAYS))
        dataset = build_dataset(store, artifacts, "sft", query)
    with lap("check"):
        _require(check_dataset_schema(artifacts, dataset))
        _require(check_no_eval_leak(artifacts, dataset, [held_out]))
    return dataset.rows


def _require(outcome: Any) -> None:
    assert outcome.passed, outcome.description


def _batches(size: int, base: Path) -> Iterator[list[Any]]:
    from agent_factory.contracts.trace import Trace

    lines = base.read_text(encoding="utf-8").splitlines()
    for start in range(0, size, _BATCH):
        numbers = range(start, min(size, start + _BATCH))
        yield [Trace.model_validate(_vary(lines[i % len(lines)], i)) for i in numbers]


def _vary(line: str, number: int) -> dict[str, Any]:
    """The trace told again: other four-digit numbers, one more sentence, a day and an id of its own."""
    rng = Random(number)
    shift = rng.randrange(9000)
    told = json.loads(_NUMBER.sub(lambda found: str((int(found[0]) + shift) % 9000 + 1000), line))
    heard = next(message for step in told["steps"] for message in step["observation"] if message["role"] == "user")
    manner, thing, place = (rng.choice(words.split()) for words in (_MANNER, _THING, _PLACE))
    more = f"{rng.choice(_MANNER.split())} {rng.choice(_THING.split())}"
    heard["content"] += f" It was a {manner} {thing} by the {place}, with a {more}."
    day, clock = DAYS[number % len(DAYS)], told["started_at"].split("T")[1]
    return {**told, "id": f"growth-{number:08}", "scenario_id": f"growth-{number:08}", "started_at": f"{day}T{clock}"}


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--child"]:
        print(json.dumps(_work(int(arguments[1]), Path(arguments[2]))))
        return
    for figure in measure(tuple(int(size) for size in arguments) or SIZES):
        print(json.dumps(figure.to_json()))


if __name__ == "__main__":
    main(sys.argv[1:])
