"""What a session remembers, and how its privacy shield is rebuilt after a restart.

Invariant: a shield that was rebuilt gives the same placeholders as before, or the session ends.
"""

from __future__ import annotations

from agent_factory.agent.shielding import ShieldLike
from agent_factory.contracts.message import Message
from agent_factory.contracts.record import Json
from agent_factory.contracts.session import Heard, SessionMemory, SessionTurn
from agent_factory.core.error import ConflictError


class RememberingShield:
    """A shield that writes down what it was shown, so that it can be shown the same again."""

    def __init__(self, shield: ShieldLike) -> None:
        self._shield = shield
        self.heard: list[Heard] = []

    @property
    def pseudonyms(self) -> dict[str, str]:
        """Placeholder → keyed hash."""
        return self._shield.pseudonyms

    def hide_message(self, message: Message) -> Message:
        """A message of the user's as the model may see it."""
        self.heard.append(Heard(method="message", text=message.content or ""))
        return self._shield.hide_message(message)

    def hide_text(self, text: str) -> str:
        """Prose as the model may see it."""
        self.heard.append(Heard(method="text", text=text))
        return self._shield.hide_text(text)

    def hide_json_text(self, text: str, source: str = "") -> str:
        """A tool's result as the model may see it."""
        self.heard.append(Heard(method="json", text=text, source=source))
        return self._shield.hide_json_text(text, source)

    def reveal_text(self, text: str) -> str:
        """The model's words as the user reads them."""
        return self._shield.reveal_text(text)

    def reveal_json(self, arguments: Json) -> Json:
        """Tool arguments as the tool needs them."""
        return self._shield.reveal_json(arguments)

    def recall(self, memory: SessionMemory) -> None:
        """Hear again all that the session has heard; ConflictError if that gives other placeholders."""
        for heard in memory.heard:
            if heard.method == "message":
                self.hide_message(Message(role="user", content=heard.text))
            elif heard.method == "text":
                self.hide_text(heard.text)
            else:
                self.hide_json_text(heard.text, heard.source)
        if self.pseudonyms != memory.pseudonyms:
            raise ConflictError(
                f"session {memory.session!r} cannot go on: the names or the key that redaction uses have changed "
                "since its last turn, so its placeholders no longer mean the same. Open a new session."
            )


def memory_id(session: str) -> str:
    """The id of a session's memory."""
    return f"{session}-memory"


def remember(
    memory: SessionMemory,
    shield: RememberingShield,
    *,
    turn: SessionTurn,
    world: Json | None,
    answer: str | None,
) -> SessionMemory:
    """The memory after a finished turn."""
    return skip(hear(memory, shield), turn).model_copy(
        update={
            "trace": turn.trace,
            "world": world,
            "answers": memory.answers if answer is None else {**memory.answers, str(turn.number): answer},
        }
    )


def hear(memory: SessionMemory, shield: RememberingShield) -> SessionMemory:
    """The memory as it must be for a shield to be rebuilt in the middle of a turn."""
    return memory.model_copy(update={"heard": tuple(shield.heard), "pseudonyms": dict(shield.pseudonyms)})


def skip(memory: SessionMemory, turn: SessionTurn) -> SessionMemory:
    """The memory after a turn that left nothing to remember but its number and key."""
    keys = memory.keys if turn.key is None else {**memory.keys, turn.key: turn.number}
    return memory.model_copy(update={"turns": turn.number, "keys": keys})


def forget(memory: SessionMemory) -> SessionMemory:
    """The memory without anything personal: what is left when a session is closed."""
    return memory.model_copy(update={"world": None, "heard": (), "pseudonyms": {}, "answers": {}})
