"""``factory data forget``: a person's traces are removed, and what holds them is listed and marked."""

from __future__ import annotations

from typing import Annotated

import typer

from agent_factory.cli.desk import open_desk
from agent_factory.cli.number import MOST, number
from agent_factory.cli.output import JsonFlag, say, show

app = typer.Typer()
_NOTHING = 4
"""The exit code where nobody was found, which is neither done nor a fault."""


@app.command("forget")
def forget_person(
    subject: Annotated[
        list[str] | None,
        typer.Option(
            help="An e-mail, full name, phone or reference number, or as PERSON:Hedwig, USER:hedwig_k. "
            "May be repeated: any of them counts."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Find and list; change nothing.")] = False,
    confirm: Annotated[
        int | None, number(1, MOST, "How many traces and records are to go, where the dry run asks for it.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what a killed process left undone.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Forget a person: remove their traces, sessions and labels; list and mark what was made of them.

    Exit code 0 where the person is forgotten, now or already, and 4 where nothing is known of them. What is kept
    are keyed hashes, so that the same traces are refused.
    """
    from agent_factory.core.error import InputError
    from agent_factory.data.forget import forget, resume_forgettings

    desk = open_desk()
    if resume:
        if subject or dry_run:
            raise InputError("--resume takes neither --subject nor --dry-run: it goes on with what was recorded")
        show(resume_forgettings(desk.store, desk.artifacts), as_json, ("id", "traces", "days", "datasets", "models"))
        return
    if not subject:
        raise InputError("nobody was named: give --subject, as in --subject mia@shop.example")
    report = forget(desk.store, desk.artifacts, desk.project, subject, dry_run=dry_run, confirm=confirm)
    show(report, as_json)
    if report.wiped is False:
        say("a reader of the database kept its log from being begun anew: run the command again when it is quiet")
    if report.outcome == "already":
        say("they are forgotten already: nothing more was found")
    if report.outcome == "nothing":
        say("nothing was found, and nothing was wiped: name the person in another way too, as by e-mail and by name")
        raise typer.Exit(_NOTHING)
