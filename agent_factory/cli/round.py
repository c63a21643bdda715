"""One whole round: traffic, build, evaluation, deployment, conversation, and its return as data.

Invariants: each step looks first at what is there. A round that was stopped goes on with the same
days and the same build; one that is finished is shown again, and the agent is talked to again. A build
learns from first traffic of one world only: where the recipe's was edited since, the round stops, or
with ``fresh`` begins again on days that hold nothing else.
"""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Any

from agent_factory.api.build import draft_build
from agent_factory.cli.desk import open_desk
from agent_factory.cli.follow import follow
from agent_factory.cli.lock import hold_lock
from agent_factory.cli.memo import RoundMemo, memo_path
from agent_factory.cli.output import say
from agent_factory.cli.platform import Platform
from agent_factory.cli.premise import require_key_of_caller
from agent_factory.cli.result import lineage, show_result
from agent_factory.cli.returned import show_return
from agent_factory.cli.talk import Conversation
from agent_factory.cli.traffic import free_days, make_first_traffic, require_same_makers, send_traces
from agent_factory.contracts.build import BuildSpec, DataWindow, Order
from agent_factory.contracts.stage import StageRun
from agent_factory.core import clock
from agent_factory.core.address import hide_password
from agent_factory.core.order import order_build, place_order, read_settings_of
from agent_factory.core.recipe import load_recipe
from agent_factory.core.settings import get_settings
from agent_factory.core.tracelog import TraceLog
from agent_factory.environment.first_traffic import describe_makers
from agent_factory.runtime.end import End, find_end


class Round:
    """The round of one recipe on this machine."""

    def __init__(
        self, recipe: str, *, deadline_seconds: float, fresh: bool = False, overrides: dict[str, Any] | None = None
    ) -> None:
        self.settings = get_settings()
        self.recipe = load_recipe(recipe, self.settings.recipes)
        self.overrides = overrides or {}
        sections = {name: values for name, values in self.overrides.items() if name != "gate"}
        self.rules = read_settings_of(self.recipe, sections)
        # What is wrong with the order is told before anything is started or sent.
        yesterday = clock.now().date() - timedelta(days=1)
        window = DataWindow(first_day=yesterday, last_day=yesterday)
        draft_build(self.recipe, self.settings.project, window, self.overrides)
        self.makers = describe_makers(self.recipe, self.rules)
        require_key_of_caller(self.settings)
        self.platform = Platform(self.settings, lambda text: say(f"  {text}"))
        self.fresh = fresh
        self.began_at = clock.now()
        self.end_by = time.monotonic() + deadline_seconds
        self.memo_path = memo_path(self.platform.folder.run, self.settings.project, recipe)
        self.memo = RoundMemo.read(self.memo_path)

    def run(self) -> int:
        """The round; returns the exit code. FactoryError where it cannot come to an end."""
        with hold_lock(self.platform.round_lock, "a round"):
            self.desk = open_desk()
            self._look_at_traffic()
            try:
                return self._run()
            finally:
                if self.platform.down(owner="round"):
                    say("the platform was ended")
                elif self.platform.status():
                    say("the platform runs on")

    def _run(self) -> int:
        began = time.monotonic()
        say("platform")
        services = self.platform.up("round", webserver=False)
        url = str(services["api"].url)
        build = self._find_build()
        if build is None:
            self._send_traffic(url)
            build = self._order()
        end = self._follow(build)
        show_result(self.desk.store, build, end, self.desk.artifacts)
        say(f"models: {lineage(self.desk.store, build.id)}")
        if end.deployment is not None:
            self._talk(url, end.deployment.agent)
        self._tell_where(end)
        say(f"the round took {time.monotonic() - began:.0f} s")
        if end.exit_code == 0:
            say(f"Build {build.id} is deployed.")
        else:
            say(f"Build {build.id} did not pass its gate and serves nobody: see the reasons above.")
        return end.exit_code

    def _look_at_traffic(self) -> None:
        """Forget traffic that another world made, and the build of it, where that is wanted; raise where it is not."""
        if not self.memo.days or self.memo.made_by == self.makers:
            return
        if not self.memo.sent and not self._has_arrived():
            self.memo = RoundMemo()  # what was refused, or never sent, binds nothing
            return
        if not self.fresh:
            require_same_makers(self.memo.days, self.memo.made_by, self.makers)
        say("the recipe's world was edited: new first traffic is sent on days of its own (--fresh)")
        self.memo = RoundMemo()

    def _has_arrived(self) -> bool:
        """Whether any of the first traffic was taken in: a sending may end half-way."""
        return any(arrival.day in self.memo.days for arrival in TraceLog(self.desk.store).arrivals(self.desk.project))

    def _find_build(self) -> BuildSpec | None:
        """The build of the memo, unless it is gone, or finished and a new one is wanted."""
        known = None if self.memo.build is None else self.desk.store.peek(BuildSpec, self.memo.build)
        if known is None:
            return None
        if find_end(self.desk.store, known) is None:
            say(f"going on with build {known.id}")
            return known
        if known.recipe_digest != self.recipe.digest:
            say(f"build {known.id} is finished, and the recipe was edited since: a new build is ordered")
            return None
        if self.fresh:
            say(f"build {known.id} is finished: a new build is ordered (--fresh)")
            return None
        say(f"build {known.id} is finished: its result is shown again (`factory round --fresh` orders a new build)")
        return known

    def _send_traffic(self, url: str) -> None:
        days = self.memo.days or self._choose_days()
        if self.memo.sent and self.memo.days:
            say(f"first traffic of {days[0]} to {days[-1]} was sent before")
            return
        say(f"first traffic: the predecessor's {self.rules.first_traffic.episodes} episodes on {', '.join(days)}")
        traces = make_first_traffic(self.recipe, self.rules, days, self.desk.project)
        self._remember(days=days, made_by=self.makers)
        solved = sum(1 for trace in traces if trace.outcome is not None and trace.outcome.success)
        receipt = send_traces(url, traces)
        say(
            f"  {receipt.accepted} taken in, {receipt.duplicates} were there; "
            f"the predecessor solved {100 * solved / len(traces):.0f} % of them"
        )
        self._remember(sent=True)

    def _choose_days(self) -> tuple[str, ...]:
        taken = {arrival.day for arrival in TraceLog(self.desk.store).arrivals(self.desk.project)}
        return tuple(free_days(self.rules.first_traffic.days, taken))

    def _order(self) -> BuildSpec:
        first, last = date.fromisoformat(self.memo.days[0]), date.fromisoformat(self.memo.days[-1])
        window = DataWindow(first_day=first, last_day=last)
        build = draft_build(self.recipe, self.desk.project, window, self.overrides)
        # The memo comes first, so that a stop between the two lines leaves no order that it does not know.
        self._remember(build=build.id)
        order_build(self.desk.store, build)
        say(f"build {build.id}: ordered")
        return build

    def _follow(self, build: BuildSpec) -> End:
        known = find_end(self.desk.store, build)
        if known is not None:
            return known
        orders = [order for order in self.desk.store.find(Order, build=build.id) if order.kind == "build"]
        broken = not orders or orders[-1].state in ("failed", "refused")
        if broken or any(run.state == "failed" for run in self.desk.store.find(StageRun, build=build.id)):
            self._resume(build)
        return follow(
            self.desk.store,
            build,
            deadline_seconds=max(1.0, self.end_by - time.monotonic()),
            check=self.platform.check,
            resume=(lambda: self._resume(build)) if orders and orders[-1].created_at < self.began_at else None,
        )

    def _resume(self, build: BuildSpec) -> None:
        """Ask for the build once more: what is there already is not made again."""
        say(f"  build {build.id} stands still: what is missing of it is asked for again")
        place_order(
            self.desk.store,
            "build",
            {"recipe": build.recipe, "resume": clock.now().isoformat()},
            project=build.project,
            build=build.id,
        )

    def _talk(self, url: str, agent: str) -> None:
        say("live conversation with the deployed agent")
        since = clock.now()
        with Conversation(url, agent) as talk:
            for message in self.rules.demo.messages:
                say(f"  user:  {message}")
                reply = talk.say(message)
                say(f"  agent: {reply['answer'] or '(no answer: ' + str(reply['failure']) + ')'}")
        show_return(
            self.desk.store, self.desk.artifacts, self.desk.project, talk.session, since, check=self.platform.check
        )

    def _tell_where(self, end: End) -> None:
        logs = self.platform.folder.logs
        say("where to look: `make up` serves the Dagster UI, MLflow and the API, and prints their addresses")
        say(f"  report {self.desk.artifacts.locate(end.report.html_path)}")
        store = hide_password(self.settings.database_url)
        say(f"  MLflow {self.settings.home / 'mlflow.db'}   store {store}   logs {logs}")

    def _remember(self, **changes: object) -> None:
        self.memo = self.memo.model_copy(update=changes)
        self.memo.write(self.memo_path)
