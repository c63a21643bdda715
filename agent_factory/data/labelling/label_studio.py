"""Round trip with Label Studio: tasks and a labelling configuration out, annotations in.

Shapes as in https://labelstud.io/guide/tasks and https://labelstud.io/guide/export (JSON): a task is
``{"data": {…}}``, an annotated one has ``annotations`` with ``completed_by`` and ``result``. Only clean
traces go out. Invariants: what was annotated is what went out, by its digest; an annotation is one label
however often it comes in; cancelled ones are none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from agent_factory.contracts.message import Message
from agent_factory.contracts.record import Count, Part
from agent_factory.contracts.trace import Feedback, Trace
from agent_factory.core import clock
from agent_factory.core.day import AHEAD
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError
from agent_factory.core.store import Store
from agent_factory.data.labelling import queue
from agent_factory.data.labelling.feedback import make_feedback, make_preference, read_comment
from agent_factory.data.labelling.item import find_days
from agent_factory.data.labelling.record import Choice, ItemKind, Preference

_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_TIME: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)
_CHOICES: dict[str, Choice] = {"left": "first", "right": "second", "equal": "tie"}
_TIE = "equally good"
TAGS = ("wrong answer", "policy violated", "wrong tool", "rude", "incomplete", "exemplary")

_COMMON = """\
  <Choices name="tags" toName="{target}" choice="multiple" showInline="true">
{tags}
  </Choices>
  <TextArea name="comment" toName="{target}" rows="2" maxSubmissions="1" placeholder="Comment" />
"""
_SCORE = """\
<View>
  <Header value="How good is the agent's work? 1 bad, 5 good" />
  <Paragraphs name="dialogue" value="$dialogue" layout="dialogue" nameKey="author" textKey="text" />
  <Rating name="score" toName="dialogue" maxRating="5" required="true" />
{common}</View>
"""
_COMPARE = """\
<View>
  <Header value="Which of the two is the better work?" />
  <Pairwise name="preference" toName="left,right" />
  <Paragraphs name="left" value="$left" layout="dialogue" nameKey="author" textKey="text" />
  <Paragraphs name="right" value="$right" layout="dialogue" nameKey="author" textKey="text" />
  <Choices name="tie" toName="left" choice="single" showInline="true">
    <Choice value="{tie}" />
  </Choices>
{common}</View>
"""


class ImportReport(Part):
    """What became of annotated tasks: labels newly written or changed, already there, cancelled, unreadable."""

    kept: Count
    unchanged: Count
    cancelled: Count
    quarantined: tuple[str, ...] = ()


def make_config(kind: ItemKind) -> str:
    """The labelling configuration for a Label Studio project of these tasks."""
    tags = "\n".join(f'    <Choice value="{tag}" />' for tag in TAGS)
    if kind == "score":
        return _SCORE.format(common=_COMMON.format(target="dialogue", tags=tags))
    return _COMPARE.format(tie=_TIE, common=_COMMON.format(target="left", tags=tags))


def make_task(project: str, traces: Iterable[Trace]) -> dict[str, Any]:
    """A task of one trace to score, or of two to compare."""
    found = list(traces)
    data: dict[str, Any] = {"project": project, "trace_ids": [trace.id for trace in found]}
    names = ("dialogue",) if len(found) == 1 else ("left", "right")
    for name, trace in zip(names, found, strict=True):
        data[name] = _dialogue(trace)
    data["digest"] = digest_json(data)
    return {"data": data}


def take_annotations(
    store: Store,
    project: str,
    tasks: Any,
    reviewers: Mapping[str, str] | None = None,
    sign: Callable[[str], str] = str,
) -> ImportReport:
    """Keep the completed annotations of a JSON export as labels by the people who made them.

    ``reviewers`` names people by Label Studio's user id or e-mail address; whoever is not in it goes by
    their address, else by ``label-studio user <id>``. ``sign`` gives the name that the word of a person so named
    is kept under; what it raises, an InputError apart, is raised before anything is kept. What cannot be read is
    listed, and the rest goes in.
    """
    if not isinstance(tasks, list):
        raise InputError(
            f"a Label Studio export is a JSON array of tasks, this is {type(tasks).__name__}: export as JSON"
        )
    named = {str(key): value for key, value in (reviewers or {}).items()}

    def name(annotation: Mapping[str, Any]) -> str:
        return sign(_reviewer(annotation, named))

    _sign_all(tasks, name)
    mentioned = {name for task in tasks for name in _trace_ids(task)}
    known = find_days(store, project, mentioned)
    counts = {"kept": 0, "unchanged": 0, "cancelled": 0}
    refused: list[str] = []
    for number, task in enumerate(tasks):
        place = f"task {number}"
        try:
            for at, annotation in enumerate(_annotations(task, project, known)):
                place = f"task {number}, annotation {at}"
                counts[_take(store, project, task["data"]["trace_ids"], annotation, name)] += 1
        except (InputError, ValidationError) as error:
            refused.append(f"{place}: {_tell(error)}")
    return ImportReport(**counts, quarantined=tuple(refused))


def _sign_all(tasks: list[Any], name: Callable[[Mapping[str, Any]], str]) -> None:
    """Raises where somebody may not be spoken for; annotations that cannot be read are told of later, one by one."""
    for task in tasks:
        found = task.get("annotations") if isinstance(task, dict) else None
        for annotation in found if isinstance(found, list) else ():
            with suppress(InputError):
                if isinstance(annotation, dict) and not annotation.get("was_cancelled"):
                    name(annotation)


def _trace_ids(task: Any) -> list[str]:
    data = task.get("data") if isinstance(task, dict) else None
    found = data.get("trace_ids") if isinstance(data, dict) else None
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _annotations(task: Any, project: str, known: Mapping[str, str]) -> list[Any]:
    ids = _trace_ids(task)
    if len(ids) not in (1, 2):
        raise InputError("its data has no trace_ids of one or two traces: export the tasks from here first")
    if task["data"].get("project", project) != project:
        raise InputError(f"it is of project {task['data']['project']!r}, not of {project!r}")
    data = {key: value for key, value in task["data"].items() if key != "digest"}
    if task["data"].get("digest") != digest_json(data):
        raise InputError(
            f"its data on {ids!r} is not what went out: its digest is {task['data'].get('digest')!r}, that of the data "
            f"{digest_json(data)!r}. What was judged is another dialogue: export the task again and annotate that"
        )
    missing = [name for name in ids if name not in known]
    if missing:
        raise InputError(f"there is no trace {missing[0]!r} in project {project!r}")
    found = task.get("annotations")
    if not isinstance(found, list):
        raise InputError("it has no list of annotations: export as JSON, not as JSON-MIN")
    return found


def _take(
    store: Store, project: str, ids: list[str], annotation: Any, name: Callable[[Mapping[str, Any]], str]
) -> Literal["kept", "unchanged", "cancelled"]:
    if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
        raise InputError("it has no list 'result'")
    if annotation.get("was_cancelled"):
        return "cancelled"
    word = _read_word(project, ids, annotation["result"], name(annotation), _read_time(annotation))
    return "kept" if queue.answer(store, word) else "unchanged"


def _read_time(annotation: Mapping[str, Any]) -> datetime:
    """When it was made, no later than now where its clock is a little ahead; InputError for a time that cannot be."""
    at = _TIME.validate_python(annotation.get("updated_at") or annotation.get("created_at"))
    now = clock.now()
    if not _FIRST <= at <= now + AHEAD:
        raise InputError(
            f"its time is {at.isoformat()}, expected one from {_FIRST.date()} to now: a later word of its reviewer "
            "would never count; mend updated_at"
        )
    return min(at, now)


def _read_word(project: str, ids: list[str], results: list[Any], reviewer: str, at: datetime) -> Feedback | Preference:
    values: dict[str, Any] = {}
    for result in results:
        if isinstance(result, dict) and isinstance(result.get("value"), dict):
            values[str(result.get("from_name"))] = result["value"]
    comment = read_comment("\n".join(_texts(values.get("comment", {}).get("text", []))))
    tags = _texts(values.get("tags", {}).get("choices", []))
    if len(ids) == 1:
        rating = values.get("score", {}).get("rating")
        if isinstance(rating, bool) or not isinstance(rating, int) or not 1 <= rating <= 5:
            raise InputError(f"its rating 'score' is {rating!r}, expected a whole number from 1 to 5")
        return make_feedback(project, ids[0], reviewer, rating, comment=comment, tags=tags, at=at)
    chosen = values.get("preference", {}).get("selected")
    if _TIE in _texts(values.get("tie", {}).get("choices", [])):
        chosen = "equal"
    if chosen not in _CHOICES:
        raise InputError(f"its preference is {chosen!r}, expected 'left' or 'right', or the choice {_TIE!r}")
    return make_preference(project, (ids[0], ids[1]), _CHOICES[chosen], reviewer, comment=comment, tags=tags, at=at)


def _reviewer(annotation: Mapping[str, Any], named: Mapping[str, str]) -> str:
    """Who made it: ``completed_by`` is a user's id, or an object with id and e-mail address."""
    who = annotation.get("completed_by")
    number, address = (who.get("id"), who.get("email")) if isinstance(who, dict) else (who, None)
    if number is None and not address:
        raise InputError("it does not say who completed it (completed_by)")
    for key in (str(address), str(number)):
        if key in named:
            return named[key]
    return str(address) if address else f"label-studio user {number}"


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [item for item in value if isinstance(item, str)]


def _dialogue(trace: Trace) -> list[dict[str, str]]:
    told = [Message(role="system", content=trace.system)] if trace.system else []
    return [{"author": _author(message), "text": _text(message)} for message in (*told, *trace.messages())]


def _author(message: Message) -> str:
    return f"tool {message.name or message.tool_call_id}" if message.role == "tool" else message.role


def _text(message: Message) -> str:
    calls = [f"→ {call.name} {json.dumps(call.arguments, ensure_ascii=False)}" for call in message.tool_calls]
    return "\n".join(part for part in (message.content, *calls) if part)


def _tell(error: InputError | ValidationError) -> str:
    if isinstance(error, InputError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, item['loc'])) or 'its time'}: {item['msg']}" for item in error.errors())
