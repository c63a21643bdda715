"""Jobs that the launcher's test starts in processes of their own."""

import os
import time
from pathlib import Path

import dagster as dg


@dg.op(config_schema={"told": str, "seconds": float})
def tell_and_wait(context: dg.OpExecutionContext) -> None:
    told = Path(context.op_config["told"])
    told.with_suffix(".part").write_text(str(os.getppid()))
    told.with_suffix(".part").replace(told)
    time.sleep(context.op_config["seconds"])


@dg.job(executor_def=dg.in_process_executor)
def waiting_job() -> None:
    tell_and_wait()
