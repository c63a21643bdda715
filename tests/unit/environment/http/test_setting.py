"""The settings of the HTTP kind: what a backend would not look at is refused."""

import pytest

from agent_factory.core.error import InputError
from agent_factory.environment.http.setting import read_section

LIVE = {"backend": "live", "url": "https://shop.example/api", "allow": ["https://shop.example"]}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"backend": "tape"}, "backend in build.toml: Input should be 'simulator', 'cassette' or 'live'"),
        ({"backend": "cassette"}, "needs cassette"),
        ({"cassette": "a.jsonl"}, "backend = 'simulator' has no 'cassette'"),
        ({"backend": "cassette", "cassette": "a.jsonl", "record": "b.jsonl"}, "not recorded again"),
        ({"backend": "live"}, "needs url"),
        ({"url": "https://x"}, "'simulator' has no 'url'"),
        ({**LIVE, "allow": []}, "origin 'https://shop.example:443', which allow does not list"),
        ({**LIVE, "url": "https://me:secret@shop.example"}, "without password"),
        ({**LIVE, "allow": ["shop.example"]}, "'shop.example' is no origin"),
        ({**LIVE, "allow": ["https://shop.example/api"]}, "is no origin"),
        ({**LIVE, "allow": ["ftp://shop.example"]}, "is no origin"),
        ({**LIVE, "max_bytes": 0}, "max_bytes"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, told):
    with pytest.raises(InputError) as refusal:
        read_section(settings, "shop")

    assert str(refusal.value).startswith("recipe 'shop': [environment.settings.http]")
    assert told in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_the_simulator_answers_where_nothing_is_said():
    assert read_section({}, "shop").backend == "simulator"


def test_an_origin_tells_its_port():
    assert read_section(LIVE, "shop").allow == ("https://shop.example:443",)
