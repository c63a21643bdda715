"""One person is followed from what came in to a model, forgotten, and does not come back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import AfterValidator

from agent_factory.api.delivery import Delivery
from agent_factory.contracts import Feedback, ModelManifest, Session, SessionMemory, Trace
from agent_factory.contracts.decision import Overruling, Refresh
from agent_factory.contracts.forgetting import Forgetting, Mark, Tombstone
from agent_factory.contracts.record import Record
from agent_factory.contracts.session import Heard, SessionTurn
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import ForgottenError, InputError
from agent_factory.core.intake import Intake
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data import forget as room
from agent_factory.data.dataset import DatasetQuery, build_dataset
from agent_factory.data.forget import forget, resume_forgettings
from agent_factory.data.importing.importer import ImportReport, import_traces
from agent_factory.data.importing.quarantine import read_quarantine
from agent_factory.data.importing.removal import REMOVED
from agent_factory.data.importing.row import Origin
from agent_factory.data.ingest import take_events
from agent_factory.data.labelling.record import Assignment, Judgement, Preference
from agent_factory.data.lineage import Family, find_lineage
from agent_factory.data.value import read_values

Make = Callable[..., Trace]
DAY = "2026-11-20"
QUERY = DatasetQuery(days=(DAY,), recipe="desk")
MIA, YARA = "mia.li@mail.example", "yara@mail.example"


def put_model(store: Store, name: str, stage: Any, parent: str | None, *sources: str, **fields: Any) -> None:
    told = {"stage": stage, "recipe": "desk", "build": "B1", "parent": parent, "path": "p", "digest": "d"}
    made = {"id": name, "created_at": "2026-11-20T12:00:00Z", **told, "parameters": 1, "dataset_ids": sources}
    store.put(ModelManifest.model_validate({**made, **fields}))


@pytest.fixture
def factory(store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]) -> list[Trace]:
    """Two of Mia's traces (one of a session) and one of Yara's, two datasets, and four models."""
    told = [
        trace("mia-1", f"I am Mia Li, {MIA}, where is my order?", scenario_id="s1"),
        trace("mia-2", f"Mail {MIA} please", "No.", session_id="session-1", scenario_id="s2", success=False),
        trace("yara-1", f"My address is {YARA}", "Thanks.", scenario_id="s2"),
    ]
    take_day(*told)
    sft = build_dataset(store, artifacts, "sft", QUERY, build="B1")
    pairs = build_dataset(store, artifacts, "preference", QUERY, build="B1")
    day = f"projects/default/days/{DAY}/clean_events.parquet"
    put_model(store, "M0", "base", None, day)
    put_model(store, "M1", "sft", "M0", sft.id)
    put_model(store, "M2", "reward", "M1", pairs.id)
    put_model(store, "M3", "policy", "M1", sft.id)
    put_model(store, "M9", "sft", None, "D99")
    put_model(store, "M8", "base", None, day, recipe="other", build="B2")
    return told


def left_over(home: Path, *texts: str) -> list[str]:
    """Files of the home in whose bytes one of the texts stands."""
    files = [path for path in home.rglob("*") if path.is_file() and "recipes" not in path.parts]
    assert files
    return [str(path) for path in files if any(text.encode() in path.read_bytes() for text in texts)]


def test_a_person_is_followed_to_the_models_and_forgotten(
    factory: list[Trace], store: Store, artifacts: Artifacts, home: Path
) -> None:
    session = Session(
        id="session-1", created_at="2026-11-20T09:00:00Z", agent="desk", deployment="d", state="open", user=MIA
    )
    memory = SessionMemory(
        id="session-1-memory",
        created_at="2026-11-20T09:00:00Z",
        session="session-1",
        heard=(Heard(method="text", text=f"I am {MIA}"),),
    )
    label = {"labeler": "ada", "kind": "person", "score": 1.0, "created_at": "2026-11-20T09:00:00Z"}
    store.put(session)
    store.put(memory)
    store.put(Feedback(id="l1", trace_id="mia-1", comment="Mia was kind", **label))
    store.put(Feedback(id="l2", trace_id="yara-1", comment="good", **label))
    assert left_over(home, MIA)
    report = forget(store, artifacts, "default", [MIA])
    assert report.traces == ("mia-1", "mia-2")
    assert report.sessions == ("session-1",)
    assert (report.days, report.datasets) == ((DAY,), ("D1", "D2"))
    assert report.models == ("M0", "M1", "M2", "M3"), "M8 is of another recipe, M9 of another dataset"
    assert {name.split(":")[0]: count for name, count in report.matched.items()} == {"EMAIL": 2, "session": 1}
    assert report.wiped

    assert left_over(home, MIA, "mia.li", "Mia was kind") == []
    assert TraceLog(store).get("yara-1", "default") is not None
    assert [row.trace_id for row in store.find(Feedback)] == ["yara-1"]
    assert store.find(Session) == store.find(SessionMemory) == []
    for name in ("events", "clean_events", "decisions", "labels", "clusters", "signatures"):
        path = f"projects/default/days/{DAY}/{name}.parquet"
        if artifacts.exists(path):
            rows = artifacts.read_table(path).to_pylist()
            assert {row.get("id", row.get("trace_id")) for row in rows} <= {"yara-1"}, name
    assert [refresh.day for refresh in store.find(Refresh)] == [DAY]

    marks = {mark.target: mark.traces for mark in store.find(Mark)}
    assert marks == {"D1": 1, "D2": 1, "M0": 2, "M1": 2, "M2": 2, "M3": 2}
    after = build_dataset(store, artifacts, "sft", QUERY, build="B1")
    assert (after.id, after.trace_count) == ("D3", 1)
    lineage = find_lineage(Family(store, artifacts, "default"), "model", "M3")
    assert {node.id: node.forgotten for node in lineage.made_from if node.kind == "dataset"} == {"D1": 1, "D2": 1}
    assert lineage.of.forgotten == 2


def test_what_was_forgotten_is_refused_and_its_content_not_kept(
    factory: list[Trace], store: Store, artifacts: Artifacts, home: Path, trace: Make
) -> None:
    forget(store, artifacts, "default", [MIA])
    with pytest.raises(ForgottenError, match="'mia-1' was forgotten at a person's request, as were 1 more,"):
        take_events(store, [one.to_json() for one in factory])
    changed = trace("mia-1", "something else")
    with pytest.raises(ForgottenError, match="'mia-1' was forgotten at a person's request and"):
        take_events(store, changed.to_json())
    later_turn = trace("mia-3", "And then?", session_id="session-1")
    with pytest.raises(ForgottenError, match="mia-3"):
        take_events(store, later_turn.to_json())
    take_events(store, trace("mia-1", "their own", project="shop").to_json(), "shop")
    assert left_over(home, MIA) == []
    assert store.find(Tombstone)
    assert all("mia" not in tomb.id for tomb in store.find(Tombstone))


def test_a_persons_earlier_trace_under_another_id_is_in_no_dataset(
    factory: list[Trace],
    store: Store,
    artifacts: Artifacts,
    trace: Make,
    take_day: Callable[..., None],
) -> None:
    forget(store, artifacts, "default", [MIA])
    take_day(trace("copy", f"I am {MIA}, it is me", "Hello."))
    manifest = build_dataset(store, artifacts, "sft", QUERY, build="B1")
    assert manifest.counts["left out: forgotten"] == 1
    (record,) = store.find(Forgetting)
    store.put(record.model_copy(update={"asked_at": datetime(2026, 11, 19, tzinfo=UTC)}), replace=True)
    assert build_dataset(store, artifacts, "sft", QUERY, build="B1").counts.get("left out: forgotten") is None
    assert forget(store, artifacts, "default", [MIA]).traces == ("copy",)
    assert forget(store, artifacts, "default", [MIA]).traces == ()


def test_a_dry_run_tells_the_same_and_changes_nothing(
    factory: list[Trace], store: Store, artifacts: Artifacts, home: Path
) -> None:
    files = {path: path.read_bytes() for path in (home / "artifacts").rglob("*.parquet")}
    dry = forget(store, artifacts, "default", [MIA], dry_run=True)
    assert dry.wiped is None
    assert {path: path.read_bytes() for path in (home / "artifacts").rglob("*.parquet")} == files
    assert store.find(Forgetting) == store.find(Mark) == []
    assert TraceLog(store).get("mia-1", "default") is not None
    wet = forget(store, artifacts, "default", [MIA])
    assert wet.model_dump(exclude={"dry_run", "wiped"}) == dry.model_dump(exclude={"dry_run", "wiped"})


def test_forgetting_again_finds_nothing_more_and_keeps_the_marks(
    factory: list[Trace], store: Store, artifacts: Artifacts
) -> None:
    forget(store, artifacts, "default", [MIA])
    marks = {mark.id: mark.traces for mark in store.find(Mark)}
    again = forget(store, artifacts, "default", [MIA])
    assert (again.traces, again.datasets, again.models) == ((), ("D1", "D2"), ("M0", "M1", "M2", "M3"))
    assert {mark.id: mark.traces for mark in store.find(Mark)} == marks
    (record,) = store.find(Forgetting)
    assert (record.state, record.traces, record.pending_traces) == ("done", 2, ())


@pytest.mark.parametrize("step", ["_bury", "_mark", "erase_traces", "erase_records", "_rewrite_day", "settle_erasure"])
def test_killed_at_any_step_it_goes_on_from_its_record(
    factory: list[Trace], store: Store, artifacts: Artifacts, home: Path, step: str
) -> None:
    code = f"""
import os, signal
from agent_factory.core.artifact import Artifacts
from agent_factory.core.store import open_store
from agent_factory.data import forget as room
setattr(room, {step!r}, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
room.forget(open_store(), Artifacts({str(home / "artifacts")!r}), "default", [{MIA!r}])
"""
    ended = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    (record,) = store.find(Forgetting)
    assert record.state == ("done" if step == "settle_erasure" else "working")
    assert MIA not in record.model_dump_json()
    resume_forgettings(store, artifacts)
    if step == "settle_erasure":  # all is done but the log: any later writer begins it anew
        room.settle_erasure(store)
    assert left_over(home, MIA) == []
    (record,) = store.find(Forgetting)
    assert (record.state, record.pending_traces) == ("done", ())
    assert {mark.target for mark in store.find(Mark)} == {"D1", "D2", "M0", "M1", "M2", "M3"}


def test_by_name_by_phone_and_by_id_also_where_the_day_was_not_cleaned(
    store: Store, artifacts: Artifacts, trace: Make, home: Path
) -> None:
    take_events(
        store,
        [
            trace("name", "This is Mia\n Brandt speaking").to_json(),
            trace("phone", result='{"phone": "+1 (415) 555-0132"}').to_json(),
            trace("id", metadata={"user_id": "mia_brandt_77"}).to_json(),
            trace("fields", result='{"first_name": "Mia", "last_name": "Brandt"}').to_json(),
            trace("other", "Miami Brandtweg, 415 555 01321, mia_brandt_778").to_json(),
        ],
    )
    for subject, names in (
        ("PERSON:Mia Brandt", ("fields", "name")),
        ("415-555-0132", ("phone",)),
        ("mia_brandt_77", ("id",)),
    ):
        assert forget(store, artifacts, "default", [subject], dry_run=True).traces == names, subject
    named = ["PERSON:Mia Brandt", "415-555-0132", "USER:mia_brandt_77"]
    assert len(forget(store, artifacts, "default", named).traces) == 4
    assert TraceLog(store).get("other", "default") is not None


def test_nothing_found_and_forgotten_already_are_told_apart(
    factory: list[Trace], store: Store, artifacts: Artifacts
) -> None:
    for _ in range(2):
        nobody = forget(store, artifacts, "default", ["诸葛文轩"])
        assert (nobody.outcome, nobody.wiped, nobody.matched) == ("nothing", None, {})
    assert store.find(Forgetting) == []
    assert forget(store, artifacts, "default", [MIA, "PERSON:Mia Li"]).outcome == "found"
    assert forget(store, artifacts, "default", [MIA, "PERSON:Mia Li"]).outcome == "already"
    assert forget(store, artifacts, "default", [MIA], dry_run=True).outcome == "already", "named with others before"
    assert forget(store, artifacts, "shop", [MIA]).outcome == "nothing"


@pytest.mark.parametrize(
    "nobody",
    [
        *("Mia", "mia", "null", "order", "the", "where is the order", "t1", "hedwig_k", "x", "", "订单", "欧", "고객"),
        *(
            "<EMAIL_1>",
            "REF_1",
            "PERSON:<PERSON_1>",
            "USER:null",
            "USER:order",
            "PERSON:The",
            "EMAIL:mail",
            "REF:order",
        ),
        *("PERSON_1 PERSON_2", "<PERSON_1> <PERSON_2>", "customer_name order_id", "PERSON:order_id", "USER:role"),
        *("2026-11", "2026/11", "11.2026", "2026-W47", "2026-11-20T09:00:00Z", "09:12:33", "2026年11月"),
        *("PERSON:Li", "PERSON:欧阳", "BIRTHDATE:1990-01-01", "1990-01-01", "10.2.3.4", "PHONE:415"),
    ],
)
def test_what_names_nobody_is_refused_and_not_repeated(
    factory: list[Trace], store: Store, artifacts: Artifacts, nobody: str
) -> None:
    with pytest.raises(InputError, match="give an e-mail, a full name") as told:
        forget(store, artifacts, "default", [nobody])
    assert "1990" not in str(told.value)
    assert store.find(Forgetting) == []
    assert len(forget(store, artifacts, "default", ["PERSON:Mia"], dry_run=True).traces) == 1, (
        "told as a name it is one"
    )


def test_a_person_is_looked_for_in_values_and_nowhere_else(store: Store, artifacts: Artifacts, trace: Make) -> None:
    take_events(
        store,
        [
            trace("said", "This is hedwig again").to_json(),
            trace("argument", result='{"note": "see {\\"by\\": \\"Hedwig\\"}"}').to_json(),
            trace("metadata", metadata={"id": "Hedwig", "by": ["x", 77123456]}).to_json(),
            trace("key", result='{"Hedwig": 1, "a": {"hedwig": "none"}}', metadata={"hedwig": 1}).to_json(),
            trace("hedwig-1", session_id="hedwig", scenario_id="Hedwig", build="hedwig").to_json(),
        ],
    )
    found = forget(store, artifacts, "default", ["PERSON:Hedwig"], dry_run=True)
    assert set(found.traces) == {"said", "argument", "metadata"}
    assert forget(store, artifacts, "default", ["USER:77123456"], dry_run=True).traces == ("metadata",)


@pytest.mark.parametrize(("others", "asks"), [(209, True), (210, False), (21, True)])
def test_what_stands_in_many_traces_is_to_be_confirmed(
    store: Store, artifacts: Artifacts, trace: Make, others: int, asks: bool
) -> None:
    told = [trace(f"mia-{i}", f"I am {MIA}").to_json() for i in range(21)]
    take_events(store, [*told, *(trace(f"other-{i}").to_json() for i in range(others - 21))])
    dry = forget(store, artifacts, "default", [MIA], dry_run=True)
    assert (len(dry.traces), dry.searched, dry.confirm) == (21, others, 21 if asks else None)
    if asks:
        for confirm in (None, 20, 22):
            with pytest.raises(InputError, match=f"found in 21 of {others} traces.*--confirm 21"):
                forget(store, artifacts, "default", [MIA], confirm=confirm)
        assert store.find(Forgetting) == []
    assert len(forget(store, artifacts, "default", [MIA], confirm=dry.confirm).traces) == 21


@pytest.mark.parametrize("subject", ["lamp shade", "Arrives On Friday", "高兴", "Petra Novak", "yl_garden13"])
def test_what_is_of_mere_words_is_always_to_be_confirmed(
    store: Store, artifacts: Artifacts, trace: Make, subject: str
) -> None:
    take_events(store, [trace("t1", f"It says {subject}.").to_json(), trace("t2").to_json()])
    assert forget(store, artifacts, "default", [subject, MIA], dry_run=True).confirm == 1
    for confirm in (None, 2):
        with pytest.raises(InputError, match="--confirm 1 "):
            forget(store, artifacts, "default", [subject], confirm=confirm)
    assert store.find(Forgetting) == []
    assert forget(store, artifacts, "default", [subject], confirm=1).traces == ("t1",)
    assert forget(store, artifacts, "default", [subject]).outcome == "already", "there is nothing to be confirmed"


@pytest.mark.parametrize("subject", ["Petra Novak", "Petra Nóvak", "PERSON:petra novak", "張偉強", "张伟强"])
def test_a_name_is_found_in_other_letters(store: Store, artifacts: Artifacts, trace: Make, subject: str) -> None:
    names = ("Petra Novak", "Petra Nóvak", "Pet\u200bra No\u00advak", "Petra No\u0301vak", "張偉強", "张伟强")
    take_events(store, [trace(f"t{i}", f"I am {name}.").to_json() for i, name in enumerate(names)])
    take_events(store, [trace("other", "Petra Novaková").to_json()])
    wanted = ("t4", "t5") if not subject.isascii() and "P" not in subject else ("t0", "t1", "t2", "t3")
    assert forget(store, artifacts, "default", [subject], dry_run=True).traces == wanted


def put_work(store: Store, count: int, reviewer: str) -> None:
    now = clock.now()
    for i in range(count):
        told = {"kind": "score", "item": f"t{i}", "trace_ids": (f"t{i}",), "state": "done", "reviewer": reviewer}
        made = {"id": f"{reviewer.replace('@', '-')}-{i}", "created_at": now, "expires_at": now, "answered_at": now}
        store.put(Assignment.model_validate({**told, **made}))


def test_what_stands_in_many_records_is_to_be_confirmed(store: Store, artifacts: Artifacts, trace: Make) -> None:
    put_work(store, 21, MIA)
    dry = forget(store, artifacts, "default", [MIA], dry_run=True)
    assert (dry.traces, dry.records, dry.confirm) == ((), 21, 21)
    with pytest.raises(InputError, match=r"in 21 other records.*--confirm 21"):
        forget(store, artifacts, "default", [MIA])
    assert len(store.find(Assignment)) == 21
    put_work(store, 190, "kim")
    assert forget(store, artifacts, "default", [MIA]).records == 21, "no tenth of all"


def test_a_clock_in_a_record_is_nothing_that_was_said(store: Store, artifacts: Artifacts) -> None:
    put_work(store, 2, "kim")
    year, month = clock.now().year, f"{clock.now():%m}"
    for subject in (f"REF:{year}-{month}", f"REF:{year}", f"USER:{year}-{month}"):
        assert forget(store, artifacts, "default", [subject]).outcome == "nothing", subject


@pytest.mark.parametrize(
    "record", [Assignment, Delivery, Feedback, Intake, Judgement, Overruling, Preference, Session, SessionTurn, Trace]
)
def test_ids_and_enumerations_of_records_are_nothing_that_was_said(record: type[Record]) -> None:
    """What is asked for is a word that no field but one that somebody fills may hold."""
    for name, field in record.model_fields.items():
        kinds = {field.annotation, *get_args(field.annotation)}
        named = any(isinstance(one, AfterValidator) for one in field.metadata)
        if named or any(get_origin(kind) is Literal for kind in kinds):
            value = next((get_args(kind)[0] for kind in kinds if get_origin(kind) is Literal), "hedwig")
            assert read_values(json.dumps({name: value})) == "", (record.__name__, name)


def test_a_file_that_is_called_after_a_person_is_told_by_another_name(
    store: Store, artifacts: Artifacts, home: Path
) -> None:
    for name in ("Hedwig Okonkwo", "others"):
        file = home / f"{name}.jsonl"
        file.write_text("no row\n")
        import_traces(store, artifacts, Origin(file=file, project="default"), "traces")
        file.unlink()
    assert forget(store, artifacts, "default", ["PERSON:Hedwig Okonkwo"]).records == 1
    assert left_over(home, "Okonkwo") == []
    assert len(left_over(home, "others.jsonl")) == 2, "the other import is told as it was"


def test_twenty_traces_are_never_to_be_confirmed(store: Store, artifacts: Artifacts, trace: Make) -> None:
    take_events(store, [trace(f"mia-{i}", f"I am {MIA}").to_json() for i in range(20)])
    assert forget(store, artifacts, "default", [MIA]).wiped


@pytest.mark.parametrize("step", [None, "blank_quarantined"])
def test_quarantined_rows_tell_of_nobody_who_was_forgotten(
    store: Store, artifacts: Artifacts, home: Path, step: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [f"Hedwig Okonkwo {MIA}", "somebody else", *[f"row {i}" for i in range(25)], f"again {MIA}"]
    when = {"source": "import", "started_at": f"{DAY}T09:00:00Z", "steps": []}
    rows = [{"id": who, **when} for who in said]
    file = home / "in.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = import_traces(store, artifacts, Origin(file=file, project="default", day=None, recipe=None))
    assert made.quarantined == 28
    file.unlink()
    assert len(left_over(home, MIA)) >= 2, "in the report and in the quarantine: reasons quote the row"
    if step is not None:
        with monkeypatch.context() as broken:
            broken.setattr(room, step, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                forget(store, artifacts, "default", [MIA])
        resume_forgettings(store, artifacts)
    else:
        report = forget(store, artifacts, "default", [MIA])
        assert (report.outcome, report.records, report.traces) == ("found", 2, ())
    assert left_over(home, MIA, "Okonkwo") == []
    assert made.quarantine_path is not None
    kept = read_quarantine(artifacts, made.quarantine_path, 100)
    assert [row.reason == REMOVED for row in kept] == [i in (0, 27) for i in range(28)]
    assert [row.place for row in kept] == [f"line {i}" for i in range(1, 29)]
    (known,) = store.find(ImportReport)
    assert known.examples == tuple(kept[:20])
    assert forget(store, artifacts, "default", [MIA]).outcome == "already"


def test_of_another_project_nothing_is_touched(
    factory: list[Trace], store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    take_day(trace("mia-1", f"I am {MIA}", project="shop"), project="shop")
    assert forget(store, artifacts, "shop", [MIA]).traces == ("mia-1",)
    assert TraceLog(store).get("mia-1", "default") is not None
    assert artifacts.read_table(f"projects/default/days/{DAY}/events.parquet").num_rows == 3
    assert {mark.project for mark in store.find(Mark)} <= {"shop"}


def test_a_trace_that_cannot_be_read_is_searched_as_text_and_told(
    store: Store, artifacts: Artifacts, trace: Make
) -> None:
    nested: Any = 0
    for _ in range(230):
        nested = [nested]
    deep = trace("deep", "This is Mia\n Brandt speaking", metadata={"a": 0})
    TraceLog(store).add([deep.model_copy(update={"metadata": {"a": nested}})])
    take_events(store, trace("other", "Where is my order?").to_json())
    report = forget(store, artifacts, "default", ["yara@mail.example"], dry_run=True)
    assert (report.traces, report.unreadable) == ((), 1)
    assert forget(store, artifacts, "default", ["PERSON:Mia Brandt"]).traces == ("deep",)
    assert forget(store, artifacts, "default", ["yara@mail.example"], dry_run=True).unreadable == 0
