"""The names of all assets, each ``factory/thing``: what sensors and assets refer to each other by."""

from dagster import AssetCheckKey, AssetKey

TRACES = AssetKey(["runtime", "traces"])
EVENTS = AssetKey(["data", "events"])
CLEAN_EVENTS = AssetKey(["data", "clean_events"])
LABELS = AssetKey(["data", "labels"])
USAGE = AssetKey(["compute", "usage"])

SCENARIOS = AssetKey(["environment", "scenarios"])
SFT_DATASET = AssetKey(["data", "sft_dataset"])
PREFERENCE_DATASET = AssetKey(["data", "preference_dataset"])
EVAL_DATASET = AssetKey(["data", "eval_dataset"])
BASE_MODEL = AssetKey(["training", "base_model"])
SFT_MODEL = AssetKey(["training", "sft_model"])
ROLLOUTS = AssetKey(["environment", "rollouts"])
REWARD_MODEL = AssetKey(["training", "reward_model"])
POLICY_MODEL = AssetKey(["training", "policy_model"])
REPORT = AssetKey(["evaluation", "report"])
RELEASE = AssetKey(["runtime", "release"])
DEPLOYMENT = AssetKey(["runtime", "deployment"])
AGENT_COST = AssetKey(["compute", "agent_cost"])

ORDERED_ROLLOUTS = AssetKey(["environment", "ordered_rollouts"])
TASKSET_REPORT = AssetKey(["evaluation", "taskset_report"])

DAY_DATA = (EVENTS, CLEAN_EVENTS, LABELS)
"""What is made of a day's traces, in one run."""

LIGHT_ROOTS = (SCENARIOS, SFT_DATASET, PREFERENCE_DATASET, EVAL_DATASET)
"""Where a build begins, in one run; ``BASE_MODEL`` begins beside them in a run of its own."""

DAY_CHECKS = (AssetCheckKey(EVENTS, "schema"), AssetCheckKey(CLEAN_EVENTS, "no_pii"))
"""The blocking checks that a day must have passed before a build reads it."""

GATE = AssetCheckKey(REPORT, "gate")

ASIDE = frozenset({AGENT_COST, USAGE, ORDERED_ROLLOUTS, TASKSET_REPORT})
"""What is made beside a build: whether it failed says nothing of the build's order."""

REPORTED_BY = "agent-factory/reported_by"
"""Tag of a report of ``runtime/traces``: the sensor that made it."""
