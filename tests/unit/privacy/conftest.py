"""Redactors under a fixed key."""

from __future__ import annotations

import pytest

from agent_factory.privacy.redactor import Redactor

NAMES = ("Mia", "Li", "Olu", "Brandt", "Will", "Rose", "Kowalski")


@pytest.fixture(scope="session")
def redactor() -> Redactor:
    return Redactor(NAMES, b"k" * 32)
