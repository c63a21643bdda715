"""A program in a terminal, as an agent meets it: also one that misbehaves."""

import re

import pytest

from agent_factory.contracts import Fault
from agent_factory.core.error import InputError, ToolError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.terminal.world import open_terminal_world

pytestmark = pytest.mark.live

ECHO = """
print("ready")
while True:
    told = input("> ")
    if told == "quit":
        raise SystemExit(3)
    print(f"you said {told!r}")
"""


def after_enter(work):
    """A program that does its work once Enter was pressed."""
    return f'import os, signal, time\nprint("ready")\ninput()\n{work}\n'


async def test_keys_go_in_and_the_screen_comes_back(start):
    player = await start(ECHO)

    told = await player.do("type", text="héllo", submit=True)
    assert told.endswith("screen:\nready\n> héllo\nyou said 'héllo'\n>")
    assert told.startswith("cursor: row 4, column 3\n")
    assert await player.do("screen") == told


async def test_an_ended_program_shows_its_last_screen_and_takes_no_keys(start):
    player = await start(ECHO)

    assert "note: the program has ended with exit code 3\n" in await player.do("type", text="quit", submit=True)
    assert "> quit" in await player.do("screen")
    refused = await player.call("terminal_press", key="Enter")
    assert refused.error == "terminal_press: 409 the program has ended with exit code 3"
    assert (await player.environment.state())["exit"] == 3


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("terminal_fly", {}, r"404 there is no tool terminal_fly; there are: terminal_screen"),
        ("terminal_press", {"key": "Any"}, r"422 key: 'Any' is not one of"),
        ("terminal_type", {"text": "a\rb"}, r"422 text: .* does not match"),
        ("terminal_wait", {"seconds": 60}, r"422 seconds: 60 is greater than the maximum"),
    ],
)
async def test_a_call_that_does_not_fit_is_a_result(start, name, arguments, error):
    player = await start(ECHO)

    result = await player.call(name, **arguments)

    assert not result.ok
    assert re.search(error, result.error)


async def test_waiting_sees_what_comes_later(start):
    player = await start(after_enter("time.sleep(1)\nprint('late')\ninput()"))
    assert "late" not in await player.do("press", key="Enter")

    assert "late" in await player.do("wait", seconds=5)


async def test_an_answer_that_takes_computing_is_waited_for(start):
    player = await start(after_enter("sum(range(20_000_000))\nprint('computed')\ninput()"))

    assert "computed" in await player.do("press", key="Enter", deadline=60)


async def test_a_program_that_works_on_is_told_at_the_deadline(start):
    player = await start(after_enter("while True: pass"))

    assert "note: the program still works after 0.8 s" in await player.do("press", key="Enter", deadline=1.0)


async def test_a_flood_is_read_up_to_its_bound_and_can_be_stopped(start):
    player = await start(after_enter("while True: print('more')"), output_kib=16)

    told = await player.do("press", key="Enter")
    assert "note: the program is still writing after 16 KiB" in told
    assert told.count("more") <= 24
    assert "has ended with exit code" in await player.do("press", key="Ctrl+C", deadline=60)


async def test_a_flood_shows_the_same_each_time(start):
    source = "i = 0\nwhile True: i += 1; print(i)"
    screens = set()
    for _ in range(2):
        player = await start(source, output_kib=16)
        screens.add((await player.do("screen"), await player.do("screen")))

    [(first, second)] = screens
    assert "still writing after 16 KiB" in first
    assert first != second


@pytest.mark.parametrize(
    ("source", "settings", "error"),
    [
        (
            "import time; time.sleep(600)",
            {"start_seconds": 1.0},
            r"\('python', '-u', 'app.py'\) has shown nothing within",
        ),
        ("raise KeyError('stock')", {}, r"(?s)ended at once with exit code 1; its .*KeyError: 'stock'"),
        ("", {"command": ["no-such-program"]}, r"program \['no-such-program'\] cannot be started: FileNotFoundError"),
        ("", {"command": ["true"]}, r"\('true',\) ended at once with exit code 0"),
    ],
)
async def test_a_program_that_does_not_come_up_is_told_with_its_cause(start, source, settings, error):
    with pytest.raises(ToolError, match=error):
        await start(source, **settings)


async def test_a_program_that_closes_its_terminal_still_has_a_screen(start):
    player = await start(after_enter("[os.close(i) for i in range(3)]\ntime.sleep(600)"))

    assert "ready" in await player.do("press", key="Enter")
    assert "ready" in await player.do("type", text="lost")


@pytest.mark.parametrize(
    ("work", "settings", "told"),
    [
        ("x = bytearray(300 * 2**20)", {"memory_mib": 200}, "MemoryError"),
        ("open('big', 'wb').truncate(3 * 2**20)", {"disk_mib": 2}, "File too large"),
        ("[open(f'f{i}', 'wb').write(bytes(2**19)) for i in range(9)]", {"disk_mib": 2}, "No space left on device"),
        ("[os.dup(0) for i in range(99)]", {"files": 20}, "Too many open files"),
        ("for i in range(10**5): open(str(i), 'w').close()", {}, "No space left on device"),
        ("while True: os.fork() or time.sleep(600)", {"processes": 8}, "Resource temporarily unavailable"),
        ("while True: pass", {"cpu_seconds": 1}, "has ended with exit code -9"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", {}, "has ended with exit code -11"),
    ],
)
async def test_what_a_program_may_use_is_bounded(start, work, settings, told):
    player = await start(after_enter(work), action_seconds=50, **settings)

    assert told in await player.do("press", key="Enter", deadline=60)
    assert (await player.environment.state())["exit"] not in (None, 0)


async def test_the_folder_is_the_state(start):
    work = "os.mkdir('new')\nopen('new/n.txt', 'w').write('5')\nos.remove('gone')\nopen(os.environ['TMPDIR']+'/t', 'w')"
    player = await start(after_enter(work), {"gone": "1", "data": {"kept": "2"}})
    before = await player.environment.state()
    await player.do("press", key="Enter")

    after = await player.environment.state()
    assert before["files"].pop("app.py") == after["files"].pop("app.py")
    assert before == {"files": {"data": {"kept": "2"}, "gone": "1"}, "exit": None}
    assert after == {"files": {"data": {"kept": "2"}, "new": {"n.txt": "5"}}, "exit": 0}


async def test_episodes_do_not_see_each_other(start):
    first = await start(after_enter("open('mine', 'w')"), {"a": "1"})
    second = await start(after_enter("open('mine', 'w')"), {"a": "1"})
    await first.do("press", key="Enter")

    assert "mine" in (await first.environment.state())["files"]
    assert "mine" not in (await second.environment.state())["files"]


async def test_the_seed_is_the_programs(start):
    source = "import os, random\nrandom.seed(os.environ['AGENT_FACTORY_SEED'])\nprint(random.random())\ninput()"
    screens = [await (await start(source, seed=seed)).do("screen") for seed in (1, 1, 2)]

    assert screens[0] == screens[1] != screens[2]


async def test_a_scenario_for_another_kind_is_refused(sandboxed, scenario, tmp_path):
    (tmp_path / "app").mkdir()
    asked = scenario()
    async with open_terminal_world(Recipe(tmp_path), {"command": ["cat"], "folder": "app"}) as world:
        for wrong, told in (
            ({"tools": ("get_order",)}, "asks for the tool 'get_order'"),
            ({"faults": (Fault(tool="terminal_type", status=503),)}, "asks for faults"),
            ({"state": {"orders": {}}}, r"its state has \['orders'\]"),
        ):
            environment = world.make()
            with pytest.raises(InputError, match=told):
                await environment.reset(asked.model_copy(update=wrong), 0)
            await environment.close()


async def test_a_closed_environment_says_so(start):
    player = await start(ECHO)
    await player.environment.close()
    await player.environment.close()

    with pytest.raises(ToolError, match="is not open"):
        await player.do("screen")
