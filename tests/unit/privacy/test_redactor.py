"""What must vanish vanishes, what only looks alike stays, and the same value is the same placeholder."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_factory.contracts import Message, Outcome, Step, TokenTrace, ToolCall, Trace
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe
from agent_factory.privacy.redactor import Redactor, find_personal_data, open_redactor

WHEN = datetime(2026, 11, 20, tzinfo=UTC)

CANARIES = [
    ("write to mia.li+shop@mail.example.co.uk today", "mia.li+shop@mail.example.co.uk", "EMAIL"),
    ("my address is x@intranet.test", "x@intranet.test", "EMAIL"),
    ("call me at +1 212 555 0155", "+1 212 555 0155", "PHONE"),
    ("call me at (415) 555-0132", "(415) 555-0132", "PHONE"),
    ("my number is +49 30 901820 please", "+49 30 901820", "PHONE"),
    ("my phone is 4155550132", "4155550132", "PHONE"),
    ("card 4111 1111 1111 1111 please", "4111 1111 1111 1111", "CARD"),
    ("charge the Visa ending in 7447", "7447", "CARD"),
    ("IBAN DE89 3704 0044 0532 0130 00 thanks", "DE89 3704 0044 0532 0130 00", "IBAN"),
    ("from 192.168.13.7 yesterday", "192.168.13.7", "IP"),
    ("my ssn is 536-90-4399", "536-90-4399", "SSN"),
    ("born on April 5, 1990 in June", "April 5, 1990", "BIRTHDATE"),
    ("Date of Birth: 1957-03-21", "1957-03-21", "BIRTHDATE"),
    ("send it to 975 Sunset Drive, Suite 217, Austin, TX 78750.", "975 Sunset Drive", "ADDRESS"),
    ("send it to 12 elm street", "12 elm street", "ADDRESS"),
    ("Ich wohne Hauptstraße 12, 10115 Berlin", "Hauptstraße 12", "ADDRESS"),
    ("the zip code is 78750", "78750", "ADDRESS"),
    ("hello, MIA LI here", "MIA LI", "PERSON"),
    ("my name is Johannes Krüger", "Johannes Krüger", "PERSON"),
    ("thanks, Will", "Will", "PERSON"),
    ("ask Mrs. Zhang", "Zhang", "PERSON"),
    ("my user ID is mia_li_3668", "mia_li_3668", "USER"),
]

LOOK_ALIKES = [
    "Where is order 4417? It was 4155550132 before.",
    "Order W2378156, item 765, tracking HAT069, payment credit_card_4421486.",
    "Delivered on 2024-05-20, ordered 05/18/2024.",
    "It costs $19122.50 or 1,250 euros for 3 lamps.",
    "Will you refund me? A rose, and free will.",
    "Flight at 06:00:00, version 2.11.3, ratio 1:2:3.",
    "The last four orders were 4417, 4418, 4419 and 4420.",
    "I am Very happy with drive 5 and the way it works.",
    "The flight to MIA costs 51 EUR.",
    "reservation NO6JO3 at noon, code <PERSON> and 100%",
]


@pytest.mark.parametrize(("text", "value", "label"), CANARIES)
def test_personal_data_vanishes(redactor: Redactor, text: str, value: str, label: str) -> None:
    redacted = redactor.redact_text(text, redactor.open_session())
    assert value not in redacted
    assert f"<{label}_1>" in redacted


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_look_alikes_stay(redactor: Redactor, text: str) -> None:
    assert redactor.redact_text(text, redactor.open_session()) == text


def test_same_value_has_one_placeholder_however_it_is_written(redactor: Redactor) -> None:
    session = redactor.open_session()
    told = "Mia Li, mia, mia.li@example.com, Mia.Li@Example.com, +1 415 555 0132, call (415) 555-0132, Olu"
    assert redactor.redact_text(told, session) == (
        "<PERSON_1>, <PERSON_1>, <EMAIL_1>, <EMAIL_1>, <PHONE_1>, call <PHONE_1>, <PERSON_2>"
    )


def test_first_name_met_alone_becomes_the_full_person(redactor: Redactor) -> None:
    session = redactor.open_session()
    assert redactor.redact_text("I'm Mia", session) == "I'm <PERSON_1>"
    assert (
        redactor.redact_any('{"customer": {"name": "Mia Kowalski"}}', session) == '{"customer": {"name": "<PERSON_1>"}}'
    )
    assert session.reveal("<PERSON_1>") == "Mia Kowalski"
    assert session.hashes == {"<PERSON_1>": redactor.hash_of("PERSON", "mia  KOWALSKI")}


def test_pseudonyms_join_across_traces_and_part_under_another_key(redactor: Redactor) -> None:
    one, two = redactor.open_session(), redactor.open_session()
    redactor.redact_text("a@example.com and mia.li@example.com", one)
    redactor.redact_text("MIA.LI@example.com", two)
    assert one.hashes["<EMAIL_2>"] == two.hashes["<EMAIL_1>"]
    assert len(two.hashes["<EMAIL_1>"]) == 16
    other = Redactor((), b"x" * 32)
    assert other.hash_of("EMAIL", "mia.li@example.com") != redactor.hash_of("EMAIL", "mia.li@example.com")


def test_text_with_placeholders_stays_and_numbers_go_on_above(redactor: Redactor) -> None:
    session = redactor.open_session()
    assert redactor.redact_text("<EMAIL_3> wrote to <PERSON_1>", session) == "<EMAIL_3> wrote to <PERSON_1>"
    assert redactor.redact_text("a@example.com", session) == "<EMAIL_4>"


def test_json_is_walked_by_key_and_stays_json(redactor: Redactor) -> None:
    body = {
        "order_id": "4417",
        "total": 42.5,
        "items": [{"name": "Blue Kettle", "price": 20}],
        "customer": {"name": "Xenia Ypsilon", "dob": "1990-04-05", "phone": 2125550155, "address": "12 Mill Street"},
        "payment": {"id": "credit_card_4421486", "last_four": "7447"},
        "ordered": "2024-05-20",
        "note": 'say "hi" to Xenia\nat 12 Mill Street',
        "nested": json.dumps({"email": "x@example.com"}),
        "none": None,
        "paid": True,
    }
    redacted = json.loads(redactor.redact_any(json.dumps(body), redactor.open_session()))
    assert redacted["customer"] == {
        "name": "<PERSON_1>",
        "dob": "<BIRTHDATE_1>",
        "phone": "<PHONE_1>",
        "address": "<ADDRESS_1>",
    }
    assert redacted["payment"] == {"id": "credit_card_4421486", "last_four": "<CARD_1>"}
    assert redacted["note"] == 'say "hi" to <PERSON_1>\nat <ADDRESS_1>'
    assert json.loads(redacted["nested"]) == {"email": "<EMAIL_1>"}
    for key in ("order_id", "total", "items", "ordered", "none", "paid"):
        assert redacted[key] == body[key]


def test_json_keeps_its_style_and_prose_in_brackets_is_prose(redactor: Redactor) -> None:
    session = redactor.open_session()
    assert redactor.redact_any('{"a":1,"email":"a@example.com"}', session) == '{"a":1,"email":"<EMAIL_1>"}'
    unchanged = '{ "a" : 1.50 }'
    assert redactor.redact_any(unchanged, session) == unchanged
    assert redactor.redact_any("[see a@example.com]", session) == "[see <EMAIL_1>]"
    assert redactor.redact_any("[" * 5000 + "a@example.com" + "]" * 5000, session).count("<EMAIL_1>") == 1


def test_name_of_a_thing_stays(redactor: Redactor) -> None:
    session = redactor.open_session()
    assert redactor.redact_json({"name": "Garden Bench"}, session, "search_product") == {"name": "Garden Bench"}
    assert redactor.redact_json({"name": "Garden Bench", "stock": 4}, session) == {"name": "Garden Bench", "stock": 4}
    assert redactor.redact_json({"name": "Yara Sanchez"}, session, "find_customer") == {"name": "<PERSON_1>"}


def _trace(*messages: Message, **fields: object) -> Trace:
    steps: list[Step] = []
    seen: list[Message] = []
    for message in messages:
        if message.role == "assistant":
            steps.append(Step(index=len(steps), observation=tuple(seen), action=message))
            seen = []
        else:
            seen.append(message)
    return Trace(
        id="t1",
        created_at=WHEN,
        started_at=WHEN,
        source="production",
        steps=tuple(steps),
        closing=tuple(seen),
        **fields,
    )


def _raw() -> Trace:
    call = ToolCall(id="c1", name="get_customer", arguments={"user_id": "yara_sanchez_17"})
    return _trace(
        Message(role="user", content="Yara here, mail y@example.org, order 4417."),
        Message(role="assistant", tool_calls=(call,)),
        Message(
            role="tool",
            tool_call_id="c1",
            name="get_customer",
            content='{"first_name": "Yara", "last_name": "Sanchez", "dob": "1990-04-05", "orders": ["4417"]}',
        ),
        Message(role="assistant", content="Thanks Yara Sanchez (born 4/5/1990), order 4417 is on its way."),
        Message(role="user", content="Write to y@example.org"),
        system="You talk to Yara Sanchez.",
        metadata={"email": "y@example.org", "level": "L1"},
        outcome=Outcome(success=False, reward=0, graded_by="g", reasons=("did not tell Yara",)),
        failure="y@example.org gave up",
        tokens=TokenTrace(ids=(1,), logprobs=(0.0,), loss_mask=(0,)),
    )


def test_trace_holds_no_personal_data_anywhere(redactor: Redactor) -> None:
    clean = redactor.redact_trace(_raw())
    text = clean.model_dump_json()
    for value in ("Yara", "Sanchez", "y@example.org", "1990", "yara"):
        assert value not in text
    assert [message.content for message in clean.messages()] == [
        "<PERSON_1> here, mail <EMAIL_1>, order 4417.",
        None,
        '{"first_name": "<PERSON_1>", "last_name": "<PERSON_1>", "dob": "<BIRTHDATE_1>", "orders": ["4417"]}',
        "Thanks <PERSON_1> (born <BIRTHDATE_1>), order 4417 is on its way.",
        "Write to <EMAIL_1>",
    ]
    assert clean.steps[0].action.tool_calls[0].arguments == {"user_id": "<USER_1>"}
    assert clean.metadata == {"email": "<EMAIL_1>", "level": "L1"}
    assert set(clean.pseudonyms) == {"<PERSON_1>", "<EMAIL_1>", "<BIRTHDATE_1>", "<USER_1>"}
    assert clean.tokens is None


def test_redacting_a_clean_trace_changes_nothing(redactor: Redactor) -> None:
    clean = redactor.redact_trace(_raw())
    assert redactor.redact_trace(clean) is clean
    assert not redactor.leftovers(clean)
    assert redactor.leftovers(_raw())["EMAIL"] > 0


def test_exact_tokens_stay_where_nothing_was_personal(redactor: Redactor) -> None:
    tokens = TokenTrace(ids=(1,), logprobs=(0.0,), loss_mask=(1,))
    trace = _trace(Message(role="assistant", content="Order 4417 is here."), tokens=tokens)
    assert redactor.redact_trace(trace).tokens == tokens


def test_the_recipes_own_policy_stays() -> None:
    policy = "Hand over to desk@shop.example."
    redactor = Redactor((), b"k" * 32, policy)
    trace = _trace(Message(role="assistant", content="Hello."), system=f"{policy}\n")
    assert redactor.redact_trace(trace).system == f"{policy}\n"
    assert not redactor.leftovers(trace)


def test_find_personal_data_tells_place_and_label() -> None:
    (found,) = find_personal_data("mail mia@example.com")
    assert (found.label, found.start, found.text) == ("EMAIL", 5, "mia@example.com")
    assert find_personal_data("mail <EMAIL_1>, order 4417") == []
    assert [f.label for f in find_personal_data("hello Mia", ("Mia",))] == ["PERSON"]
    assert [f.text for f in find_personal_data('{"full_name": "Xu Yz", "id": 4417}')] == ["Xu Yz"]


def test_open_redactor_makes_its_key_once(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    from agent_factory.core.settings import get_settings

    monkeypatch.setenv("AGENT_FACTORY_HOME", str(tmp_path))
    get_settings.cache_clear()
    try:
        assert open_redactor().hash_of("EMAIL", "a@b.c") == open_redactor().hash_of("EMAIL", "a@b.c")
    finally:
        get_settings.cache_clear()


PIECES = st.sampled_from(
    [text for text, _, _ in CANARIES]
    + LOOK_ALIKES
    + [
        "<PERSON_1>",
        "<EMAIL_7>",
        "Mia",
        " ",
        ".",
        "@",
        "+1 ",
        "12 ",
        "Street",
        "my name is ",
        "card ",
        '{"name": "',
        '"}',
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=6).map(" ".join))
def test_redacting_twice_is_redacting_once(redactor: Redactor, text: str) -> None:
    once = redactor.redact_any(text, redactor.open_session())
    assert redactor.redact_any(once, redactor.open_session()) == once


def test_reference_numbers_of_the_recipe_become_placeholders_and_are_revealed() -> None:
    redactor = Redactor((), b"k" * 32, references=re.compile(r"(?<![\w.,:/+-])\d{4}(?![\w:/-]|[.,]\d)"))
    session = redactor.open_session()
    said = redactor.redact_text("Order 4417, not 5520. It cost 1204.50 on 2026-11-20; call +1 212 555 0181.", session)
    told = redactor.redact_json({"order_id": "4417", "price": 4417, "orders": ["5520", "31"]}, session)
    assert said == "Order <REF_1>, not <REF_2>. It cost 1204.50 on 2026-11-20; call <PHONE_1>."
    assert told == {"order_id": "<REF_1>", "price": 4417, "orders": ["<REF_2>", "31"]}
    assert session.reveal("<REF_2>") == "5520"


@pytest.mark.parametrize(("pattern", "told"), [("(", "not a regular expression"), ("a*", "matches the empty text")])
def test_a_reference_pattern_that_is_none_names_the_file(tmp_path: Path, pattern: str, told: str) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "build.toml").write_text(f"[privacy]\nreferences = '{pattern}'\n")
    (folder / "names.txt").write_text("Mia\n")
    (folder / "policy.md").write_text("Be kind.\n")
    with pytest.raises(InputError, match=rf"\[privacy\] of .*build.toml .*references: .*{told}"):
        open_redactor(Recipe(folder))


@pytest.mark.parametrize(
    "piece",
    [
        "12 Main St ",
        "a@a.",
        "password: ",
        "00 ",
        "1 ",
        "+1 ",
        "Dear ",
        "<a ",
        '{"a":',
        "sk-",
        "王",
        "北京市",
        "::",
        "\n",
    ],
)
def test_a_long_text_is_read_to_its_end(redactor: Redactor, piece: str) -> None:
    """Where time grew with the square of the length, this would take many minutes."""
    text = piece * (250_000 // len(piece))
    redactor.redact_any(text, redactor.open_session())
