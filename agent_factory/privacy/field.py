"""What the key of a JSON field says about its value.

``name`` is the ambiguous one: it is a person's beside an e-mail or under ``customer``, a product's
beside a price or under ``item``; where nothing tells, two or three capitalised words are a person.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal

from agent_factory.privacy.label import Label
from agent_factory.privacy.rule.chinese_name import is_chinese_name
from agent_factory.privacy.rule.secret import is_opaque
from agent_factory.privacy.traditional import simplify

FieldKind = Label | Literal["FIRST_NAME", "LAST_NAME", "CARD_DIGITS"]

_KEYS: dict[FieldKind, str] = {
    "FIRST_NAME": "first_name given_name forename firstname middle_name",
    "LAST_NAME": "last_name family_name surname lastname maiden_name",
    "PERSON": """
        full_name fullname customer_name passenger_name patient_name recipient recipient_name cardholder card_holder
        cardholder_name holder_name contact_name contact_person shipping_name billing_name owner_name guest_name
        employee_name person_name person client_name user_full_name account_holder account_name_holder beneficiary
        beneficiary_name payee payee_name receiver receiver_name consignee sender_name display_name real_name
        legal_name 姓名 名字 真实姓名 客户姓名 用户姓名 收件人 收货人 收件人姓名 收货人姓名 联系人 联络人 寄件人 持卡人
        户名 开户名 乘客 乘客姓名 申请人 患者 患者姓名
    """,
    "EMAIL": """
        email e_mail mail email_address new_email contact_email customer_email user_email billing_email reply_to
        邮箱 电子邮箱 邮件地址 电子邮件 邮箱地址
    """,
    "PHONE": """
        phone phone_number telephone telephone_number tel mobile mobile_number mobile_phone cell cell_phone
        cellphone fax new_phone contact_number contact_phone home_phone work_phone customer_phone phone_no mobile_no
        whatsapp 手机 手机号 手机号码 电话 电话号码 联系电话 联系方式 座机 收货电话
    """,
    "ADDRESS": """
        address address1 address2 address_1 address_2 address_line1 address_line2 address_line_1 address_line_2
        street street_address street1 street2 line1 line2 shipping_address billing_address delivery_address
        home_address new_address old_address mailing_address ship_to zip zip_code zipcode postal_code postcode 地址
        收货地址 收件地址 详细地址 联系地址 家庭住址 住址 通讯地址 邮寄地址 邮编 邮政编码
    """,
    "BIRTHDATE": "dob date_of_birth birth_date birthdate birthday birth_day born 生日 出生日期 出生年月 出生年月日",
    "CARD": """
        card card_number credit_card credit_card_number debit_card pan payment payment_card card_no bank_card
        bank_card_number cc_number 卡号 银行卡 银行卡号 信用卡 信用卡号
    """,
    "CARD_DIGITS": "last_four last4 last_4 last_four_digits card_last4 card_last_four card_ending",
    "IBAN": "iban iban_code account_iban",
    "IP": "ip ip_address client_ip remote_ip remote_addr source_ip ip_addr user_ip",
    "SSN": "ssn social_security_number social_security us_ssn itin",
    "NATIONAL_ID": """
        national_id national_id_number id_card id_card_number id_card_no identity_card identity_number id_no
        passport passport_number passport_no passport_id driver_license driver_license_number drivers_license
        driving_licence license_number tax_id tax_number social_insurance_number aadhaar aadhaar_number cpf dni nie
        nif nino national_insurance_number pesel codice_fiscale 身份证 身份证号 身份证号码 证件号 证件号码 护照
        护照号 护照号码 驾驶证号 驾照号
    """,
    "USER": """
        user_id userid username user_name login login_name screen_name nickname handle wechat
        wechat_id weixin 用户名 账号 登录名 昵称 微信 微信号
    """,
    "SECRET": """
        password passwd pwd pass passphrase secret secret_key api_key apikey access_key access_key_id
        secret_access_key private_key client_secret access_token refresh_token auth_token id_token session_token
        bearer_token token authorization credential credentials auth x_api_key api_secret api_token signing_key
        encryption_key webhook_secret db_password pin cvv cvc security_code otp connection_string 密码 密钥 口令
        令牌 秘钥
    """,
}
_KINDS: dict[str, FieldKind] = {key: kind for kind, keys in _KEYS.items() for key in keys.split()}
_NAME_KEYS = frozenset(
    [
        "name",
        "customer",
        "passenger",
        "contact",
        "buyer",
        "shopper",
        "guest",
        "patient",
        "client",
        "sender",
        "caller",
        "用户",
        "客户",
    ]
)
_PERSON_WORDS = re.compile(
    r"customer|user|passenger|recipient|patient|client|owner|contact|shopper|buyer|guest|person|people|employee|member"
    r"|traveler|traveller|profile|account|caller|identity|客户|用户|乘客|会员"
)
_PERSON_SIBLINGS = re.compile(
    r"^(?:e?_?mail|phone|mobile|telephone|address|dob|birth\w*|date_of_birth|customer\w*|user_id|orders?|membership"
    r"|loyalty\w*|gender|age|id_card\w*|passport\w*|ssn|手机号?|电话|邮箱|地址|身份证号?|生日)$"
)
_THING_WORDS = re.compile(
    r"product|item|catalog|good|sku|article|tool|function|file|store|shop|brand|flight|carrier|plan|商品|产品"
)
_THING_SIBLINGS = re.compile(
    r"^(?:price|unit_price|sku|stock|in_stock|product\w*|item\w*|available|availability|quantity|qty|description|category"
    r"|colou?r|size|brand|variants?|options|weight|material|currency|rating|warranty|tracking\w*|arguments|parameters"
    r"|价格|库存|数量|品牌|规格)$"
)
_PERSON_SHAPE = re.compile(r"[A-Z][\w'’.-]*(?: (?:[a-z]{2,3} )?[A-Z][\w'’.-]*){1,2}")
_THING_KEY = re.compile(
    r"(?:^|_)(?:order|tracking|sku|isbn|ean|upc|gtin|asin|invoice|ticket|case|booking|reservation|transaction|request|trace|span|session"
    r"|version|build|revision|commit|sha\d*|md5|hash|digest|checksum|etag|uuid|guid|timestamp|price|amount|total|subtotal|quantity|qty"
    r"|count|size|weight|duration|latency|ms|seconds|flight|confirmation|reference|serial|model|part|shipment|parcel|warehouse|product"
    r"|item|at|on|date|time|since|until)(?:_(?:id|ids|no|nr|number|code|ref|key|num|at|date|time|ms))?$"
    r"|订单号?$|单号$|运单|编号$|价格$|金额$|时间$|日期$|版本|流水号$|发票号?|工单"
)
_SECRET_WORDS = re.compile(r"(?:^|_)(?:password|passwd|secret|token|api_?key|private_?key|access_?key|credentials?)$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_USER_ID_SHAPE = re.compile(r"[A-Za-z]{2,}(?:[._-][A-Za-z]+){1,3}(?:[._-]?\d+)?")
_USER_NAME_SHAPE = re.compile(r"(?=.*[^\W\d_])[^\s<>@]{2,40}")
_USER_NAMES = frozenset(
    [
        "username",
        "user_name",
        "login_name",
        "screen_name",
        "wechat",
        "wechat_id",
        "用户名",
        "账号",
        "登录名",
        "微信",
        "微信号",
    ]
)
_NOBODY = frozenset(
    ["system", "admin", "root", "bot", "agent", "assistant", "guest", "anonymous", "user", "unknown", "none"]
)
_CARD_DIGITS_MIN = 12
_NAMED = re.compile(r"(?:^|_)name(?:_|$)")
_NO_PERSON = re.compile(
    rf"{_THING_WORDS.pattern}|user|company|business|host|domain|bucket|table|column|field|project|team|group|event|city"
    r"|country|street|bank|school|hotel|pet|nick|screen|login|server|service|branch|class|module|package|method|var"
)
_PASSWORD_KEY = re.compile(r"pass|pwd|^pin$|密码|口令")
_NO_PASSWORD = frozenset(["string", "none", "null", "true", "false", "required", "optional", "hidden", "password"])


@lru_cache(maxsize=10_000)
def snake(key: str) -> str:
    """``shippingAddress`` and ``Shipping-Address`` as ``shipping_address``; Chinese in simplified characters."""
    return re.sub(r"[\s\-]+", "_", _CAMEL.sub("_", simplify(key))).lower()


def kind_of(key: str, value: Any, parent: str, siblings: tuple[str, ...]) -> FieldKind | None:
    """What a scalar under ``key`` is, if the key and its neighbours say so; ``parent`` is the key above.

    ``siblings`` are the other keys of the same object; keys are in ``snake`` form.
    """
    kind = _KINDS.get(key) or ("SECRET" if _SECRET_WORDS.search(key) else None)
    if kind is None:
        return "PERSON" if key in _NAME_KEYS and _is_person(key, str(value), parent, siblings) else None
    return kind if _fits(kind, str(value), key) else None


def is_key(key: str) -> bool:
    """Whether a text is a key that may say that its value is personal."""
    form = snake(key.strip())
    return form in _KINDS or form in _NAME_KEYS


def kind_of_key(key: str, value: str) -> FieldKind | None:
    """What a value is by its key alone, in a form or a table; ``name`` is a person's there."""
    form = snake(key.strip())
    kind = _KINDS.get(form) or ("SECRET" if _SECRET_WORDS.search(form) else None)
    if kind is None and _NAMED.search(form) and not _NO_PERSON.search(form):
        kind = "PERSON" if form == "name" or " " in value or not value.isascii() else None
    return kind if kind and _fits(kind, value, form) else None


@lru_cache(maxsize=10_000)
def names_thing(key: str) -> bool:
    """Whether a key says that its value numbers, dates or prices a thing; ``key`` is in ``snake`` form."""
    return _THING_KEY.search(key) is not None


@lru_cache(maxsize=10_000)
def name_part(key: str) -> int | None:
    """0 where the key asks for a first name, 1 for a last name, else None."""
    kind = _KINDS.get(snake(key))
    return 0 if kind == "FIRST_NAME" else 1 if kind == "LAST_NAME" else None


def _fits(kind: FieldKind, text: str, key: str) -> bool:
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
        shape = _USER_NAME_SHAPE if key in _USER_NAMES else _USER_ID_SHAPE
        return shape.fullmatch(text) is not None and text.casefold() not in _NOBODY
    if kind == "SECRET":
        return _is_secret(text, key)
    if kind == "NATIONAL_ID" and digits > 1 and 8 <= len(text) <= 10 and text.isalnum():
        return True  # on some passports letters are drawn like digits
    if kind in ("SSN", "IBAN", "BIRTHDATE", "IP", "NATIONAL_ID"):
        return digits >= 4
    return bool(text.strip())


def _is_secret(text: str, key: str) -> bool:
    """Keys and tokens must look drawn at random; a password is whatever stands there, but for the words of a form."""
    if key in ("pin", "cvv", "cvc", "security_code", "otp"):
        return text.isdigit() and 3 <= len(text) <= 8
    value = text.removeprefix("Bearer ").removeprefix("Basic ")
    if _PASSWORD_KEY.search(key):
        return len(value) > 2 and " " not in value and value.casefold() not in _NO_PASSWORD
    return is_opaque(value) or "PRIVATE KEY-----" in value or (len(value) > 15 and "://" in value and "@" in value)


def _is_person(key: str, text: str, parent: str, siblings: tuple[str, ...]) -> bool:
    if any(letter.isdigit() for letter in text) or not any(letter.isalpha() for letter in text):
        return False
    if any(_THING_SIBLINGS.match(sibling) for sibling in siblings):
        return False
    if any(_PERSON_SIBLINGS.match(sibling) for sibling in siblings) or _PERSON_WORDS.search(parent):
        return True
    if key == "name" and _THING_WORDS.search(parent):
        return False
    return _PERSON_SHAPE.fullmatch(text) is not None or is_chinese_name(text)
