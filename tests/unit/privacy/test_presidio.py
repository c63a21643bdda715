"""Presidio comes without model libraries, and other threads are not told that those are absent."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import agent_factory.privacy.redactor, agent_factory.privacy.shield
assert "presidio_analyzer" not in sys.modules
from agent_factory.privacy.redactor import Redactor
redactor = Redactor((), b"k")
assert redactor.redact_text("a@example.com", redactor.open_session()) == "<EMAIL_1>"
assert not {"torch", "transformers"} & set(sys.modules)
import importlib.util
assert importlib.util.find_spec("torch") is not None
"""


def test_redacting_imports_no_model_library() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
