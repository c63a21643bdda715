"""Replaces personal data in texts, JSON and traces by placeholders, the same for the same value.

Model: what a JSON key says comes first, then what was learnt earlier in the trace, then what the
detector sees in prose. Invariants: text that holds only placeholders stays as it is (redacting twice
changes nothing); JSON stays JSON; identifiers of things, amounts and dates other than birth dates stay.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError

from agent_factory.contracts.message import Message
from agent_factory.contracts.trace import Step, Trace
from agent_factory.core.buildfile import PrivacySection
from agent_factory.core.digest import digest_json
from agent_factory.core.override import explain
from agent_factory.core.recipe import Recipe
from agent_factory.core.settings import get_settings
from agent_factory.privacy.detector import Detector, Finding, choose
from agent_factory.privacy.document import (
    learn_fields,
    learn_text,
    load_json,
    replace_fields,
    split_json,
    write_like,
)
from agent_factory.privacy.key import read_key
from agent_factory.privacy.known import find_all_known
from agent_factory.privacy.label import Label, label_of, normalize
from agent_factory.privacy.plug import Plug, read_plugs
from agent_factory.privacy.pseudonym import Pseudonyms, hash_value

_KNOWN_SCORE = 0.9
_UNMISTAKABLE: tuple[Label, ...] = ("EMAIL", "IBAN", "SECRET")
_SHAPES: frozenset[Label] = frozenset(["PHONE", "CARD", "SSN", "NATIONAL_ID", "IP", "BIRTHDATE"])


class Redactor:
    """Redaction with the names of a recipe under one key; holds no state of a trace."""

    def __init__(
        self,
        names: Iterable[str],
        key: bytes,
        policy: str | None = None,
        references: re.Pattern[str] | None = None,
        plugs: Sequence[Plug] = (),
    ) -> None:
        """``policy`` is a system prompt that is public as it stands, contact addresses included.

        ``references`` matches reference numbers that lead to a person, such as an order's; ``plugs`` make
        recognizers of the recipe's own.
        """
        told = tuple(names)
        pattern = references.pattern if references else None
        self._key = key
        self._policy = policy.strip() if policy else None
        self.detector = Detector(told, references, plugs)
        self.digest = digest_json([sorted(told), pattern, [plug.entry for plug in plugs]])
        """What decides what is found: redactors of one digest find the same."""

    def open_session(self, trace: Trace | None = None) -> Pseudonyms:
        """Empty pseudonyms for one trace, numbered above the placeholders that ``trace`` has already."""
        session = Pseudonyms(self._key, trace.pseudonyms if trace else None)
        if trace:
            session.reserve(trace.model_dump_json(exclude={"tokens", "tools"}))
        return session

    def hash_of(self, label: Label, value: str) -> str:
        """The pseudonym that ``value`` has in every trace, to look for a person without naming them."""
        return hash_value(self._key, label, normalize(label, value))

    def redact_text(self, text: str, session: Pseudonyms, thing: bool = False) -> str:
        """Prose with every finding replaced; where it numbers a ``thing``, the shape of a number counts for nothing."""
        session.reserve(text)
        while findings := self._findings(text, session, thing):
            pieces: list[str] = []
            end = 0
            for finding in findings:
                pieces += [text[end : finding.start], session.give(finding.label, finding.text)]
                end = finding.end
            text = "".join((*pieces, text[end:]))
        return text

    def redact_json(self, value: Any, session: Pseudonyms, parent: str = "") -> Any:
        """A JSON value with personal fields replaced; ``parent`` names what it is part of, such as a tool."""
        learn_fields(value, session, parent)
        return replace_fields(value, session, parent, lambda text, thing: self.redact_any(text, session, "", thing))

    def redact_any(self, text: str, session: Pseudonyms, parent: str = "", thing: bool = False) -> str:
        """A text that may be JSON or hold some: that is walked as JSON and stays JSON."""
        if "{" not in text and "[" not in text:
            return self.redact_text(text, session, thing)
        value = load_json(text)
        if value is not None:
            return self._redact_piece(text, value, session, parent)
        pieces = list(split_json(text))
        if len(pieces) == 1:
            return self.redact_text(text, session, thing)
        for _, found in pieces:
            learn_fields(found, session, parent)
        return "".join(
            self.redact_text(piece, session) if found is None else self._redact_piece(piece, found, session, parent)
            for piece, found in pieces
        )

    def _redact_piece(self, text: str, value: Any, session: Pseudonyms, parent: str) -> str:
        redacted = self.redact_json(value, session, parent)
        return text if redacted == value else write_like(text, redacted)

    def redact_message(self, message: Message, session: Pseudonyms) -> Message:
        """A message with its content, tool arguments and (unless it names a tool) its name redacted."""
        content = message.content and self.redact_any(message.content, session, message.name or "")
        calls = tuple(
            call.model_copy(update={"arguments": self.redact_json(call.arguments, session, call.name)})
            for call in message.tool_calls
        )
        name = message.name
        if name and message.role != "tool":
            name = self.redact_text(name, session)
        return message.model_copy(update={"content": content, "tool_calls": calls, "name": name})

    def redact_trace(self, trace: Trace) -> Trace:
        """A trace without personal data; its exact tokens are dropped if they spelled any.

        Values that a field names anywhere in the trace are replaced from the first message on.
        """
        session = self.open_session(trace)
        for message in trace.messages():
            _learn_message(message, session)
        system = trace.system
        if system and system.strip() != self._policy:
            system = self.redact_text(system, session)
        steps = tuple(self._redact_step(step, session) for step in trace.steps)
        closing = tuple(self.redact_message(message, session) for message in trace.closing)
        told = {"system": system, "steps": steps, "closing": closing}
        same = all(getattr(trace, name) == value for name, value in told.items())
        rest = {
            "metadata": self.redact_json(trace.metadata, session),
            "failure": trace.failure and self.redact_text(trace.failure, session),
            "outcome": trace.outcome and self._redact_outcome(trace, session),
            "tokens": trace.tokens if same else None,
        }
        redacted = trace.model_copy(update={**told, **rest, "pseudonyms": session.hashes})
        return trace if redacted == trace else redacted

    def find(self, text: str) -> list[Finding]:
        """Personal data in a text, as places in it; fields of JSON are found by their keys."""
        session = Pseudonyms(self._key)
        learn_text(text, session, "")
        return self._findings(text, session)

    def leftovers(self, trace: Trace) -> Counter[str]:
        """How many values of each label are still in a trace that ought to hold none."""
        found = Counter(
            label_of(placeholder)
            for placeholder in self.redact_trace(trace).pseudonyms
            if placeholder not in trace.pseudonyms
        )
        # A second look at the bare text, past all structure, for what cannot be mistaken.
        text = trace.model_dump_json(exclude={"system", "tools", "tokens", "pseudonyms"})
        bare = Counter(finding.label for finding in self.detector.scan(text, _UNMISTAKABLE))
        return found | bare

    def _redact_step(self, step: Step, session: Pseudonyms) -> Step:
        observation = tuple(self.redact_message(message, session) for message in step.observation)
        action = self.redact_message(step.action, session)
        error = step.error and self.redact_any(step.error, session)
        return step.model_copy(update={"observation": observation, "action": action, "error": error})

    def _redact_outcome(self, trace: Trace, session: Pseudonyms) -> Any:
        outcome = trace.outcome
        if outcome is None:
            return None
        reasons = tuple(self.redact_text(reason, session) for reason in outcome.reasons)
        violations = tuple(self.redact_text(reason, session) for reason in outcome.policy_violations)
        changes = outcome.changes and self.redact_json(outcome.changes, session)
        told = {"reasons": reasons, "policy_violations": violations, "changes": changes}
        return outcome.model_copy(update=told)

    def _findings(self, text: str, session: Pseudonyms, thing: bool = False) -> list[Finding]:
        found = [item for item in self.detector.find(text) if not thing or item.label not in _SHAPES]
        known = [
            Finding(item.label, start, end, text[start:end], _KNOWN_SCORE)
            for item, start, end in find_all_known(session.known(), text)
        ]
        return list(choose((*found, *known), text)) if known else found


def _learn_message(message: Message, session: Pseudonyms) -> None:
    for call in message.tool_calls:
        learn_fields(call.arguments, session, call.name)
    learn_text(message.content or "", session, message.name or "")


def open_redactor(recipe: Recipe | None = None) -> Redactor:
    """The redactor of a recipe (of none: only patterns and fields), under this home's key."""
    if recipe is None:
        return Redactor((), read_key(get_settings().home))
    references = _read_references(recipe)
    return Redactor(recipe.names, read_key(get_settings().home), recipe.policy, references, read_plugs(recipe))


def _read_references(recipe: Recipe) -> re.Pattern[str] | None:
    given = {"references": recipe.settings.get("privacy", {}).get("references")}
    try:
        pattern = PrivacySection.model_validate(given).references
    except ValidationError as error:
        raise explain(f"[privacy] of {recipe.folder / 'build.toml'}", error) from error
    return None if pattern is None else re.compile(pattern)


def find_personal_data(text: str, names: tuple[str, ...] = ()) -> list[Finding]:
    """What in a text (prose or JSON) is still personal; placeholders are not."""
    return _checker(names).find(text)


_checkers: dict[tuple[str, ...], Redactor] = {}


def _checker(names: tuple[str, ...]) -> Redactor:
    # Looking needs no key: nothing that it finds is hashed.
    if names not in _checkers:
        _checkers[names] = Redactor(names, b"")
    return _checkers[names]
