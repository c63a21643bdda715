"""When an asset is made by itself: one condition, for a stage alone or for what follows in the same run.

An asset is wanted once any of its inputs is newer than its last request, also where that came while
it was being made, or once it is found missing for the first time. It is started only where no input is
missing or being made, it is not being made itself, and every blocking check on its inputs passed.
Of a day's data only an input whose data version changed counts: a day that is told again and is what it
was stops there. Dagster's ``eager()`` asks for none of these checks across runs and fuses a whole build
into one run.
"""

from dagster import AutomationCondition as Condition

from factory_assets import keys


def _when_inputs_passed(*, follows: bool = False, gated: bool = True, changed: bool = False) -> Condition:
    """``follows``: in the run that makes the input; the executor itself then stops at a failed check.

    ``changed``: an input that was made again with the data version that it had asks for nothing.
    """
    soon = Condition.will_be_requested()
    requested = Condition.newly_requested()
    # By itself ``newly_updated`` keeps its times, by which an update that came right after a request is
    # told from one before it; with ``&`` or ``|`` inside the clause Dagster forgets them.
    updated = Condition.any_deps_match(Condition.newly_updated())
    missing = Condition.any_deps_match(Condition.missing())
    # An input may come to be there in the middle of a tick, and is told as new in the next one: asked for at once,
    # what is made of it would be asked for twice.
    first = Condition.newly_missing().since(requested) & ~missing
    never_made = first & ~first.newly_true()
    wanted = updated.since(requested) | never_made
    passed = Condition.all_checks_match(Condition.check_passed(), blocking_only=True)
    # Data versions have no times: where one changed in the very tick after a request, the times of the
    # updates decide, so that the request does not swallow it.
    different = Condition.any_deps_match(Condition.data_version_changed())
    if changed:
        wanted = (updated.since(requested) & different.since(requested & ~different)) | never_made
    if follows:
        # What follows in the same run is newer than its input: that input asks for nothing more.
        alone = updated.since(requested | Condition.newly_updated())
        if changed:
            alone = alone & different.since(Condition.newly_updated() | (requested & ~different))
        wanted = alone | (Condition.any_deps_match(soon) | Condition.newly_missing()).since(requested)
        missing, passed = Condition.any_deps_missing(), passed | soon
    condition = (
        wanted.with_label("wanted since last requested")
        & ~missing.with_label("an input is missing")
        & ~Condition.any_deps_in_progress()
        & ~Condition.in_progress()
    )
    if gated:
        condition = condition & Condition.all_deps_match(passed).with_label("all blocking checks on inputs passed")
    if follows:
        # What a tick reads is not of one moment: an asset may end between the look at what was made and the look at
        # what is being made, and would be asked for as if nobody had made it. The next tick sees both.
        again = ~condition.newly_true().with_label("wanted only from now on")
        return condition & (Condition.any_deps_match(soon) | again)
    return condition & ~Condition.any_deps_match(soon).with_label("an input is about to be made")


ALONE = _when_inputs_passed().with_label("inputs are new and passed: a run of its own")
"""One run a stage, gated by the checks of the stages before it."""

_labels_in_progress = Condition.asset_matches(keys.LABELS, Condition.in_progress())
_rest_in_progress = Condition.asset_matches(keys.CLEAN_EVENTS, Condition.in_progress() | _labels_in_progress)

DAY_BEGINS = (
    _when_inputs_passed(changed=True) & ~_rest_in_progress.with_label("the rest of the day is being made")
).with_label("inputs changed and passed: a run of its own")
"""For what a day's chain begins with. It waits for a run that is in the middle of the day: what follows could
not be asked for with it then, and the day would be made again in pieces, each for nothing."""

WITH_INPUT = _when_inputs_passed(follows=True, changed=True).with_label(
    "inputs changed and passed: in the run that makes them"
)
"""For the rest of a day's chain: it is short, and a run costs seconds to start."""

ALONE_ALSO_FAILED = _when_inputs_passed(gated=False).with_label("inputs are new, passed or not")
"""For what is told of every build, whatever its verdict."""
