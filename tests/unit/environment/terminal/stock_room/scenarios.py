"""Tasks of the stock room: as many quantities to set as the level says, at most three."""

from random import Random

from agent_factory.contracts import Message, Scenario, Solution, SuccessRules, ToolCall
from agent_factory.core import clock

GOODS = ("bolt M8", "nut M8", "washer", "hinge", "latch", "fuse 10A", "fuse 16A", "lamp E27")
WORDS = {"train": "Please set {goods}.", "eval": "We counted again: {goods}. Correct the list."}
TOOLS = ("terminal_screen", "terminal_type", "terminal_press", "terminal_wait")


def generate(split, level, count, seed):
    rng = Random(f"{split}-{level}-{seed}")
    return [make(split, level, i, rng) for i in range(count)]


def make(split, level, number, rng):
    stock = {name: rng.randrange(1, 500) for name in GOODS}
    wanted = {name: rng.randrange(500, 900) for name in rng.sample(GOODS, min(3, int(level[1])))}
    told = ", ".join(f"{name} to {n}" for name, n in wanted.items())
    return Scenario(
        id=f"stock-{split}-{level}-{number}",
        created_at=clock.now(),
        recipe="stock_room",
        level=level,
        kind="count",
        template=split,
        split=split,
        seed=rng.randrange(2**31),
        opening=(Message(role="user", content=WORDS[split].format(goods=told)),),
        tools=TOOLS,
        state={"files": {"stock.csv": write(stock)}},
        rules=SuccessRules(state={"files/stock.csv": write(stock | wanted), "exit": 0}),
        solution=Solution(calls=solve(wanted), answer=f"I have set {told}."),
    )


def write(stock):
    return "".join(f"{name},{n}\n" for name, n in stock.items())


def solve(wanted):
    steps = []
    for name, n in wanted.items():
        steps.append(("terminal_type", {"text": f"/{name}", "submit": True}))
        steps.append(("terminal_type", {"text": f"e{n}", "submit": True}))
    steps += [("terminal_press", {"key": "F2"}), ("terminal_type", {"text": "q"})]
    return tuple(ToolCall(id=f"c{i}", name=name, arguments=given) for i, (name, given) in enumerate(steps))
