"""Who sits before the labelling pages and timelines: a signed cookie that names the reviewer and the project.

The cookie is http-only and same-site; where the server has keys, it is
given to those who know one, and names the reviewer that the key names. Invariant: it cannot be made or
changed without the server's secret, ends with its key, and opens nothing but the pages of its project.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from agent_factory.api.keyring import Caller, Keyring
from agent_factory.contracts.record import Name, Part
from agent_factory.core.error import AccessError
from agent_factory.core.settings import Settings
from agent_factory.privacy.key import read_key

COOKIE = "factory_reviewer"
PAGES = "/label"
_TIMELINE = re.compile(r"/env/trace/[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}/(timeline|screenshot/[0-9a-f]{64})")
LOGIN = "/label/login"
LIFETIME_SECONDS = 12 * 3600


def is_page(path: str) -> bool:
    """Whether a person's browser asks for it: a labelling page, or the timeline of a trace and its pictures."""
    return path == PAGES or path.startswith(f"{PAGES}/") or is_timeline(path)


def is_timeline(path: str) -> bool:
    """Whether it is the timeline of a trace, or a picture on it."""
    return _TIMELINE.fullmatch(path) is not None


class Visitor(Part):
    """A reviewer at work in a project, until ``ends`` (seconds since 1970); ``key`` is the id of the key they gave."""

    reviewer: str = Field(min_length=1, max_length=200)
    project: Name
    ends: int
    key: str = ""


class Doorman:
    """Makes and reads cookies, and the tokens of forms, under a secret of this home."""

    def __init__(self, settings: Settings, keyring: Keyring) -> None:
        self._settings = settings
        self._keyring = keyring
        self._secret: bytes | None = None

    def admit(self, response: Response, request: Request, reviewer: str, project: str, caller: Caller | None) -> None:
        """Give the browser its cookie."""
        ends = int(time.time()) + LIFETIME_SECONDS
        visitor = Visitor(reviewer=reviewer, project=project, ends=ends, key=caller.id if caller else "")
        body = base64.urlsafe_b64encode(visitor.model_dump_json().encode()).decode()
        response.set_cookie(
            COOKIE,
            f"{body}.{self._sign('cookie', body)}",
            max_age=LIFETIME_SECONDS,
            path="/",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )

    def recognize(self, cookies: Mapping[str, str]) -> Visitor | None:
        """The visitor of a cookie that is ours and has not ended, nor its key."""
        body, _, signature = cookies.get(COOKIE, "").partition(".")
        if not body or not hmac.compare_digest(signature.encode(), self._sign("cookie", body).encode()):
            return None
        try:
            visitor = Visitor.model_validate_json(base64.urlsafe_b64decode(body))
        except (ValueError, ValidationError):
            return None
        return visitor if visitor.ends > time.time() and self._may_stay(visitor) else None

    def token(self, cookies: Mapping[str, str]) -> str:
        """What a form of this visitor must bring back, which no other site can know."""
        return self._sign("form", cookies.get(COOKIE, ""))

    def require_token(self, request: Request, given: str) -> None:
        """AccessError unless the form came from our page to this visitor."""
        require_same_origin(request)
        if not hmac.compare_digest(given.encode(), self.token(request.cookies).encode()):
            raise AccessError("the form is not from this page, or you signed in again since: open the page anew")

    def _may_stay(self, visitor: Visitor) -> bool:
        """Whether the key that was given still opens the project to that reviewer."""
        caller = self._keyring.find(visitor.key)
        if caller is None:
            return not self._keyring.keyed and not visitor.key
        opens = caller.projects is None or visitor.project in caller.projects
        return opens and caller.name in (None, visitor.reviewer)

    def _sign(self, purpose: str, text: str) -> str:
        if self._secret is None:
            self._secret = hmac.digest(read_key(self._settings.home), b"label pages", hashlib.sha256)
        return hmac.new(self._secret, f"{purpose} {text}".encode(), hashlib.sha256).hexdigest()


def require_same_origin(request: Request) -> None:
    """AccessError where the browser says that another site's page sent this."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise AccessError("the form was sent by another site's page: open /label itself")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise AccessError(f"the form was sent by a page of {origin!r}, not by this server's: open /label itself")
