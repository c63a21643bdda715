"""A training stage as a process: ``python -m agent_factory.training.worker --build B --stage sft``.

Started by Dagster it reports through Pipes; started by hand it prints. The manifest in the store is
the record; what is reported is a hint. Exit codes are those of the errors: 2 for what the caller can
mend, 1 for a fault.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, get_args

from agent_factory.contracts.build import BuildSpec, StageKind
from agent_factory.contracts.model import ModelManifest
from agent_factory.core.artifact import open_artifacts
from agent_factory.core.error import FactoryError
from agent_factory.core.progress import track
from agent_factory.core.store import Store, open_store
from agent_factory.training.setting import MODEL_STAGES

_PIPES = "DAGSTER_PIPES_CONTEXT"


def prepare_environment(build: BuildSpec) -> None:
    """Set what the libraries read when they are imported: nothing is sent, nothing is fetched for a local model."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    if build.base_model == "nano" or os.path.isdir(build.base_model):
        os.environ.setdefault("HF_HUB_OFFLINE", "1")


def train(store: Store, build: BuildSpec, kind: StageKind) -> ModelManifest:
    """Run the stage, with its progress and its usage recorded."""
    from agent_factory.compute.price import read_prices
    from agent_factory.compute.usage import meter
    from agent_factory.training.stage import run_stage

    thing = f"{MODEL_STAGES[kind]}_model"
    with (
        track(store, "training", thing, build=build.id, scope=build.id, project=build.project) as progress,
        meter(
            store,
            "training",
            kind,
            build=build.id,
            project=build.project,
            prices=read_prices(build.settings) if "prices" in build.settings else None,
        ),
    ):
        return run_stage(store, open_artifacts(), build, kind, progress)


def main(arguments: list[str] | None = None) -> int:
    """Train one stage; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m agent_factory.training.worker", description="Train one stage.")
    parser.add_argument("--build", required=True, help="the build's id")
    parser.add_argument("--stage", required=True, choices=get_args(StageKind), help="which stage of it")
    told = parser.parse_args(arguments)
    try:
        with _reporting() as report:
            store = open_store()
            build = store.get(BuildSpec, told.build)
            prepare_environment(build)
            manifest = train(store, build, told.stage)
            report(manifest)
    except FactoryError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    return 0


@contextmanager
def _reporting() -> Generator[Any]:
    """Where the manifest is told: to Dagster where it started this process, else on the terminal."""
    if _PIPES not in os.environ:
        yield lambda manifest: print(manifest.model_dump_json(indent=1))
        return
    from dagster_pipes import open_dagster_pipes

    with open_dagster_pipes() as pipes:
        yield lambda manifest: pipes.report_custom_message(
            {"model": manifest.id, "path": manifest.path, "digest": manifest.digest, "metrics": manifest.metrics}
        )


if __name__ == "__main__":
    sys.exit(main())
