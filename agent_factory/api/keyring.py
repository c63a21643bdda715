"""The keys of the API: which projects each opens, and whose it is.

Model: the operator's key (``AGENT_FACTORY_API_KEY``) opens every project; a file (``AGENT_FACTORY_API_KEYS``)
has further ones by their SHA-256, each with the projects that it opens and, where it is a person's, their name.
Invariants: no key is kept, told or logged, only its digest is; what is given is compared with every key, so
that the time taken says nothing; a person who has a key is spoken for by nobody else, nor under a name that looks like
theirs.
"""

from __future__ import annotations

import hashlib
import hmac
import stat
import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from agent_factory.api.reviewer import is_comparable, read_name, skeleton
from agent_factory.contracts.record import Name, Part
from agent_factory.core.error import ForbiddenError, InputError
from agent_factory.core.settings import Settings


class Caller(Part):
    """Who holds a key; one without ``projects`` is the operator's, which opens all."""

    digest: str = Field(pattern="^[0-9a-f]{64}$")
    projects: tuple[Name, ...] | None = Field(default=None, min_length=1)
    name: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^\S+( \S+)*$")

    @property
    def id(self) -> str:
        """What a cookie calls the key by."""
        return self.digest[:32]

    def choose(self, asked: str | None, default: str) -> str:
        """The project to work in: the one asked for, else ``default``, else the key's only one.

        ForbiddenError where the key does not open it; of whether there is such a project it tells nothing.
        """
        if self.projects is None:
            return asked or default
        only = self.projects[0] if len(self.projects) == 1 else default
        wanted = asked or (default if default in self.projects else only)
        if wanted not in self.projects:
            opened = ", ".join(self.projects)
            raise ForbiddenError(f"this key does not open project {wanted!r}; it opens {opened}: name one in X-Project")
        return wanted


class _File(Part):
    key: tuple[Caller, ...]


class Keyring:
    """All keys of a server. One without any answers this machine alone: see ``guard``."""

    def __init__(self, callers: Sequence[Caller] = ()) -> None:
        self._callers = tuple(callers)
        self._names = {skeleton(caller.name): caller.name for caller in callers if caller.name}

    @property
    def keyed(self) -> bool:
        """Whether a key is asked for."""
        return bool(self._callers)

    def recognize(self, key: str) -> Caller | None:
        """Whose key it is, or None."""
        digest = _digest(key)
        found: Caller | None = None
        for caller in self._callers:
            if hmac.compare_digest(caller.digest, digest):
                found = caller
        return found

    def find(self, key_id: str) -> Caller | None:
        """The caller whose key has that ``id``, while it is valid."""
        return next((caller for caller in self._callers if caller.id == key_id), None)

    def sign(self, caller: Caller | None, *claimed: str | None) -> str:
        """The name that a person's word is kept under: that of their key, else the one that is claimed.

        ForbiddenError where the name is another's, looks like it or may do so unseen; InputError where there is
        none, since no word is anonymous, where two claims differ, and where it is no name (see ``read_name``).
        """
        names = [read_name(name) for name in claimed if name and name.strip()]
        if caller is not None and caller.name is not None:
            for said in names:
                if said.casefold() != read_name(caller.name).casefold():
                    raise ForbiddenError(
                        f"this key is that of {caller.name!r}, who cannot speak as {said!r}: name nobody"
                    )
            return caller.name
        if not names:
            raise InputError("it does not say whose word it is: name the person, or send the header X-Reviewer")
        if len(set(names)) > 1:
            raise InputError(
                f"the body says that it is the word of {names[0]!r}, the header X-Reviewer that of {names[1]!r}: "
                "name one"
            )
        said = names[0]
        if self._names and not is_comparable(said):
            raise ForbiddenError(
                f"{said!a} has letters that cannot be compared with the names of those who have keys here: write it "
                "in letters of a script in wide use"
            )
        if owner := self._names.get(skeleton(said)):
            told = (
                "has" if said.casefold() == read_name(owner).casefold() else "looks like the name of somebody who has"
            )
            raise ForbiddenError(f"{said!r} {told} a key of their own: nobody speaks for them without it")
        return said


def open_keyring(settings: Settings) -> Keyring:
    """The keys of the settings; InputError where the file of keys cannot be read, is wrong, or is open to others."""
    callers = [] if settings.api_keys is None else list(_read_file(settings.api_keys))
    if settings.api_key is not None:
        callers.append(Caller(digest=_digest(settings.api_key.get_secret_value())))
    twice = len(callers) - len({caller.digest for caller in callers})
    if twice:
        raise InputError(
            f"AGENT_FACTORY_API_KEYS: {twice} keys stand there twice, or are the operator's: keep one of each"
        )
    return Keyring(callers)


def _read_file(path: Path) -> tuple[Caller, ...]:
    where = f"AGENT_FACTORY_API_KEYS names {str(path)!r}"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{where}, which cannot be read: {error}") from error
    if mode & 0o077:
        raise InputError(f"{where}, which has mode {mode:o}: others may read or change it; chmod 600 {path}")
    try:
        found = _File.model_validate(tomllib.loads(text)).key
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}, which is not TOML: {error}") from error
    except ValidationError as error:
        # Values are not shown: somebody may have written a key where its digest belongs.
        told = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise InputError(
            f"{where}, which is not as expected: {told}. A [[key]] has digest, projects and name"
        ) from error
    if not found or any(caller.projects is None for caller in found):
        raise InputError(f'{where}, where every [[key]] must say which projects it opens: projects = ["…"]')
    for name in filter(None, (caller.name for caller in found)):
        read_name(name)  # a name that nobody can sign with
    return found


def _digest(key: str) -> str:
    return hashlib.sha256(key.strip().encode()).hexdigest()
