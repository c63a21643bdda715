"""One person is one placeholder in a trace, however they are written, and one keyed hash in all traces."""

from __future__ import annotations

import pytest

from agent_factory.privacy.redactor import Redactor

SPELLINGS = [
    ("PHONE", "+44 20 7946 0123", ["(+44) 20-7946-0123", "020 7946 0123", "0044 20 7946 0123"]),
    ("PHONE", "555 120 3456", ["five five five, one two oh three four five six"]),
    ("PHONE", "+86 139 1234 5678", ["13912345678", "139-1234-5678", "0086-13912345678", "幺三九一二三四五六七八"]),
    (
        "EMAIL",
        "Kim.Lee@Example.org",
        [
            "kim.lee@example.org",
            "kim.lee [at] example [dot] org",
            "kim.lee (at) example dot org",
            "KIM.LEE @ EXAMPLE.ORG",
        ],
    ),
    ("CARD", "5105 1051 0510 5100", ["5105-1051-0510-5100", "5105105105105100"]),
    ("IBAN", "GB82 WEST 1234 5698 7654 32", ["gb82west12345698765432"]),
    ("NATIONAL_ID", "11010519491231002x", ["110105 19491231 002X"]),
    ("BIRTHDATE", "1984-03-12", ["March 12, 1984", "12 March 1984", "1984年3月12日", "03/12/1984", "19840312"]),
    ("PERSON", "Ottoline J. Oakeshott", ["ottoline oakeshott", "OTTOLINE J OAKESHOTT", "Ottoline Oakeshott's"]),
    ("ADDRESS", "9 Rosebery Gardens", ["9 rosebery gardens", "9  Rosebery  Gardens"]),
]


@pytest.mark.parametrize(("label", "value", "others"), SPELLINGS)
def test_spellings_of_a_value_join_within_and_across_traces(
    redactor: Redactor, label: str, value: str, others: list[str]
) -> None:
    session = redactor.open_session()
    first = session.give(label, value)
    assert [session.give(label, other) for other in others] == [first] * len(others)
    assert {redactor.hash_of(label, other) for other in others} == {session.hashes[first]}


def test_a_number_known_from_a_field_is_found_in_any_spelling(redactor: Redactor) -> None:
    session = redactor.open_session()
    redactor.redact_json({"phone": "+44 20 7946 0123", "national_id": "AB123456C"}, session)
    said = "Is it 2079460123, (020) 7946-0123 or ab 12 34 56 c? Order 7946 and 012379460123 stay."
    assert redactor.redact_text(said, session) == (
        "Is it <PHONE_1>, <PHONE_1> or <NATIONAL_ID_1>? Order 7946 and 012379460123 stay."
    )


def test_parts_of_a_full_name_are_the_same_person(redactor: Redactor) -> None:
    session = redactor.open_session()
    said = "I'm Ottoline Morrell. Ottoline here again: is Mrs. Morrell's order on its way? Love, OTTOLINE MORRELL"
    assert redactor.redact_text(said, session) == (
        "I'm <PERSON_1>. <PERSON_1> here again: is Mrs. <PERSON_1>'s order on its way? Love, <PERSON_1>"
    )


def test_a_title_and_surname_met_first_turn_out_to_be_the_full_person(redactor: Redactor) -> None:
    session = redactor.open_session()
    assert redactor.redact_text("Dear Mrs. Morrell,", session) == "Dear Mrs. <PERSON_1>,"
    assert redactor.redact_any('{"full_name": "Ottoline Morrell"}', session) == '{"full_name": "<PERSON_1>"}'
    assert redactor.redact_text("李女士您好", session) == "<PERSON_2>女士您好"
    assert redactor.redact_any('{"姓名": "李清照"}', session) == '{"姓名": "<PERSON_2>"}'
    assert session.reveal("<PERSON_1>, <PERSON_2>") == "Ottoline Morrell, 李清照"


def test_a_chinese_person_is_one_however_addressed(redactor: Redactor) -> None:
    session = redactor.open_session()
    said = "我叫欧阳建国。欧阳先生您好，建国的订单在路上。"
    assert redactor.redact_text(said, session) == "我叫<PERSON_1>。<PERSON_1>先生您好，<PERSON_1>的订单在路上。"
    assert session.reveal("<PERSON_1>", 0) == "建国"
    assert session.reveal("<PERSON_1>", 1) == "欧阳"


def test_two_people_of_one_surname_stay_two(redactor: Redactor) -> None:
    session = redactor.open_session()
    said = "Guests: Aino Aalto and Eero Aalto. Aino eats no fish."
    assert redactor.redact_text(said, session) == "Guests: <PERSON_1> and <PERSON_2>. <PERSON_1> eats no fish."
