"""What a round prints of its end."""

from __future__ import annotations

from agent_factory.cli.result import lineage
from agent_factory.contracts import EvalReport, ModelManifest
from agent_factory.core import clock
from agent_factory.core.settings import Settings
from agent_factory.core.store import Store, open_store


def put_model(store: Store, name: str, stage: str, parent: str | None, **more: str) -> None:
    facts = {"recipe": "desk", "build": "b1", "path": "p", "digest": "d", "parameters": 1, **more}
    made = {"id": name, "created_at": clock.now(), "stage": stage, "parent": parent, **facts}
    store.put(ModelManifest.model_validate(made))


def test_the_lineage_is_what_the_candidate_descends_from(settings: Settings) -> None:
    store = open_store(settings.database_url)
    for name, stage, parent in (
        ("M0", "base", None),
        ("M1", "sft", "M0"),
        ("M2", "reward", "M1"),
        ("M3", "sft", "M0"),
        ("M4", "reward", "M3"),
        ("M5", "reward", "M3"),
    ):
        put_model(store, name, stage, parent)
    put_model(store, "M6", "policy", "M3", scorer="M5")
    report = {
        "recipe": "desk",
        "candidate": "M6",
        "taskset": "t",
        "taskset_digest": "d",
        "scores": (),
        "verdict": "PASS",
    }
    rest = {"comparisons": (), "failures": (), "reasons": ("met",), "results_path": "r", "html_path": "h"}
    made = {"id": "b1-report", "created_at": clock.now(), "build": "b1", **report, **rest}
    store.put(EvalReport.model_validate(made))
    assert lineage(store, "b1") == "M0 base → M3 sft → M6 policy, ranked by M5 reward"
