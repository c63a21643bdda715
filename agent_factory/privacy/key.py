"""The key of the pseudonyms, which is the home's: see ``core.key``."""

from __future__ import annotations

from agent_factory.core.key import FILE_NAME, KEY_BYTES, read_key

__all__ = ["FILE_NAME", "KEY_BYTES", "read_key"]
