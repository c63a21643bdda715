"""One key a home, whoever comes first, readable by its owner alone."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent_factory.core.error import StorageError
from agent_factory.privacy.key import FILE_NAME, read_key


def test_many_at_once_read_one_key(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: read_key(home), range(32)))
    assert len(keys) == 1
    assert stat.S_IMODE((home / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir()] == [FILE_NAME]


def test_damaged_key_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"short")
    with pytest.raises(StorageError, match="has 5 bytes, expected 32"):
        read_key(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == b"short"
