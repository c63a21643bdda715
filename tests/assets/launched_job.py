"""Jobs that the launcher's test starts in processes of their own."""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from agent_factory.compute.lease import hold
from agent_factory.contracts.compute import ResourceSpec
from agent_factory.core.progress import track
from agent_factory.core.store import open_store


@dg.op(config_schema={"told": str, "seconds": float, "store": str})
def tell_and_wait(context: dg.OpExecutionContext) -> None:
    told = Path(context.op_config["told"])
    with _holding_a_slot(context.op_config["store"]):
        told.with_suffix(".part").write_text(str(os.getppid()))
        told.with_suffix(".part").replace(told)
        time.sleep(context.op_config["seconds"])


@contextmanager
def _holding_a_slot(url: str) -> Generator[None]:
    """What a stage has while it works: a lease and a record; nothing where no store is named."""
    if not url:
        yield
        return
    store = open_store(url)
    asked = ResourceSpec(pool="training")
    with (
        hold(store, asked, "a stage", wait_seconds=5, ttl_seconds=20, build=None, project="default"),
        track(store, "training", "sft_model", build=None, scope="b1", project="default"),
    ):
        yield


@dg.job(executor_def=dg.in_process_executor)
def waiting_job() -> None:
    tell_and_wait()
