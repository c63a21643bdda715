"""What the key of a JSON field says about its value.

``name`` is the ambiguous one: it is a person's beside an e-mail or under ``customer``, a product's
beside a price or under ``item``; where nothing tells, two or three capitalised words are a person.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from agent_factory.privacy.label import Label

FieldKind = Label | Literal["FIRST_NAME", "LAST_NAME", "CARD_DIGITS"]

_KEYS: dict[FieldKind, str] = {
    "FIRST_NAME": "first_name given_name forename firstname",
    "LAST_NAME": "last_name family_name surname lastname",
    "PERSON": """
        full_name fullname customer_name passenger_name patient_name recipient recipient_name cardholder card_holder
        cardholder_name holder_name contact_name contact_person shipping_name billing_name owner_name guest_name
        employee_name person_name person
    """,
    "EMAIL": "email e_mail mail email_address new_email contact_email",
    "PHONE": "phone phone_number telephone telephone_number tel mobile mobile_number cell cell_phone fax new_phone",
    "ADDRESS": """
        address address1 address2 address_1 address_2 address_line1 address_line2 address_line_1 address_line_2 street
        street_address street1 street2 line1 line2 shipping_address billing_address delivery_address home_address
        new_address old_address mailing_address ship_to zip zip_code zipcode postal_code postcode
    """,
    "BIRTHDATE": "dob date_of_birth birth_date birthdate birthday birth_day born",
    "CARD": "card card_number credit_card credit_card_number debit_card pan payment payment_card",
    "CARD_DIGITS": "last_four last4 last_4 last_four_digits card_last4 card_last_four card_ending",
    "IBAN": "iban iban_code account_iban",
    "IP": "ip ip_address client_ip remote_ip",
    "SSN": "ssn social_security_number social_security",
    "USER": "user_id userid username user_name login",
}
_KINDS: dict[str, FieldKind] = {key: kind for kind, keys in _KEYS.items() for key in keys.split()}
_NAME_KEYS = frozenset(["name", "customer", "passenger", "contact", "buyer", "shopper", "guest", "patient", "client"])
_PERSON_WORDS = re.compile(
    r"customer|user|passenger|recipient|patient|client|owner|contact|shopper|buyer|guest|person|people|employee|member"
    r"|traveler|traveller|profile|account|caller"
)
_PERSON_SIBLINGS = re.compile(
    r"^(?:e?_?mail|phone|mobile|telephone|address|dob|birth\w*|date_of_birth|customer\w*|user_id|orders?|membership"
    r"|loyalty\w*|gender|age)$"
)
_THING_WORDS = re.compile(
    r"product|item|catalog|good|sku|article|tool|function|file|store|shop|brand|flight|carrier|plan"
)
_THING_SIBLINGS = re.compile(
    r"^(?:price|unit_price|sku|stock|in_stock|product\w*|item\w*|available|availability|quantity|qty|description|category"
    r"|colou?r|size|brand|variants?|options|weight|material|currency|rating|warranty|tracking\w*|arguments|parameters)$"
)
_PERSON_SHAPE = re.compile(r"[A-Z][\w'’.-]*(?: (?:[a-z]{2,3} )?[A-Z][\w'’.-]*){1,2}")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_USER_SHAPE = re.compile(r"[A-Za-z]{2,}[._-][A-Za-z]{2,}(?:[._-]?\d+)?")
_CARD_DIGITS_MIN = 12


def snake(key: str) -> str:
    """``shippingAddress`` and ``Shipping-Address`` as ``shipping_address``."""
    return re.sub(r"[\s\-]+", "_", _CAMEL.sub("_", key)).lower()


def kind_of(key: str, value: Any, parent: str, siblings: tuple[str, ...]) -> FieldKind | None:
    """What a scalar under ``key`` is, if the key and its neighbours say so; ``parent`` is the key above.

    ``siblings`` are the other keys of the same object; keys are in ``snake`` form.
    """
    kind = _KINDS.get(key)
    if kind is None:
        return "PERSON" if key in _NAME_KEYS and _is_person(key, str(value), parent, siblings) else None
    return kind if _fits(kind, str(value)) else None


def name_part(key: str) -> int | None:
    """0 where the key asks for a first name, 1 for a last name, else None."""
    kind = _KINDS.get(snake(key))
    return 0 if kind == "FIRST_NAME" else 1 if kind == "LAST_NAME" else None


def _fits(kind: FieldKind, text: str) -> bool:
    digits = sum(letter.isdigit() for letter in text)
    if kind in ("FIRST_NAME", "LAST_NAME", "PERSON"):
        return any(letter.isalpha() for letter in text) and digits == 0
    if kind == "EMAIL":
        return "@" in text
    if kind == "PHONE":
        return digits >= 6
    if kind == "CARD":
        return digits >= _CARD_DIGITS_MIN and not any(letter.isalpha() for letter in text)
    if kind == "CARD_DIGITS":
        return digits == 4 and len(text) == 4
    if kind == "USER":
        return _USER_SHAPE.fullmatch(text) is not None
    if kind in ("SSN", "IBAN", "BIRTHDATE", "IP"):
        return digits >= 4
    return bool(text.strip())


def _is_person(key: str, text: str, parent: str, siblings: tuple[str, ...]) -> bool:
    if any(letter.isdigit() for letter in text) or not any(letter.isalpha() for letter in text):
        return False
    if any(_THING_SIBLINGS.match(sibling) for sibling in siblings):
        return False
    if any(_PERSON_SIBLINGS.match(sibling) for sibling in siblings) or _PERSON_WORDS.search(parent):
        return True
    if key == "name" and _THING_WORDS.search(parent):
        return False
    return _PERSON_SHAPE.fullmatch(text) is not None
