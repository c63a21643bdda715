"""JSON stays JSON of the same shape, wherever it stands, and its keys tell what its values are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_factory.privacy.redactor import Redactor

SECRET = "Zk83hQpLw02mXv7TyB4c"
TEXTS = st.sampled_from(
    [
        "kim@example.org",
        "KIM@example.org",
        "+44 20 7946 0123",
        "My name is Aino Aalto, call 020 7946 0123",
        "4012888888881881",
        "11010519491231002X",
        '{"phone": "+44 20 7946 0123"}',
        'see {"e_mail": "kim@example.org"} above',
        "<EMAIL_3>",
        "2026-11-20",
        "",
        "plain",
        "{",
        '"',
        "\\",
    ]
)
KEYS = st.one_of(
    st.sampled_from(
        ["email", "name", "phone", "姓名", "password", "order_id", "note", "kim@example.org", "KIM@example.org"]
    ),
    st.text(max_size=6),
)
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.just(4012888888881881))
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.text(max_size=12))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=20,
)


def _shape(value: Any) -> Any:
    """Structure, booleans and nulls; strings and numbers (which may become strings) as one."""
    if isinstance(value, dict):
        return [_shape(item) for item in value.values()]
    if isinstance(value, list):
        return [[_shape(item)] for item in value]
    return value if value is None or isinstance(value, bool) else "scalar"


WRITTEN = [
    (
        "{'customer': {'name': 'Kaja Ödman', 'vip': True}, 'n': None}",
        "{'customer': {'name': '<PERSON_1>', 'vip': True}, 'n': None}",
    ),
    ("got {'customer': {'name': 'Kaja Ödman'}} back", "got {'customer': {'name': '<PERSON_1>'}} back"),
    ("[{'e_mail': 'k@x.example', 'path': 'C:\\d'}]", "[{'e_mail': '<EMAIL_1>', 'path': 'C:\\\\d'}]"),
    ("{'item': {'name': 'Desk Lamp', 'price': (1, 2)}}", None),
    ("{'cut': {'name': 'Desk Lamp'", None),
    ("{'a': <obj>, 'b': open('x')}", None),
    (
        "<client><name>Kaja Ödman</name><city>Oslo</city></client>",
        "<client><name><PERSON_1></name><city>Oslo</city></client>",
    ),
    ("<x:fullName>\n Kaja Ödman </x:fullName><br>", "<x:fullName>\n <PERSON_1> </x:fullName><br>"),
    ("<product><name>Desk Lamp</name><price>3</price></product>", None),
    ("<a><name>Kaja</a></b> 1 < 2 </", None),
    ('[["name","email"],["Kaja Ödman","k@x.example"]]', '[["name","email"],["<PERSON_1>","<EMAIL_1>"]]'),
    (
        '{"rows": [["姓名", "n"], ["张雨桐", 1], ["李雷", null]]}',
        '{"rows": [["姓名", "n"], ["<PERSON_1>", 1], ["<PERSON_2>", null]]}',
    ),
    ('[["name","price"],["Desk Lamp","3"]]', None),
    ('[["name"],["Desk Lamp","3"]]', None),
]


@pytest.mark.parametrize(("text", "expected"), WRITTEN)
def test_python_xml_and_tables_are_walked_like_json(redactor: Redactor, text: str, expected: str | None) -> None:
    told = redactor.redact_any(text, redactor.open_session())
    assert told == (expected or text)
    assert redactor.redact_any(told, redactor.open_session()) == told


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, VALUES, max_size=5), st.sampled_from([None, 2, 4]))
def test_json_stays_json_of_the_same_shape(redactor: Redactor, body: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(body, indent=indent)
    redacted = redactor.redact_any(text, redactor.open_session())
    assert _shape(json.loads(redacted)) == _shape(body)
    assert "kim@example.org" not in redacted.casefold()
    assert redactor.redact_any(redacted, redactor.open_session()) == redacted


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
def test_json_in_prose_stays_json(redactor: Redactor, body: dict[str, Any]) -> None:
    redacted = redactor.redact_any(f"Result:\n```json\n{json.dumps(body)}\n```\nDone.", redactor.open_session())
    inner = redacted.removeprefix("Result:\n```json\n").removesuffix("\n```\nDone.")
    assert _shape(json.loads(inner)) == _shape(body)


def _redact(redactor: Redactor, value: Any, parent: str = "") -> Any:
    return redactor.redact_json(value, redactor.open_session(), parent)


@pytest.mark.parametrize(
    ("key", "value", "placeholder"),
    [
        ("姓名", "周杰", "<PERSON_1>"),
        ("consignee", "Aino Aalto", "<PERSON_1>"),
        ("mobilePhone", "7946 0123", "<PHONE_1>"),
        ("收货地址", "中关村大街", "<ADDRESS_1>"),
        ("身份证号", "123456199001011234", "<NATIONAL_ID_1>"),
        ("passport-number", "X1234567", "<NATIONAL_ID_1>"),
        ("生日", "1990-04-05", "<BIRTHDATE_1>"),
        ("remote_addr", "10.1.2.3", "<IP_1>"),
        ("userName", "gazer", "<USER_1>"),
        ("api_key", SECRET, "<SECRET_1>"),
        ("stripe_secret", SECRET, "<SECRET_1>"),
        ("db_password", "letmein", "<SECRET_1>"),
        ("Authorization", f"Bearer {SECRET}", "<SECRET_1>"),
        ("cvv", 123, "<SECRET_1>"),
    ],
)
def test_a_key_tells_what_its_value_is(redactor: Redactor, key: str, value: Any, placeholder: str) -> None:
    assert _redact(redactor, {key: value}) == {key: placeholder}


@pytest.mark.parametrize(
    "fields",
    [
        {"order_id": "4012888888881881"},
        {"tracking_number": "020 7946 0123"},
        {"version": "81.2.69.142"},
        {"created_at": "2024-05-20", "updatedAt": 1716212345678},
        {"sku": "415-555-0132", "quantity": 12},
        {"token": "EUR", "max_tokens": 4096, "secret": "optional"},
        {"name": "Garden Lantern", "价格": "24元"},
        {"name": "保温杯", "库存": 3},
        {"username": "system", "handle": "wooden"},
        {"uuid": "11010519-4912-3100-2000-000000000000"},
    ],
)
def test_what_a_key_calls_a_thing_stays(redactor: Redactor, fields: dict[str, Any]) -> None:
    assert _redact(redactor, fields) == fields


def test_prose_under_a_things_key_is_read_as_prose(redactor: Redactor) -> None:
    told = {"ticket": "Caller asks to be rung on 020 7946 0123 about order 4417"}
    assert _redact(redactor, told) == {"ticket": "Caller asks to be rung on <PHONE_1> about order 4417"}


def test_fields_of_json_inside_a_string_are_known_outside_of_it(redactor: Redactor) -> None:
    session = redactor.open_session()
    payload = json.dumps({"customer": {"full_name": "Ottoline Morrell", "phone": "79460123"}})
    redacted = redactor.redact_json({"note": "Ottoline, 7946 0123, waits", "payload": payload}, session)
    assert redacted["note"] == "<PERSON_1>, <PHONE_1>, waits"
    assert json.loads(redacted["payload"]) == {"customer": {"full_name": "<PERSON_1>", "phone": "<PHONE_1>"}}


def test_keys_that_become_the_same_do_not_swallow_a_field(redactor: Redactor) -> None:
    redacted = _redact(redactor, {"kim@example.org": 1, "KIM@EXAMPLE.org": 2})
    assert redacted == {"<EMAIL_1>": 1, "<EMAIL_1>#2": 2}


def test_numbers_with_check_digits_are_found_as_numbers(redactor: Redactor) -> None:
    assert _redact(redactor, {"value": 4012888888881881, "n": 4012888888881882}) == {
        "value": "<CARD_1>",
        "n": 4012888888881882,
    }


def test_indented_json_stays_indented(redactor: Redactor) -> None:
    text = '{\n    "email": "kim@example.org",\n    "n": 1\n}'
    assert redactor.redact_any(text, redactor.open_session()) == '{\n    "email": "<EMAIL_1>",\n    "n": 1\n}'
