"""The pools: what may run at once, as ``recipes/pools.toml`` says it.

Invariant: the three pools ``inference``, ``training`` and ``environment`` are there; every pool has
a limit of one slot at least.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent_factory.contracts.compute import Pool
from agent_factory.core.error import InputError, NotFoundError
from agent_factory.core.settings import get_settings

REQUIRED = ("inference", "training", "environment", "data")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def read_pools(recipes: Path | None = None, held: Mapping[str, int] | None = None) -> tuple[Pool, ...]:
    """The pools of ``pools.toml`` in its order, with ``held`` slots (by pool; a file alone holds none).

    Raises InputError, naming file and key, where the file is not as expected.
    """
    path = (recipes or get_settings().recipes) / "pools.toml"
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there is no {path}: it must hold the limits of the pools {', '.join(REQUIRED)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    for name in REQUIRED:
        if name not in found:
            raise InputError(f"{path} has no pool {name!r}: add a table [{name}] with a limit")
    limits = {name: _read_limit(path, name, body) for name, body in found.items()}
    taken = held or {}
    return tuple(Pool(name=name, limit=limit, held=taken.get(name, 0)) for name, limit in limits.items())


def find_pool(name: str, recipes: Path | None = None) -> Pool:
    """The pool of that name; NotFoundError lists the ones there are."""
    pools = read_pools(recipes)
    for pool in pools:
        if pool.name == name:
            return pool
    raise NotFoundError(f"there is no pool {name!r}; pools.toml has: {', '.join(pool.name for pool in pools)}")


def _read_limit(path: Path, name: str, body: Any) -> int:
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{path}: {name!r} is not a pool's name: small letters, digits, '_' and '-', 32 characters at most"
        )
    if not isinstance(body, dict):
        raise InputError(f"{path}: {name!r} is {body!r}, expected a table [{name}] with a limit")
    unknown = sorted(set(body) - {"limit"})
    if unknown:
        raise InputError(f"{path}: [{name}] has the unknown key {unknown[0]!r}; the only key is 'limit'")
    limit = body.get("limit")
    if type(limit) is not int or limit < 1:
        raise InputError(f"{path}: {name}.limit is {limit!r}, expected a whole number of 1 at least")
    return limit
