"""What the loop asks of a privacy shield, and the shield that hides nothing.

``privacy.shield.Shield`` is the real one; scripted agents of a simulation go without.
"""

from __future__ import annotations

from typing import Protocol

from agent_factory.contracts.message import Message
from agent_factory.contracts.record import Json


class ShieldLike(Protocol):
    """Hides what goes to the model and reveals what comes from it."""

    @property
    def pseudonyms(self) -> dict[str, str]: ...

    def hide_message(self, message: Message) -> Message: ...

    def hide_text(self, text: str) -> str: ...

    def hide_json_text(self, text: str, source: str = "") -> str: ...

    def reveal_text(self, text: str) -> str: ...

    def reveal_json(self, arguments: Json) -> Json: ...


class NoShield:
    """Lets everything pass."""

    @property
    def pseudonyms(self) -> dict[str, str]:
        return {}

    def hide_message(self, message: Message) -> Message:
        return message

    def hide_text(self, text: str) -> str:
        return text

    def hide_json_text(self, text: str, source: str = "") -> str:
        return text

    def reveal_text(self, text: str) -> str:
        return text

    def reveal_json(self, arguments: Json) -> Json:
        return arguments
