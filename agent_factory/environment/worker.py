"""The environment's worker process: ``python -m agent_factory.environment.worker rollouts --build B``.

``rollouts`` has the build's SFT model play its training scenarios, sampled; ``evaluation`` has each
of its models, and the one that serves, play the held-out scenarios, greedily; ``order --order O`` has
the models that an order names play the scenarios that it names, into files of its own. Invariant: a
file that is there is whole and is not made again, and episodes that are in the journal are not played
again, so that a worker that was killed goes on where it stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from agent_factory.agent.loop import Limits
from agent_factory.contracts.build import BuildSpec, Order
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.scenario import Scenario, ScenarioSet
from agent_factory.contracts.trace import Source, Trace
from agent_factory.core.artifact import Artifacts, open_artifacts
from agent_factory.core.buildfile import EnvironmentSection, RolloutSection
from agent_factory.core.champion import find_champion
from agent_factory.core.digest import digest_json
from agent_factory.core.error import FactoryError, RecipeError, WorkerError
from agent_factory.core.lineup import find_model, find_models, order_folder, read_lineup, rollout_path
from agent_factory.core.progress import Progress, track
from agent_factory.core.recipe import load_recipe
from agent_factory.core.store import Store, open_store
from agent_factory.environment.episode import name_trace
from agent_factory.environment.journal import Journal
from agent_factory.environment.rollout import run_episodes
from agent_factory.environment.scenario import read_scenarios
from agent_factory.environment.screenshot import screenshot_keeper
from agent_factory.gateway.chat import Sampling

_OVERTIME = 600.0
"""Seconds after its deadline at which a batch that code holds up (a loop in a simulator) ends the process and
says where it hangs; who takes the run up goes on from the journal."""
_CAUSES = 3
"""How many causes are told where no episode could be graded."""


class Job(NamedTuple):
    """One model on one set of scenarios, and the file that its traces go to."""

    model: ModelManifest
    scenarios: Sequence[Scenario]
    samples: int
    sampling: Sampling
    source: Source
    run: str
    path: str


class Tally:
    """What has been measured so far, shown as progress while episodes come in."""

    def __init__(self, progress: Progress, model: str, total: int) -> None:
        self._progress, self._model, self._total = progress, model, total
        self.graded = self._solved = 0
        self.ids: set[str] = set()
        self.causes: list[str] = []
        self.prompt_tokens = self.completion_tokens = 0

    @property
    def done(self) -> int:
        """Episodes that are over."""
        return len(self.ids)

    def add(self, trace: Trace) -> None:
        """Count a finished episode."""
        self.ids.add(trace.id)
        if trace.outcome is not None:
            self.graded += 1
            self._solved += trace.outcome.success
        elif trace.failure not in self.causes and len(self.causes) < _CAUSES:
            self.causes.append(trace.failure or "not graded")
        for step in trace.steps:
            if step.usage is not None:
                self.prompt_tokens += step.usage.prompt_tokens
                self.completion_tokens += step.usage.completion_tokens
        measured = {f"success_{self._model}": self._solved / self.graded} if self.graded else {}
        self._progress.update(self.done, self._total, model=self._model, **measured)


def run_rollouts(store: Store, artifacts: Artifacts, build: BuildSpec) -> list[str]:
    """Sampled episodes of the SFT model on training scenarios; the path of the traces."""
    settings = RolloutSection.read(build.settings, build.id)
    model = find_model(store, build, "sft")
    scenarios = read_scenarios(artifacts, store.get(ScenarioSet, f"{build.id}-train"))
    count = min(len(scenarios), settings.episodes // settings.samples)
    job = _sampled(build, model, scenarios[:count], f"{build.id}-{model.id}", rollout_path(model))
    with track(store, "environment", "rollouts", build=build.id, scope=build.id, project=build.project) as progress:
        _run(store, artifacts, build, job, progress)
    return [job.path]


def run_evaluation(store: Store, artifacts: Artifacts, build: BuildSpec) -> list[str]:
    """Greedy episodes of the build's models and of the one that serves; the paths of the traces."""
    scenarios = read_scenarios(artifacts, store.get(ScenarioSet, f"{build.id}-eval"))
    models = {model.id: model for model in find_models(store, build)}
    champion = find_champion(store, build.recipe, build.project)
    if champion is not None:
        models[champion.id] = champion
    paths: list[str] = []
    with track(store, "environment", "evaluation", build=build.id, scope=build.id, project=build.project) as progress:
        for model in models.values():
            path = f"builds/{build.id}/evaluation/{model.id}.parquet"
            job = _greedy(build, model, scenarios, f"{build.id}-eval-{model.id}", path)
            _run(store, artifacts, build, job, progress)
            paths.append(path)
    return paths


def run_order(store: Store, artifacts: Artifacts, order: Order) -> list[str]:
    """The episodes that an order asks for, sampled for a rollout and greedy for an evaluation; their paths.

    The build's own rollouts and evaluation stay as they are.
    """
    lineup = read_lineup(store, order)
    make = _sampled if order.kind == "rollout" else _greedy
    scenarios = read_scenarios(artifacts, lineup.scenarios)
    paths: list[str] = []
    with track(store, "environment", order.kind, build=None, scope=order.id, project=order.project) as progress:
        for model in lineup.players:
            path = f"{order_folder(order.id)}/{model.id}.parquet"
            job = make(lineup.build, model, scenarios, f"{order.id}-{model.id}", path)
            _run(store, artifacts, lineup.build, job, progress)
            paths.append(path)
    return paths


def _sampled(build: BuildSpec, model: ModelManifest, scenarios: Sequence[Scenario], run: str, path: str) -> Job:
    settings = RolloutSection.read(build.settings, build.id)
    sampling = Sampling(temperature=settings.temperature, max_tokens=settings.max_tokens, seed=build.seed)
    return Job(model, scenarios, settings.samples, sampling, "rollout", run, path)


def _greedy(build: BuildSpec, model: ModelManifest, scenarios: Sequence[Scenario], run: str, path: str) -> Job:
    sampling = Sampling(temperature=0.0, max_tokens=RolloutSection.read(build.settings, build.id).max_tokens)
    return Job(model, scenarios, 1, sampling, "evaluation", run, path)


def _run(store: Store, artifacts: Artifacts, build: BuildSpec, job: Job, progress: Progress) -> None:
    """Play a job's episodes and write their traces, unless they are there already."""
    if artifacts.exists(job.path):
        return
    progress.update()
    # Metering is a leaf beside the factories; engines are heavy. Both only where work is done.
    from agent_factory.compute.price import read_prices
    from agent_factory.compute.usage import meter

    activity = f"{job.source} {job.model.id}"
    prices = read_prices(build.settings)
    journal = open_journal(artifacts, build, job)
    tally = Tally(progress, job.model.id, len(job.scenarios) * job.samples)
    with meter(
        store, "environment", activity, build=build.id, model=job.model.id, prices=prices, project=build.project
    ) as spent:
        for trace in journal.read():
            tally.add(trace)
        with artifacts.at_hand(job.model.path) as folder:
            asyncio.run(_play(artifacts, build, job, tally, journal, folder))
        # Tokens are told by who writes the file, those of workers that were killed too: each episode's once.
        if not tally.graded or journal.finish():
            spent.add_tokens(tally.prompt_tokens, tally.completion_tokens)
    if not tally.graded:
        journal.drop()
        raise WorkerError(
            f"none of the {tally.done} episodes of {job.model.id} could be graded: {'; '.join(tally.causes)}. "
            "Mend the cause and run this again."
        )


def open_journal(artifacts: Artifacts, build: BuildSpec, job: Job) -> Journal:
    """The journal of a job: found again by the same job on the same recipe."""
    ids = [name_trace(job.run, scenario, sample) for scenario in job.scenarios for sample in range(job.samples)]
    played = [scenario.content() for scenario in job.scenarios]
    set_up = [build.settings.get(name) for name in ("rollouts", "environment")]
    made_of = [ids, played, job.model.digest, job.sampling.model_dump(), set_up, load_recipe(build.recipe).digest]
    return Journal(artifacts, job.path, digest_json(made_of), ids)


async def _play(artifacts: Artifacts, build: BuildSpec, job: Job, tally: Tally, journal: Journal, folder: Path) -> None:
    from agent_factory.gateway.gateway import open_gateway

    model, settings = job.model, RolloutSection.read(build.settings, build.id)
    gateway = open_gateway({model.id: folder}, digests={model.id: model.digest})

    def keep(trace: Trace) -> None:
        journal.add(trace)
        tally.add(trace)

    try:
        # Loading is not in an episode's time, and what cannot be loaded fails the job, not its episodes.
        await gateway.open(model.id)
        faulthandler.dump_traceback_later(settings.batch_seconds + _OVERTIME, exit=True, file=2)
        await run_episodes(
            job.scenarios,
            load_recipe(build.recipe),
            gateway,
            model.id,
            sampling=job.sampling,
            source=job.source,
            build=build.id,
            project=build.project,
            run=job.run,
            samples=job.samples,
            concurrency=settings.concurrency,
            limits=_limits_of(settings),
            on_trace=keep,
            done=frozenset(tally.ids),
            keep=False,
            deadline=settings.batch_seconds,
            environment=EnvironmentSection.read(build.settings),
            keep_screenshot=screenshot_keeper(artifacts, build.project),
        )
    finally:
        faulthandler.cancel_dump_traceback_later()
        await gateway.close()


def _limits_of(settings: RolloutSection) -> Limits:
    return Limits(
        max_steps=settings.max_steps,
        step_seconds=settings.step_seconds,
        tool_seconds=settings.tool_seconds,
        episode_seconds=settings.episode_seconds,
    )


_ACTIVITIES: dict[str, Callable[[Store, Artifacts, BuildSpec], list[str]]] = {
    "rollouts": run_rollouts,
    "evaluation": run_evaluation,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the work named on the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="agent_factory.environment.worker", description="Play episodes.")
    activities = parser.add_subparsers(dest="activity", required=True)
    for name in _ACTIVITIES:
        activities.add_parser(name).add_argument("--build", required=True, help="the build's id")
    activities.add_parser("order").add_argument("--order", required=True, help="the order's id")
    given = parser.parse_args(arguments)
    try:
        store, artifacts = open_store(), open_artifacts()
        if given.activity == "order":
            done = run_order(store, artifacts, store.get(Order, given.order))
        else:
            done = _ACTIVITIES[given.activity](store, artifacts, store.get(BuildSpec, given.build))
    except FactoryError as error:
        if isinstance(error, RecipeError):  # where the recipe's author looks
            traceback.print_exception(error)
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join(done))
    return 0


if __name__ == "__main__":
    sys.exit(main())
