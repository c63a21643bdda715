"""The held-out opening that a row is nearest to is the one that is told, not the one it shares most words with."""

from __future__ import annotations

from agent_factory.data.leak import _Wording

SHORT = "Please cancel the order that I placed last week because my cat does not like the colour of the blanket"
LONG = (
    f"{SHORT} today and also tell me where the parcel of the other order is since I have waited for it for three weeks "
    "now without any word from your kind company or the post"
)


def test_a_longer_opening_that_shares_more_words_hides_no_nearer_one() -> None:
    wording = _Wording()
    wording.add("long", LONG)
    wording.add("short", SHORT)
    assert wording.find(f"{SHORT} today") == ("short", "near opening")
    assert wording.find(f"Hello, {LONG}") == ("long", "near opening")
    assert wording.find("Please cancel my order") is None
