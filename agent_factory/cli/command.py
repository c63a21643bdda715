"""The command ``factory``: the verbs of the six factories, and what each way of ending is told as.

Exit codes: 0 done, 1 a fault, 2 the caller's to mend, 3 a gate said FAIL, 128 and the signal's number (130
Ctrl-C, 143 SIGTERM) stopped. Messages go to stderr without a traceback; ``FACTORY_DEBUG=1`` shows one for a fault.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence

import typer
from pydantic import ValidationError

from agent_factory.cli import (
    build,
    compute,
    data,
    environment,
    evaluation,
    label,
    platform_command,
    report,
    runtime,
    training,
)
from agent_factory.cli.output import say
from agent_factory.core.error import FactoryError, RecipeError, end_once, is_unwritable
from agent_factory.core.settings import get_settings

app = typer.Typer(
    name="factory",
    help="Makes LLM agents: orders, data, environments, training, evaluation and deployment. "
    "Commands work on the store of AGENT_FACTORY_HOME directly; `agent chat` talks to the HTTP API.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for name, group in (
    ("build", build.app),
    ("data", data.app),
    ("label", label.app),
    ("env", environment.app),
    ("train", training.app),
    ("eval", evaluation.app),
    ("models", runtime.models),
    ("agent", runtime.agents),
    ("compute", compute.app),
    ("report", report.app),
    ("platform", platform_command.platform),
    ("api", platform_command.api),
):
    app.add_typer(group, name=name)
app.command("round")(platform_command.run_round)


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code: 130, or KeyboardInterrupt, where it was stopped."""
    command = typer.main.get_command(app)
    try:
        found = command.main(args=list(arguments), prog_name="factory", standalone_mode=False)
        return found if isinstance(found, int) else 0
    except FactoryError as error:
        if isinstance(error, RecipeError) and os.environ.get("FACTORY_DEBUG"):
            traceback.print_exception(error)
        say(f"factory: {error}")
        return error.exit_code
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, item['loc'])) or error.title}: {item['msg']}" for item in error.errors())
        say(f"factory: {told}")
        return 2
    except typer.TyperException as error:
        say(end_once(f"factory: {error.format_message()}. `factory --help` lists the commands."))
        return error.exit_code
    except typer.Abort as abort:
        raise KeyboardInterrupt from abort
    except BrokenPipeError:
        return 0
    except Exception as error:
        return _tell_fault(error)


def _tell_fault(error: Exception) -> int:
    if isinstance(error, OSError) and is_unwritable(error):
        where = error.filename or get_settings().home
        say(f"factory: {str(where)!r} cannot be written: {error.strerror}. Make room, or set AGENT_FACTORY_HOME")
        return 1
    if os.environ.get("FACTORY_DEBUG"):
        traceback.print_exception(error)
    fault = f"factory: a fault of the factory itself: {type(error).__name__}: {error}. FACTORY_DEBUG=1 shows where."
    say(end_once(fault))
    return 1
