"""Between a live agent and its model: the model reads and writes placeholders, the world real values.

One shield serves one conversation. Invariant: what went to the model never changes afterwards, so
that its exact tokens stay true; a value that is learnt later is hidden from then on.
"""

from __future__ import annotations

from typing import Any

from agent_factory.contracts.message import Message
from agent_factory.contracts.record import Json
from agent_factory.privacy.document import reveal_fields
from agent_factory.privacy.redactor import Redactor


class Shield:
    """Hides what goes to the model and reveals what comes from it."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._session = redactor.open_session()

    @property
    def pseudonyms(self) -> dict[str, str]:
        """Placeholder → keyed hash, for the trace."""
        return self._session.hashes

    def hide_message(self, message: Message) -> Message:
        """A message from the world (or the past) as the model may see it."""
        return self._redactor.redact_message(message, self._session)

    def hide_text(self, text: str) -> str:
        """Prose as the model may see it."""
        return self._redactor.redact_text(text, self._session)

    def hide_json_text(self, text: str, source: str = "") -> str:
        """A tool's result as the model may see it: JSON is walked; ``source`` names the tool."""
        return self._redactor.redact_any(text, self._session, source)

    def hide_json(self, value: Any, source: str = "") -> Any:
        """A JSON value as the model may see it."""
        return self._redactor.redact_json(value, self._session, source)

    def reveal_text(self, text: str) -> str:
        """The model's words as the user reads them; an unknown placeholder stays."""
        return self._session.reveal(text)

    def reveal_json(self, arguments: Json) -> Json:
        """Tool arguments as the tool needs them; ``first_name`` gets a first name."""
        return reveal_fields(arguments, self._session)

    def reveal_message(self, message: Message) -> Message:
        """A message of the model with its content and tool arguments revealed."""
        calls = tuple(
            call.model_copy(update={"arguments": self.reveal_json(call.arguments)}) for call in message.tool_calls
        )
        content = message.content and self.reveal_text(message.content)
        return message.model_copy(update={"content": content, "tool_calls": calls})
