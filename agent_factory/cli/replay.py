"""``factory env replay`` and ``factory env rescore``: recorded episodes again, without a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer

from agent_factory.cli.desk import open_desk
from agent_factory.cli.output import JsonFlag, say, show
from agent_factory.contracts.replay import Replay, Rescored
from agent_factory.core.error import InputError

_SHOWN = 10


def replay(
    trace: Annotated[str | None, typer.Argument(help="A trace's id, of any source.")] = None,
    run: Annotated[
        str | None, typer.Option("--all", help="All traces of a build or of a run that was ordered.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Another kind of environment than the trace was played in.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Play recorded actions again in a fresh environment; exit 1 where something differs, 2 where one is refused."""
    from agent_factory.api import replay as room

    if (trace is None) == (run is None):
        raise InputError("what is to be replayed? Give a trace's id, or --all with a build or run")
    desk = open_desk()
    if trace is not None:
        found = [room.replay_trace(room.ReplayRequest(trace=trace, kind=kind), desk)]
    else:
        found = room.replay_run(desk, run or "", kind)
    if as_json:
        show(found if trace is None else found[0], True)
    else:
        _tell(found)
    verdicts = {one.verdict for one in found}
    if verdicts - {"identical"}:
        raise typer.Exit(1 if "different" in verdicts else 2)


def rescore(
    run: Annotated[str, typer.Argument(help="A build, or a run that was ordered.")],
    scenarios: Annotated[str, typer.Option(help="The scenario set whose rules grade.")],
    as_json: JsonFlag = False,
) -> None:
    """Grade the traces of RUN by the rules of another scenario set, without inference; nothing is overwritten."""
    from agent_factory.api import replay as room

    report = room.rescore(room.RescoreRequest(run=run, scenarios=scenarios), open_desk())
    if as_json:
        show(report, True)
        return
    shares = [_percent(share) for share in (report.old_success, report.new_success)]
    say(f"{report.rescored} of {report.traces} traces re-scored: success {shares[0]} -> {shares[1]}; {report.path}")
    rows = [{"trace": one.trace, "was": _word(one, "old"), "is": _word(one, "new")} for one in report.changed]
    rows += [{"trace": one.trace, "was": _word(one, "old"), "is": f"left out: {one.reason}"} for one in report.left_out]
    show(rows, False)


def _tell(found: Sequence[Replay]) -> None:
    counts = Counter(one.verdict for one in found)
    say(", ".join(f"{counts[verdict]} {verdict}" for verdict in ("identical", "different", "refused")))
    for one in [one for one in found if one.verdict != "identical" or len(found) == 1][:_SHOWN]:
        say(f"{one.trace}: {one.verdict}{'; ' + one.reason if one.reason else ''}")
        for difference in one.differences[:_SHOWN]:
            place = "at the end" if difference.step is None else f"step {difference.step}"
            say(f"  {place}, {difference.field}:\n{difference.diff}")


def _word(one: Rescored, which: str) -> str:
    outcome = one.old if which == "old" else one.new
    if outcome is None:
        return "not graded"
    return "solved" if outcome.success else f"failed: {'; '.join((*outcome.reasons, *outcome.policy_violations))}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f} %"
