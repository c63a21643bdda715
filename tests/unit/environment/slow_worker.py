"""The worker as a process, its models replaced by the reference solutions: ``slow_worker.py HANGS_AT ARGUMENTS``.

After that many calls the engine answers no more; 0 is for an engine that always answers.
"""

import asyncio
import sys

from agent_factory.agent.shielding import NoShield
from agent_factory.contracts.trace import TokenUsage
from agent_factory.core.recipe import load_recipe
from agent_factory.environment import rollout, worker
from agent_factory.environment.reference import ReferenceEngine
from agent_factory.environment.scenario import draw_scenarios
from agent_factory.gateway import gateway


class Slow:
    def __init__(self, hangs_at):
        scenarios = draw_scenarios(load_recipe("support_desk"), "train", 10, 0)
        self.engines = {s.opening[-1].content: ReferenceEngine(s) for s in scenarios}
        self.calls, self.hangs_at = 0, hangs_at

    async def chat(self, request, *, deadline_seconds):
        self.calls += 1
        if self.calls == self.hangs_at:
            await asyncio.Event().wait()
        result = await self.engines[request.messages[0].content].chat(request, deadline_seconds=deadline_seconds)
        return result.model_copy(
            update={"usage": TokenUsage(prompt_tokens=10, completion_tokens=1), "latency_seconds": 1}
        )

    async def close(self):
        pass


def replace_models(hangs_at):
    """Have every model be the slow one."""
    rollout.open_shields = lambda recipe: NoShield
    gateway.open_engine = lambda place, digest, api_key: Slow(hangs_at)


if __name__ == "__main__":
    replace_models(int(sys.argv[1]))
    sys.exit(worker.main(sys.argv[2:]))
