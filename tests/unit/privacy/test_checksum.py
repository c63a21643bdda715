"""Published examples pass their check; the same number with one digit changed does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_factory.privacy import checksum

# From the standards, the issuers' documentation or their test numbers.
ISSUED: list[tuple[Callable[[str], bool], str]] = [
    (checksum.is_card, "4012 8888 8888 1881"),
    (checksum.is_card, "3782 822463 10005"),
    (checksum.is_card, "5105105105105100"),
    (checksum.is_card, "6200000000000005"),
    (checksum.is_iban, "GB82 WEST 1234 5698 7654 32"),
    (checksum.is_iban, "FR1420041010050500013M02606"),
    (checksum.is_iban, "NO93 8601 1117 947"),
    (checksum.is_china_id, "11010519491231002X"),
    (checksum.is_china_id, "440524188001010014"),
    (checksum.is_aadhaar, "2345 6789 0124"),
    (checksum.is_cpf, "529.982.247-25"),
    (checksum.is_spain_id, "12345678Z"),
    (checksum.is_spain_id, "X1234567L"),
    (checksum.is_italy_code, "RSSMRA85T10A562S"),
    (checksum.is_france_id, "2 55 08 14 168 025 38"),
    (checksum.is_pesel, "44051401359"),
    (checksum.is_bsn, "111222333"),
    (checksum.is_nhs, "943 476 5919"),
    (checksum.is_korea_id, "820702-2409184"),
    (checksum.is_singapore_id, "S1234567D"),
    (checksum.is_hong_kong_id, "A123456(3)"),
    (checksum.is_taiwan_id, "A123456789"),
    (checksum.is_luhn_nine, "046 454 286"),
]


@pytest.mark.parametrize(("check", "number"), ISSUED)
def test_issued_numbers_pass_and_any_other_last_digit_fails(check: Callable[[str], bool], number: str) -> None:
    assert check(number)
    places = [place for place, letter in enumerate(number) if letter.isdigit()]
    place = places[-1]
    others = [number[:place] + digit + number[place + 1 :] for digit in "0123456789" if digit != number[place]]
    assert not any(check(other) for other in others)


@pytest.mark.parametrize("check", sorted({check for check, _ in ISSUED}, key=lambda check: check.__name__))
@pytest.mark.parametrize("text", ["", "0", "no number", "4012", "二〇二六", "١٢٣٤٥٦٧٨٩", "Z" * 40])
def test_what_has_another_shape_is_not_valid(check: Callable[[str], bool], text: str) -> None:
    assert check(text) is False


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("11010519491332002X", "no thirteenth month"),
        ("GB82WEST1234569876543", "too short for its country"),
        ("4444 4444 4444 4444", "one digit alone"),
        ("9012888888881881", "no card begins with 9012"),
        ("078-05-1120", "the advertised example"),
        ("666-12-3456", "an area that was never issued"),
    ],
)
def test_numbers_that_nobody_has(number: str, reason: str) -> None:
    checks = (checksum.is_card, checksum.is_iban, checksum.is_china_id, checksum.is_us_ssn)
    assert not any(check(number) for check in checks), reason


@given(st.text(alphabet="0123456789", min_size=1, max_size=18))
def test_added_check_digits_are_valid(digits: str) -> None:
    assert checksum.is_luhn(checksum.add_luhn(digits))
    assert checksum.is_verhoeff(checksum.add_verhoeff(digits))


@given(st.text(alphabet="0123456789", min_size=18, max_size=18))
def test_added_iban_digits_are_valid(account: str) -> None:
    assert checksum.is_iban(checksum.add_iban("DE", account))
