"""How a build ended: with a report that says FAIL, or serving the recipe's own agent."""

from __future__ import annotations

from dataclasses import dataclass

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.evaluation import EvalReport
from agent_factory.contracts.release import Deployment, Release
from agent_factory.core.store import Store
from agent_factory.runtime.agent import default_agent_id


@dataclass(frozen=True)
class End:
    """How a build ended: its report, and the deployment where the gate said PASS."""

    report: EvalReport
    deployment: Deployment | None

    @property
    def exit_code(self) -> int:
        """0 where it serves (or served until a later build did), 3 where the gate said FAIL."""
        return 3 if self.deployment is None else 0


def find_end(store: Store, build: BuildSpec) -> End | None:
    """How the build ended, or None while it has not: a PASS ends where it serves the recipe's own agent."""
    reports = store.find(EvalReport, build=build.id, newest_first=True, limit=1)
    if not reports:
        return None
    if reports[0].verdict == "FAIL":
        return End(reports[0], None)
    releases = {release.id for release in store.find(Release, build=build.id)}
    own = default_agent_id(build.recipe, build.project)
    for deployment in store.find(Deployment, project=build.project, newest_first=True):
        if deployment.release in releases and deployment.agent == own:
            return End(reports[0], deployment)
    return None
