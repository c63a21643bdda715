"""Equal contents have equal digests, whatever their order of keys; other contents have others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_factory.core.digest import canonical_json, digest_folder, digest_json, digest_rows

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), JSON, max_size=4))
def test_order_of_keys_does_not_show(value: dict[str, object]) -> None:
    turned = dict(reversed(value.items()))
    assert digest_json(value) == digest_json(turned)
    assert digest_json(value) != digest_json({**value, "another key": 1})


def test_known_digest_and_form() -> None:
    assert canonical_json({"b": 1, "a": ["ü", None]}) == '{"a":["ü",null],"b":1}'
    assert digest_json({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_rows_are_told_apart_by_order_and_bounds() -> None:
    assert digest_rows(["a", "b"]) != digest_rows(["b", "a"])
    assert digest_rows(["ab"]) != digest_rows(["a", "b"])
    assert digest_rows(iter([1, 2])) == digest_rows([1, 2])


def test_folder_digest_sees_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = digest_folder(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert digest_folder(tmp_path) != first
    with pytest.raises(FileNotFoundError):
        digest_folder(tmp_path / "gone")
