"""Who was forgotten in a project, for those who read traces: nothing about them before they asked is taken."""

from __future__ import annotations

from datetime import datetime

from agent_factory.contracts.forgetting import Forgetting, Tombstone
from agent_factory.contracts.trace import Trace
from agent_factory.core.burial import name_tombstone
from agent_factory.core.store import Store
from agent_factory.privacy.label import label_of


class Forgotten:
    """Looks whether a trace is one that was forgotten, or is about someone who was forgotten after it began."""

    def __init__(self, store: Store, project: str) -> None:
        self._project = project
        self._asked: dict[str, datetime] = {}
        for record in store.find(Forgetting, project=project):
            for subject in record.subjects:
                self._asked[subject] = max(record.asked_at, self._asked.get(subject, record.asked_at))
        self._tombs = {tomb.id for tomb in store.find(Tombstone, project=project)} if self._asked else set[str]()

    def holds(self, trace: Trace) -> bool:
        """Whether nothing may be made of the trace."""
        if not self._asked:
            return False
        names = {f"{label_of(name)}:{found}" for name, found in trace.pseudonyms.items()}
        if any(name in self._asked and trace.started_at <= self._asked[name] for name in names):
            return True
        told = [name_tombstone(self._project, "trace", trace.id)]
        if trace.session_id is not None:
            told.append(name_tombstone(self._project, "session", trace.session_id))
        return not self._tombs.isdisjoint(told)
