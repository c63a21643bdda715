"""Check digits of cards, accounts and national numbers: what tells a number that was issued from one that was not.

Invariant: a function takes a number as it is written, blanks and separators included, and answers for
letters and digits alone; what has the wrong length or alphabet is not valid, never an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

Check = Callable[[str], bool]

_VERHOEFF_STEP = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)  # the permutation of Verhoeff, "Error detecting decimal codes" (1969)
_DIHEDRAL = tuple(
    tuple((a + b) % 5 + 5 * (b > 4) if a < 5 else (a - b) % 5 + 5 * (b < 5) for b in range(10)) for a in range(10)
)
_VIN_VALUES = "0123456789.ABCDEFGH..JKLMN.P.R..STUVWXYZ"  # a letter's value is its place modulo ten
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_GB11643_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_GB11643_LETTERS = "10X98765432"
_SPAIN_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_ITALY_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_TAIWAN_LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
_IBAN_LENGTHS = {
    code: int(length)
    for length, codes in {
        "15": "NO", "16": "BE", "18": "DK FI FO GL NL", "19": "MK SI", "20": "AT BA EE KZ LT LU XK",
        "21": "CH HR LI LV", "22": "BG DE GB GE IE ME RS BH",
        "23": "AE GI IL", "24": "AD CZ ES MD PK RO SA SE SK TN VG",
        "25": "LY PT", "26": "IS TR", "27": "FR GR IT MC SM MR", "28": "AL AZ CY DO GT HU LB PL", "29": "BR PS QA UA",
        "30": "JO KW MU", "31": "MT SC",
    }.items()
    for code in codes.split()
}  # fmt: skip


def compact(text: str) -> str:
    """Letters and digits alone, in capitals."""
    return re.sub(r"[\W_]", "", text).upper()


def is_luhn(text: str) -> bool:
    """The check of cards, ISO/IEC 7812-1 annex B."""
    return text.isdigit() and _luhn(text) == 0


def is_luhn_nine(text: str) -> bool:
    """Nine digits with Luhn's check digit, as Canada's social insurance numbers."""
    number = compact(text)
    return len(number) == 9 and is_luhn(number)


def is_vin(text: str) -> bool:
    """A vehicle's number of 17 letters and digits with its check digit, ISO 3779 and 49 CFR 565.15."""
    number = compact(text)
    values = [_VIN_VALUES.find(letter) % 10 if letter in _VIN_VALUES else -1 for letter in number]
    if len(number) != 17 or min(values) < 0 or number.isdigit():
        return False
    left = sum(value * weight for value, weight in zip(values, _VIN_WEIGHTS, strict=True)) % 11
    return number[8] == "0123456789X"[left]


def add_luhn(digits: str) -> str:
    """The digits and their check digit."""
    return digits + str(-_luhn(digits + "0") % 10)


def is_card(text: str) -> bool:
    """A number of 13 to 19 digits under a prefix that cards have, with its check digit."""
    number = compact(text)
    return _CARD.fullmatch(number) is not None and is_luhn(number) and len(set(number)) > 1


def is_iban(text: str) -> bool:
    """An account number with the length of its country and the check digits of ISO 13616 (mod 97)."""
    number = compact(text)
    return _IBAN_LENGTHS.get(number[:2]) == len(number) and number[2:4].isdigit() and _mod97(number) == 1


def add_iban(country: str, account: str) -> str:
    """The account number with its country and check digits."""
    return f"{country}{98 - _mod97(f'{country}00{account}'):02}{account}"


def is_china_id(text: str) -> bool:
    """A resident id number of China, GB 11643-1999: region, birth date, serial and check character."""
    number = compact(text)
    if not re.fullmatch(r"[1-8]\d{16}[\dX]", number, re.ASCII) or not _is_day(number[6:14]):
        return False
    return add_china_id(number[:17]) == number


def add_china_id(digits: str) -> str:
    """Seventeen digits with the check character of GB 11643-1999."""
    return digits + _GB11643_LETTERS[_weigh(digits, _GB11643_WEIGHTS) % 11]


def is_verhoeff(text: str) -> bool:
    """The check of Aadhaar numbers."""
    return text.isdigit() and _verhoeff(text) == 0


def add_verhoeff(digits: str) -> str:
    """The digits and their check digit."""
    return next(digits + check for check in "0123456789" if _verhoeff(digits + check) == 0)


def is_aadhaar(text: str) -> bool:
    """Twelve digits that do not begin with 0 or 1, with Verhoeff's check digit."""
    number = compact(text)
    return len(number) == 12 and number[0] not in "01" and is_verhoeff(number)


def is_cpf(text: str) -> bool:
    """Brazil's Cadastro de Pessoas Físicas: nine digits and two check digits (mod 11)."""
    number = compact(text)
    return len(number) == 11 and number.isdigit() and len(set(number)) > 1 and add_cpf(number[:9]) == number


def add_cpf(digits: str) -> str:
    """Nine digits with their two check digits."""
    for count in (10, 11):
        digits += str(_weigh(digits, range(count, 1, -1)) * 10 % 11 % 10)
    return digits


def is_spain_id(text: str) -> bool:
    """Spain's DNI (eight digits) or NIE (X, Y or Z and seven), with its letter (mod 23)."""
    number = compact(text)
    if not re.fullmatch(r"[\dXYZ]\d{7}[A-Z]", number, re.ASCII):
        return False
    digits = number[:8].translate(str.maketrans("XYZ", "012"))
    return _SPAIN_LETTERS[int(digits) % 23] == number[8]


def is_italy_code(text: str) -> bool:
    """Italy's codice fiscale: sixteen letters and digits, the last of them a check letter (DM 23/12/1976)."""
    code = compact(text)
    return _ITALY.fullmatch(code) is not None and add_italy_code(code[:15]) == code


def add_italy_code(code: str) -> str:
    """Fifteen letters and digits with their check letter."""
    places = [ord(letter) - (48 if letter.isdigit() else 65) for letter in code]
    total = sum(_ITALY_ODD[place] for place in places[::2]) + sum(places[1::2])
    return code + chr(65 + total % 26)


def is_france_id(text: str) -> bool:
    """France's NIR: thirteen digits (2A and 2B for Corsica) and a key of two (97 less the remainder)."""
    number = compact(text).replace("2A", "19").replace("2B", "18")
    return re.fullmatch(r"[1-478]\d{14}", number) is not None and 97 - int(number[:13]) % 97 == int(number[13:])


def is_pesel(text: str) -> bool:
    """Poland's PESEL: eleven digits, weights 1 3 7 9."""
    number = compact(text)
    return len(number) == 11 and number.isdigit() and _weigh(number, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def is_bsn(text: str) -> bool:
    """The Netherlands' BSN: nine digits, the eleven-test."""
    number = compact(text)
    return len(number) == 9 and number.isdigit() and _weigh(number, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def is_nhs(text: str) -> bool:
    """England's NHS number: ten digits (mod 11)."""
    number = compact(text)
    return len(number) == 10 and number.isdigit() and _weigh(number, (*range(10, 1, -1), 1)) % 11 == 0


def is_korea_id(text: str) -> bool:
    """Korea's resident registration number: a birth date, seven digits (mod 11)."""
    number = compact(text)
    if len(number) != 13 or not number.isdigit() or number[6] not in "12345678":
        return False
    return (11 - _weigh(number[:12], (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10 == int(number[12])


def is_singapore_id(text: str) -> bool:
    """Singapore's NRIC and FIN of the series S, T, F and G: seven digits and a letter."""
    number = compact(text)
    if not re.fullmatch(r"[STFG]\d{7}[A-Z]", number, re.ASCII):
        return False
    place = (_weigh(number[1:8], (2, 7, 6, 5, 4, 3, 2)) + 4 * (number[0] in "TG")) % 11
    return ("JZIHGFEDCBA" if number[0] in "ST" else "XWUTRQPNMLK")[place] == number[8]


def is_hong_kong_id(text: str) -> bool:
    """Hong Kong's identity card: one or two letters, six digits and a check character (mod 11)."""
    number = compact(text)
    if not re.fullmatch(r"[A-Z]{1,2}\d{6}[\dA]", number, re.ASCII):
        return False
    values = [36, *(_place(letter) for letter in number)][-9:]
    return _weigh(values, range(9, 1, -1)) % 11 == -(10 if number[-1] == "A" else int(number[-1])) % 11


def is_taiwan_id(text: str) -> bool:
    """Taiwan's national identification number: a letter, 1 or 2, and eight digits (mod 10)."""
    number = compact(text)
    if not re.fullmatch(r"[A-Z][1289]\d{8}", number, re.ASCII):
        return False
    region = _TAIWAN_LETTERS.index(number[0]) + 10
    return (region // 10 + region % 10 * 9 + _weigh(number[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0


def is_us_ssn(text: str) -> bool:
    """A social security number or ITIN as issued: no group of zeros, area not 666 nor the advertised examples."""
    number = compact(text)
    if len(number) != 9 or not number.isdigit() or number in ("078051120", "219099999"):
        return False
    return number[:3] not in ("000", "666") and number[3:5] != "00" and number[5:] != "0000" and len(set(number)) > 1


def _luhn(digits: str) -> int:
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (doubled + sum(map(int, digits[::-2]))) % 10


def _verhoeff(digits: str) -> int:
    found = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        for _ in range(place % 8):
            value = _VERHOEFF_STEP[value]
        found = _DIHEDRAL[found][value]
    return found


def _mod97(number: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in number[4:] + number[:4])) % 97


def _weigh(values: Sequence[int] | str, weights: Sequence[int]) -> int:
    return sum(int(value) * weight for value, weight in zip(values, weights, strict=False))


def _place(letter: str) -> int:
    return int(letter, 36)


def _is_day(digits: str) -> bool:
    try:
        return 1880 <= date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).year < 2100
    except ValueError:
        return False


_CARD = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|5[06-8]\d{14}(?:\d{3})?|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|4[4-9]\d|5\d\d)\d{12,15}|62\d{14,17}|9792\d{12}",
    re.ASCII,
)
_ITALY = re.compile(r"[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z]", re.ASCII)
