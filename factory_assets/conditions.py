"""When an asset is made by itself: one condition, for a stage alone or for a chain in one run.

An asset is wanted once any of its inputs is newer than its last request, also where that came while
it was being made, or once it is found missing for the first time. It is started only where
no input is missing or being made, it is not being made itself, and every blocking check on its inputs
passed. Dagster's ``eager()`` asks for none of these checks across runs and fuses a build into one run.
"""

from dagster import AutomationCondition as Condition


def _when_inputs_passed(*, in_one_run: bool, gated: bool = True) -> Condition:
    soon = Condition.will_be_requested()
    elsewhere = Condition.newly_updated() & ~Condition.executed_with_root_target()
    updated = Condition.any_deps_match(elsewhere).with_label("an input is newer")
    missing = Condition.any_deps_match(Condition.missing()).with_label("an input is missing")
    passed = Condition.all_checks_match(Condition.check_passed(), blocking_only=True)
    if in_one_run:
        # Within a run the executor itself stops what is downstream of a failed blocking check.
        updated = Condition.any_deps_updated()
        missing = Condition.any_deps_missing()
        passed = passed | soon
    checks = Condition.all_deps_match(passed)
    wanted = updated | Condition.newly_missing()
    condition = (
        wanted.since(Condition.newly_requested()).with_label("wanted since last requested")
        & ~missing
        & ~Condition.any_deps_in_progress()
        & ~Condition.in_progress()
    )
    if gated:
        condition = condition & checks.with_label("all blocking checks on inputs passed")
    if not in_one_run:
        condition = condition & ~Condition.any_deps_match(soon).with_label("an input is about to be made")
    return condition


STAGE_BY_STAGE = _when_inputs_passed(in_one_run=False).with_label("inputs are new and passed: a run of its own")
"""For BUILD assets: one run a stage, gated by the checks of the stages before it."""

CHAIN_IN_ONE_RUN = _when_inputs_passed(in_one_run=True).with_label("inputs are new and passed: one run a day")
"""For DAY assets: a day's chain is short, and a run costs seconds to start."""

STAGE_BY_STAGE_ALSO_FAILED = _when_inputs_passed(in_one_run=False, gated=False).with_label("inputs are new")
"""For what is told of every build, whatever its verdict."""
