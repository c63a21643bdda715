import json
from datetime import timedelta

from agent_factory.contracts.decision import Decision
from agent_factory.core.decision import write_decisions
from agent_factory.training.source import find_clean_days, read_clean_dialogues, read_dialogue


def test_a_dialogue_comes_back_from_the_wire(build):
    wire = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "x"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}],
        },
        {"role": "tool", "content": "{}", "tool_call_id": "c", "name": "look"},
        {"role": "assistant", "content": "y"},
    ]
    tool = {"type": "function", "function": {"name": "look", "description": "", "parameters": {}}}
    told = read_dialogue(json.dumps(wire), json.dumps([tool]))
    assert told.system == "Be kind."
    assert [message.to_wire() | {"role": message.role} for message in told.messages] == [
        wire[1],
        wire[2],
        wire[3],
        wire[4],
    ]
    assert [entry.to_wire() for entry in told.tools] == [tool]


def test_other_recipes_and_projects_are_not_read(artifacts, build):
    own = list(artifacts.read_traces("projects/default/days/2026-11-20/clean_events.parquet"))
    others = [
        own[0].model_copy(update={"id": "x", "recipe": "other"}),
        own[0].model_copy(update={"id": "y", "project": "other"}),
    ]
    artifacts.write_traces("projects/default/days/2026-11-21/clean_events.parquet", [*others, own[1]])
    write_decisions(artifacts, "default", "2026-11-21", [])
    days = find_clean_days(artifacts, build)
    assert len(days) == 2
    assert len(read_clean_dialogues(artifacts, build, days)) == 41


def test_a_session_is_read_once(artifacts, build):
    first, *others = artifacts.read_traces("projects/default/days/2026-11-20/clean_events.parquet")
    turns = [
        first.model_copy(update={"id": f"s-{n}", "session_id": "s", "started_at": first.started_at + timedelta(days=n)})
        for n in (0, 1)
    ]
    artifacts.write_traces("projects/default/days/2026-11-20/clean_events.parquet", [turns[0], *others])
    artifacts.write_traces("projects/default/days/2026-11-21/clean_events.parquet", [turns[1]])
    write_decisions(artifacts, "default", "2026-11-21", [])
    assert len(read_clean_dialogues(artifacts, build, find_clean_days(artifacts, build))) == len(others) + 1


def test_what_was_flagged_is_not_read_and_shows_in_the_digest(artifacts, build):
    (before,) = find_clean_days(artifacts, build)
    everything = read_clean_dialogues(artifacts, build, [before])
    name = next(iter(artifacts.read_traces(before.path))).id
    flagged = Decision(trace_id=name, verdict="flagged", rule="poison", reason="speaks to the judge")
    write_decisions(artifacts, "default", "2026-11-20", [flagged])
    (after,) = find_clean_days(artifacts, build)
    assert len(read_clean_dialogues(artifacts, build, [after])) == len(everything) - 1
    assert after.digest != before.digest
