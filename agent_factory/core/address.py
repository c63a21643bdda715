"""Addresses of databases, buckets and servers, as messages and pages may show them.

Invariant: what is shown has no password, neither before the host nor among the parameters.
"""

from __future__ import annotations

import re

_HIDDEN = "***"
_BEFORE_HOST = re.compile(r"(?<=://)([^/:@\s]*):\S*@")
_PARAMETER = re.compile(r"(?i)([?&;][^=&;\s]*(?:pass|pwd|secret|token|key|sig)[^=&;\s]*=)[^&;\s]*")


def hide_password(url: str) -> str:
    """The address with ``***`` in place of each password, key or token."""
    return _PARAMETER.sub(rf"\g<1>{_HIDDEN}", _BEFORE_HOST.sub(rf"\g<1>:{_HIDDEN}@", url))
