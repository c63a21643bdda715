"""MiniWoB++'s own route as a program: selenium and chromedriver play scripted clicks, told as JSON on standard input.

It runs in a process of its own with ``.venv/selenium`` and ``.venv/miniwob`` on PYTHONPATH (``make selenium``). A
browser a task, as the package does it; starting it is not timed, an episode is: ``reset`` to the last ``step``.
"""

import json
import sys
import time

import gymnasium
import miniwob
import numpy
import psutil
from miniwob.action import ActionTypes


def main() -> None:
    asked = json.load(sys.stdin)
    gymnasium.register_envs(miniwob)
    episodes, seconds, solved, pss = 0, 0.0, 0, 0
    for task, by_seed in asked["clicks"].items():
        environment = gymnasium.make(f"miniwob/{task}-v1")
        for seed, clicks in by_seed.items():
            started = time.perf_counter()
            rewarded = play(environment, int(seed), clicks, pictures=asked["pictures"])
            seconds += time.perf_counter() - started
            episodes, solved = episodes + 1, solved + (rewarded == 1)
        pss = max(pss, sum(child.memory_full_info().pss for child in psutil.Process().children(recursive=True)))
        environment.close()
    print(json.dumps({"episodes": episodes, "seconds": seconds, "solved": solved, "pss": pss}))


def play(environment: "gymnasium.Env", seed: int, clicks: list[list[float]], *, pictures: bool) -> float:
    """The raw reward of an episode."""
    environment.reset(seed=seed, options={"record_screenshots": pictures})
    info: dict = {}
    for place in clicks:
        coords = numpy.array(place, dtype=numpy.float32)
        action = environment.unwrapped.create_action(ActionTypes.CLICK_COORDS, coords=coords)
        _, _, _, _, info = environment.step(action)
    return info["raw_reward"]


if __name__ == "__main__":
    main()
