"""A subject without a label is found as what cleaning made of it, in Chinese text too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent_factory.contracts import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.forget import forget
from agent_factory.data.ingest import take_events

Make = Callable[..., Trace]
CHINESE = ("欧阳静怡", "诸葛文轩", "张雨桐", "李明")
NUMBER = "11010519491231002X"


@pytest.mark.parametrize("cleaned", [True, False])
def test_chinese_names_and_ids_without_a_label(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None], cleaned: bool
) -> None:
    told = [trace(f"t{i}", f"您好，我叫{name}，请查询4417号单") for i, name in enumerate(CHINESE)]
    told.append(trace("id", f"我的身份证号{NUMBER}请帮忙核对"))
    told.append(trace("fields", result='{"first_name": "静怡", "last_name": "欧阳"}'))
    told.append(trace("passport", "Passport number X4RTBPFW4 and 微信lizixuan_92的"))
    told.append(trace("other", "我叫张雨桐桐的妹妹张雨，欧阳静"))
    if cleaned:
        take_day(*told)
    else:
        take_events(store, [one.to_json() for one in told])
    for subject, names in (
        ("PERSON:欧阳静怡", {"t0", "fields"}),
        ("欧阳静怡", {"t0", "fields"}),
        ("诸葛文轩", {"t1"}),
        ("张雨桐", {"t2", "other"}),
        ("李明", {"t3"}),
        ("张雨", {"other"}),
        ("欧阳静", {"other"}),
        (NUMBER, {"id"}),
        (NUMBER.lower(), {"id"}),
        ("X4RTBPFW4", {"passport"}),
        ("lizixuan_92", {"passport"}),
    ):
        report = forget(store, artifacts, "default", [subject], dry_run=True)
        assert (set(report.traces), report.outcome) == (names, "found"), subject
    assert forget(store, artifacts, "default", ["PERSON:张雨桐", NUMBER]).wiped
    assert TraceLog(store).get("t1", "default") is not None


@pytest.mark.parametrize("cleaned", [True, False])
def test_a_name_in_another_order_and_an_address_in_a_link(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None], cleaned: bool
) -> None:
    told = [
        trace("capitals", "Name on file: OKONKWO, Hedwig"),
        trace("turned", "I am Okonkwo Hedwig"),
        trace("field", result='{"customer_name": "Okonkwo, Hedwig"}'),
        trace("straight", "My name is Hedwig Okonkwo."),
        trace("link", "Write to <a href='mailto:hedwig@mail.example?subject=x'>me</a>"),
        trace("quoted", "mailto:hedwig%40mail.example"),
        trace("spaced", result='{"customer_name": "欧阳 思远"}'),
        trace("escaped", result='{"customer_name": "\\u6b27\\u9633\\u601d\\u8fdc"}'),
        trace("other", "Hedwig asked; Okonkwo answered. 欧阳 思 hedwig@mail.example.org"),
    ]
    if cleaned:
        take_day(*told)
    else:
        take_events(store, [one.to_json() for one in told])
    names, links = {"capitals", "turned", "field", "straight"}, {"link", "quoted"}
    for subject, wanted in (
        ("Hedwig Okonkwo", names),
        ("PERSON:okonkwo, hedwig", names),
        ("hedwig@mail.example", links),
        ("mailto:hedwig@mail.example", links),
        ("欧阳思远", {"spaced", "escaped"}),
        ("欧阳 思远", {"spaced", "escaped"}),
    ):
        assert set(forget(store, artifacts, "default", [subject], dry_run=True).traces) == wanted, subject
