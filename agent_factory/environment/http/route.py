"""Which tool a request belongs to, by the routes of an OpenAPI document.

Invariant: a request that names a path literally is never taken for one with a parameter in its place.
"""

from __future__ import annotations

import re

import httpx

from agent_factory.agent.openapi import OpenApiTools


class Routes:
    """The tools of a document by method and path; ``base`` is the path that the server puts before them."""

    def __init__(self, tools: OpenApiTools, base: str = "") -> None:
        self._base = base.rstrip("/")
        operations = sorted(tools.operations.values(), key=lambda operation: operation.path.count("{"))
        self._known = [(one.method.upper(), _compile(one.path), one.name) for one in operations]

    def find_tool(self, request: httpx.Request) -> str | None:
        """The tool that a request calls; None where it calls none, as a page's style sheet."""
        path = request.url.raw_path.partition(b"?")[0].decode("ascii")
        if not path.startswith(self._base):
            return None
        rest = path[len(self._base) :]
        return next(
            (tool for method, way, tool in self._known if method == request.method and way.fullmatch(rest)), None
        )


def _compile(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]*\}", path)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))
