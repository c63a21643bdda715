"""Personal data that belongs to nobody, with the check digits that real numbers carry."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from string import ascii_uppercase

from agent_factory.privacy import checksum
from agent_factory.privacy.canary.pool import ENGLISH, ISLAND_GIVEN, ISLAND_SURNAMES
from agent_factory.privacy.canary.source import HEX, Language
from agent_factory.privacy.canary.thing import Things
from agent_factory.privacy.label import Label

KIND_LABELS: dict[str, Label] = {
    **dict.fromkeys(("person", "given", "surname", "island_person", "stranger"), "PERSON"),
    **dict.fromkeys(("address", "street", "zip"), "ADDRESS"),
    **dict.fromkeys(("card", "last_four"), "CARD"),
    **dict.fromkeys(("national_id", "passport"), "NATIONAL_ID"),
    **dict.fromkeys(("birthday", "iso_date"), "BIRTHDATE"),
    **dict.fromkeys(("api_key", "token", "password", "opaque", "jwt", "private_key"), "SECRET"),
    "email": "EMAIL",
    **dict.fromkeys(("phone", "island_phone"), "PHONE"),
    "iban": "IBAN",
    "ip": "IP",
    "ssn": "SSN",
    **dict.fromkeys(("user", "contact_id"), "USER"),
}
"""What each kind plants; a kind that is not named here is a thing, which must stay."""

_FIRST_BIRTH, _BIRTH_DAYS = date(1942, 1, 1), 24_000
_ACCOUNTS = {
    "DE": "{d18}", "FR": "{d10}{d11}{d2}", "GB": "{U}{U}{U}{U}{d14}", "NL": "{U}{U}{U}{U}{d10}", "ES": "{d20}",
    "IT": "{U}{d10}{d12}", "CH": "{d5}{d12}", "AT": "{d16}", "BE": "{d12}", "SE": "{d20}", "PL": "{d24}",
    "PT": "{d21}", "IE": "{U}{U}{U}{U}{d14}", "DK": "{d14}",
}  # fmt: skip
_CARDS = (("4", 16), ("51", 16), ("54", 16), ("2720", 16), ("34", 15), ("37", 15), ("6011", 16), ("3566", 16))
_CARDS_CHINESE = (("6217", 16), ("6228", 19), ("4", 16))
_REGIONS = ["330106", "110108", "310115", "440305", "510104", "420106", "320505", "610113", "210102", "500112"]


class Draw(Things):
    """Values of every kind; one document's ``id_name`` and ``national_id`` belong together."""

    def __init__(self, rng: Random, language: Language) -> None:
        super().__init__(rng, language)
        self._id = self.pick(_CHINESE_IDS if self.chinese else _ENGLISH_IDS)

    def value(self, kind: str) -> str:
        """A fresh value of a kind, such as ``phone``."""
        return str(getattr(self, kind)())

    def given(self) -> str:
        return self.pick(self.pool.given)

    def surname(self) -> str:
        return self.pick(self.pool.surnames)

    def person(self) -> str:
        if self.chinese:
            return self.surname() + self.given()
        middle = f" {self.pick(ascii_uppercase)}." if self.chance(0.2) else ""
        return f"{self.given()}{middle} {self.surname()}"

    def island_person(self) -> str:
        return self.pick(ISLAND_SURNAMES) + self.pick(ISLAND_GIVEN)

    def stranger(self) -> str:
        return self.person()

    def email(self) -> str:
        first, last = (_plain(self.pick(names)) for names in (ENGLISH.given, ENGLISH.surnames))
        number = self.rng.randrange(10, 9999)
        shapes = [
            f"{first}.{last}".lower(),
            f"{first[0]}{last}{number}".lower(),
            f"{last.lower()}+web",
            f"{first}.{last}",
        ]
        local = self.number(9) if self.chinese and self.chance(0.5) else self.pick(shapes)
        return f"{local}@{self.pick(self.pool.domains)}"

    def phone(self) -> str:
        return self.shape(self.pool.phones)

    def island_phone(self) -> str:
        return self.pick("569") + self.number(3) + self.pick(["", " ", "-"]) + self.number(4)

    def address(self) -> str:
        return self.shape(self.pool.addresses)

    def street(self) -> str:
        return self.shape(["{n} {street}"])

    def zip(self) -> str:
        return self.number(5)

    def card(self) -> str:
        prefix, length = self.pick(_CARDS_CHINESE if self.chinese else _CARDS)
        number = checksum.add_luhn(prefix + self.number(length - 1 - len(prefix)))
        return self.pick(["", " ", "-", " "]).join(_grouped(number, (4, 6, 5) if length == 15 else (4,) * 5))

    def last_four(self) -> str:
        return self.number(4)

    def iban(self) -> str:
        country = self.pick(sorted(_ACCOUNTS))
        number = checksum.add_iban(country, self.shape([_ACCOUNTS[country]]))
        return " ".join(_grouped(number, (4,) * 9)) if self.chance(0.6) else number

    def ip(self) -> str:
        if self.chance(0.25):
            groups = [f"{self.rng.randrange(1, 65536):x}" for _ in range(6)]
            return f"2a02:{':'.join(groups[:3])}::{groups[4]}" if self.chance(0.6) else f"2001:db8:{':'.join(groups)}"
        return ".".join(str(self.rng.randrange(low, high)) for low, high in ((128, 223), (0, 256), (0, 256), (1, 255)))

    def ssn(self) -> str:
        area = self.pick([number for number in range(1, 900) if number != 666])
        parts = (f"{area:03}", f"{self.rng.randrange(1, 100):02}", f"{self.rng.randrange(1, 10000):04}")
        return self.pick(["-", "-", " "]).join(parts)

    def id_name(self) -> str:
        return self._id[0]

    def national_id(self) -> str:
        return self._id[1](self)

    def passport(self) -> str:
        if not self.chinese and self.chance(0.4):
            return f"{self.pick('FGHJK')}{self.rng.randrange(10)}{self.letters(6, 'CFGHJKLMNPRTVWXYZ')}{self.number(1)}"
        return f"{self.pick('EG' if self.chinese else 'CKLX')}{self.number(8)}"

    def birthday(self) -> str:
        born = self._born()
        if self.chinese:
            return self.pick(
                [f"{born.year}年{born.month}月{born.day}日", f"{born}", f"{born.year}.{born.month}.{born.day}"]
            )
        words = [f"{born:%B} {born.day}, {born.year}", f"{born.day} {born:%b} {born.year}"]
        return self.pick([f"{born}", f"{born:%m/%d/%Y}", f"{born.day}.{born.month}.{born.year}", *words])

    def iso_date(self) -> str:
        return self._born().isoformat()

    def user(self) -> str:
        name, word = _plain(self.pick(ENGLISH.surnames)).lower(), self.pick(["moss", "kite", "byte", "lumen", "otter"])
        return self.pick([f"{name}_{word}", f"{name}{self.number(2)}", f"{word}.{name}.{self.number(3)}"])

    def contact_id(self) -> str:
        name, word = _plain(self.pick(ENGLISH.surnames)).lower(), self.pick(["pebble", "comet", "fern", "yarrow"])
        return self.pick([f"{word}_{name}", f"wxid_{self.letters(8, HEX)}", f"{word}-{name}{self.number(2)}"])

    def api_key(self) -> str:
        shapes = (
            ("sk-", 48),
            ("sk-proj-", 40),
            ("ghp_", 36),
            ("AIza", 35),
            ("glpat-", 20),
            ("hf_", 34),
            ("sk_live_", 24),
        )
        if self.chance(0.2):
            return self.pick(["AKIA", "ASIA"]) + self.letters(16, ascii_uppercase + "234567")
        prefix, count = self.pick(shapes)
        return prefix + self.letters(count)

    def token(self) -> str:
        return self.jwt() if self.chance(0.4) else self.letters(self.rng.randrange(24, 44))

    def opaque(self) -> str:
        return self.letters(self.rng.randrange(20, 44), HEX) if self.chance(0.3) else self.letters(32)

    def password(self) -> str:
        word = self.pick(["Maple", "gravel", "Tundra", "pickle", "Nimbus", "walrus"])
        return f"{word}{self.pick('!#%*?')}{self.number(self.rng.randrange(2, 5))}{self.letters(3)}"

    def jwt(self) -> str:
        payload = {"sub": self.number(8), "iat": self.rng.randrange(10**9)}
        parts = [json.dumps(part, separators=(",", ":")) for part in ({"alg": "HS256", "typ": "JWT"}, payload)]
        head, body = (base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
        return f"{head}.{body}.{self.letters(43)}"

    def private_key(self) -> str:
        sort = self.pick(["RSA ", "EC ", "OPENSSH ", ""])
        lines = "\n".join(self.letters(64) for _ in range(4))
        return f"-----BEGIN {sort}PRIVATE KEY-----\n{lines}\n-----END {sort}PRIVATE KEY-----"

    def china_id(self) -> str:
        return checksum.add_china_id(f"{self.pick(_REGIONS)}{self._born():%Y%m%d}{self.number(3)}")

    def hong_kong_id(self) -> str:
        card = self.shape(["{U}{d6}"])
        return next(f"{card}({check})" for check in "0123456789A" if checksum.is_hong_kong_id(card + check))

    def taiwan_id(self) -> str:
        card = self.pick("ABCDEFGHJK") + self.pick("12") + self.number(7)
        return next(card + check for check in "0123456789" if checksum.is_taiwan_id(card + check))

    def aadhaar(self) -> str:
        return " ".join(_grouped(checksum.add_verhoeff(self.pick("23456789") + self.number(10)), (4, 4, 4)))

    def insurance_number(self) -> str:
        return " ".join(
            _grouped(self.pick(["AB", "JN", "PX", "SR"]) + self.number(6) + self.pick("ABCD"), (2, 2, 2, 2, 1))
        )

    def cpf(self) -> str:
        a, b, c, check = _grouped(checksum.add_cpf(self.number(9)), (3, 3, 3, 2))
        return f"{a}.{b}.{c}-{check}"

    def dni(self) -> str:
        digits = self.number(8)
        return next(digits + letter for letter in ascii_uppercase if checksum.is_spain_id(digits + letter))

    def fiscal_code(self) -> str:
        born = self._born()
        head = f"{self.letters(6, 'BCDFGLMNRST')}{born:%y}{self.pick('ABCDEHLMPRST')}{born:%d}"
        return checksum.add_italy_code(head + self.shape(["{U}{d3}"]))

    def pesel(self) -> str:
        head = f"{self._born():%y%m%d}{self.number(4)}"
        return next(head + check for check in "0123456789" if checksum.is_pesel(head + check))

    def social_insurance(self) -> str:
        return self.pick(["-", " "]).join(_grouped(checksum.add_luhn(self.number(8)), (3, 3, 3)))

    def _born(self) -> date:
        return _FIRST_BIRTH + timedelta(days=self.rng.randrange(_BIRTH_DAYS))


def _grouped(number: str, sizes: tuple[int, ...]) -> list[str]:
    groups: list[str] = []
    for size in sizes:
        groups.append(number[:size])
        number = number[size:]
    return [group for group in groups if group]


def _plain(name: str) -> str:
    return "".join(letter for letter in name if letter.isascii() and letter.isalpha())


_ENGLISH_IDS: tuple[tuple[str, Callable[[Draw], str]], ...] = (
    ("Aadhaar number", Draw.aadhaar),
    ("National Insurance number", Draw.insurance_number),
    ("CPF", Draw.cpf),
    ("DNI", Draw.dni),
    ("codice fiscale", Draw.fiscal_code),
    ("PESEL", Draw.pesel),
    ("social insurance number", Draw.social_insurance),
    ("passport number", Draw.passport),
)
_CHINESE_IDS: tuple[tuple[str, Callable[[Draw], str]], ...] = (
    ("身份证号", Draw.china_id),
    ("身份证号", Draw.china_id),
    ("身份证号", Draw.china_id),
    ("香港身份证", Draw.hong_kong_id),
    ("台湾身份证", Draw.taiwan_id),
)
