"""A task as a site: the page that it hands out, the reward that it tells; the browser is played by a stand-in."""

import httpx
import pytest

from agent_factory.agent.toolbox import ToolResult
from agent_factory.contracts import Message
from agent_factory.contracts.fault import Fault
from agent_factory.core.error import InputError, ToolError
from agent_factory.environment.miniwob.package import Package
from agent_factory.environment.miniwob.site import ORIGIN, MiniwobSite

RESULT = ToolResult(Message(role="tool", tool_call_id="c", name="browser_click", content="url: x"), None)


class FakePage:
    """Answers what the site asks a page: whether it is ready, what is asked for, the reward."""

    def __init__(self, utterance="Press.", reward=None):
        self.utterance, self.reward, self.begun = utterance, reward, None

    async def evaluate(self, script, argument=None):
        if argument is not None:
            self.begun = argument
            return None
        if "RAW_REWARD" in script:
            return self.reward
        return self.utterance if "getUtterance" in script else True


@pytest.fixture
async def site(folder, scenario):
    site = MiniwobSite(Package(folder))
    await site.reset(scenario(), 99)
    return site


async def ask(site, path):
    return await site.answer(httpx.Request("GET", ORIGIN + path))


async def test_the_task_begins_with_the_scenarios_seed_and_not_the_episodes(site):
    page = FakePage()
    await site.ready(page)
    assert page.begun[:2] == [3, "train"]
    assert "Math.seedrandom(3)" in (await ask(site, "/miniwob/press.html")).text


async def test_a_page_is_handed_out_once_and_no_other_tasks_page(site, folder):
    (folder / "miniwob" / "html" / "miniwob" / "easier.html").write_text("<button>Easy</button>")
    got = [(await ask(site, f"/{path}")).status_code for path in ("miniwob/press.html", "miniwob/press.html")]
    assert got == [200, 410]
    assert (await ask(site, "/miniwob/easier.html")).status_code == 410
    assert (await ask(site, "/core/core.js")).status_code == 200
    assert (await ask(site, "/core/none.js")).status_code == 404


async def test_the_first_reward_counts_and_is_told_once(site):
    page = FakePage()
    assert await site.complete(RESULT, page) == RESULT
    assert await site.state(page) == {"done": False, "reward": None}
    page.reward = -1
    ended = await site.complete(RESULT, page)
    page.reward = 1
    later = await site.complete(RESULT, page)

    assert (ended.reward, later.reward) == (-1.0, None)
    assert ended.message.content == later.message.content == "note: the task is over\nurl: x"
    assert await site.state(page) == {"done": True, "reward": -1.0}


async def test_a_reward_of_nothing_is_told_as_one(site):
    ended = await site.complete(RESULT, page := FakePage(reward=0))
    assert (ended.reward, await site.state(page)) == (0.0, {"done": True, "reward": 0.0})


async def test_a_reward_that_is_no_number_is_a_defect_and_no_zero(site):
    with pytest.raises(ToolError, match="task 'press' with seed 3 gave the reward nan"):
        await site.complete(RESULT, FakePage(reward=float("nan")))


async def test_a_scenario_of_another_release_of_the_pages_is_refused(site):
    with pytest.raises(InputError, match=r"asks for 'Push\.', the scenario was made when it asked for 'Press\.'"):
        await site.ready(FakePage("Push."))


@pytest.mark.parametrize("state", [{"seed": -1}, {"seed": "3"}, {"utterance": 3}, {"task": None}])
async def test_a_state_that_does_not_fit_is_refused(folder, scenario, state):
    with pytest.raises(InputError, match=r"'s1' has the state|there is no MiniWoB task None"):
        await MiniwobSite(Package(folder)).reset(scenario(**state), 0)


async def test_faults_are_refused(folder, scenario):
    faulty = scenario().model_copy(update={"faults": (Fault.model_construct(),)})
    with pytest.raises(InputError, match="has faults, which the kind 'miniwob' cannot put in"):
        await MiniwobSite(Package(folder)).reset(faulty, 0)
