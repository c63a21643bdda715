"""Addresses of databases, buckets, servers and traces, as messages and pages may show them.

Invariant: what is shown has no password, neither before the host nor among the parameters.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from agent_factory.core.settings import get_settings

_HIDDEN = "***"
_BEFORE_HOST = re.compile(r"(?<=://)([^/:@\s]*):\S*@")
_PARAMETER = re.compile(r"(?i)([?&;][^=&;\s]*(?:pass|pwd|secret|token|key|sig)[^=&;\s]*=)[^&;\s]*")


def hide_password(url: str) -> str:
    """The address with ``***`` in place of each password, key or token."""
    return _PARAMETER.sub(rf"\g<1>{_HIDDEN}", _BEFORE_HOST.sub(rf"\g<1>:{_HIDDEN}@", url))


def timeline_url(trace_id: str, project: str) -> str:
    """Where people look at a trace: its timeline at the API of these settings."""
    return f"{get_settings().api_url}/env/trace/{quote(trace_id)}/timeline?project={quote(project)}"
