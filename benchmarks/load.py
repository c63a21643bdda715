"""Load time of the Dagster definitions beside the bare import of Dagster, in fresh processes."""

from benchmarks.figure import Figure, time_python

REACH_SECONDS = 3.0
_LOAD = """
import sys
import factory_assets.definitions
heavy = {"torch", "trl", "playwright"} & set(sys.modules)
assert not heavy, heavy
"""


def measure() -> list[Figure]:
    ours = time_python(_LOAD, repeats=5)
    peer = time_python("import dagster", repeats=5)
    return [
        Figure(
            name="load/definitions",
            ours=round(ours, 3),
            peer=round(peer, 3),
            unit="s",
            ratio=round(ours / peer, 3),
            reach=f"<= {REACH_SECONDS:g} s, without torch, trl, playwright",
            met=ours <= REACH_SECONDS,
        )
    ]
