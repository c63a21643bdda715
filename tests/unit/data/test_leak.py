"""Openings near to a held-out one are found in every script; of several the nearest is the one that is told."""

from __future__ import annotations

import pytest

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


CHINESE = "我的订单<REF_1>一直没有收到,请帮我查一下物流信息,谢谢"
JAPANESE = "注文した<REF_1>のランプがまだ届いていません。配送状況を調べていただけますか"


@pytest.mark.parametrize(
    ("held_out", "said"),
    [
        (CHINESE, CHINESE.removesuffix(",谢谢")),
        (CHINESE, f"您好,{CHINESE}"),
        (CHINESE, CHINESE.replace("收到", "看到")),
        (JAPANESE, f"すみません、{JAPANESE}"),
        (JAPANESE, JAPANESE.replace("まだ", "全然")),
        (SHORT, SHORT.replace("cat", "dog")),
        (SHORT, SHORT.replace("placed", "made")),
    ],
)
def test_an_opening_with_little_changed_is_near_in_every_script(held_out: str, said: str) -> None:
    wording = _Wording()
    wording.add("held-out", held_out)
    assert wording.find(said) == ("held-out", "near opening")


@pytest.mark.parametrize(
    ("held_out", "said"),
    [
        (CHINESE, "您好,我想取消订单<REF_1>,谢谢"),
        (CHINESE, "我的订单<REF_1>收到了,但是灯坏了,请帮我办理退货"),
        (JAPANESE, "注文した<REF_1>のランプを返品したいです。返金していただけますか"),
        (SHORT, "Please cancel the order that I placed last week, and send me the money back to my card"),
    ],
)
def test_another_request_in_like_words_is_not_near(held_out: str, said: str) -> None:
    wording = _Wording()
    wording.add("held-out", held_out)
    assert wording.find(said) is None
