"""The pages as HTML: headings, labels, buttons and tables, readable to people and to a screen reader alike.

Invariant: what the order system tells is shown as it is, field by field, and always escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

_STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
_REASONS = {"amount": "Amount above 200 euros", "damage": "Damaged goods", "complaint": "Complaint"}
_LABELS = {
    "email": "E-mail",
    "days": "Days since delivery",
    "price": "Price (euros)",
    "item_id": "Item number",
    "customer_id": "Customer number",
}


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} – Order desk</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<header><a class="brand" href="/">Order desk</a></header>
<main><h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>"""


def start() -> str:
    """Where work begins: three searches."""
    return _page(
        "Search",
        '<div class="cards">'
        + _search("Customer", "/customers", "email", "E-mail address", "Find customer", 'type="email" maxlength="120"')
        + _search(
            "Order", "/orders", "order_id", "Order number", "Find order", 'inputmode="numeric" pattern="[0-9]{4}"'
        )
        + _search("Catalogue", "/catalogue", "query", "Name of the goods", "Find goods", 'maxlength="60"')
        + "</div>",
    )


def customer(found: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """A customer with links to their orders."""
    name = str(told.get("name", "Customer"))
    facts = {"customer_id": found.get("customer_id", ""), **told}
    return _page(name, _table(name, facts))


def goods(query: str, told: Mapping[str, Any]) -> str:
    """Goods of a name."""
    return _page(query, _table(query, told))


def order(order_id: str, told: Mapping[str, Any], shipment: Mapping[str, Any], refused: str | None) -> str:
    """An order, its shipment, and what may be done with it."""
    parts = [_table(f"Order {order_id}", told)]
    if shipment:
        parts.append("<h2>Shipment</h2>" + _table("Shipment", shipment))
    if refused is not None:
        parts.append(
            '<h2>Shipment</h2><p role="alert" class="alert">'
            f"The order system answered: {escape(refused)}. Load the page again.</p>"
        )
    parts.append('<h2>Actions</h2><div class="cards">' + _actions(order_id) + "</div>")
    return _page(f"Order {order_id}", "\n".join(parts))


def done(order_id: str, message: str, told: Mapping[str, Any]) -> str:
    """What was done."""
    return _page(
        f"Order {order_id}",
        f'<p role="status" class="done">{escape(message)}</p>{_table("Answer of the order system", told)}'
        f"<p>{_order_link(order_id, f'Back to order {order_id}')}</p>",
    )


def refusal(status: int, message: str) -> str:
    """What the order system did not do."""
    return _page(
        "Not done",
        f'<p role="alert" class="alert">The order system answered {status}: {escape(message)}</p>'
        '<p><a href="/">Back to the search</a></p>',
    )


def _actions(order_id: str) -> str:
    address = _field("address", "New address", 'minlength="5" maxlength="120"')
    item = _field("item_id", "Item number of the new goods", 'inputmode="numeric" pattern="[0-9]{4}"')
    options = "".join(f'<option value="{value}">{escape(label)}</option>' for value, label in _REASONS.items())
    reason = f'<label for="reason">Reason</label><select id="reason" name="reason">{options}</select>'
    return (
        _action(order_id, "cancel", "Cancel order")
        + _action(order_id, "refund", "Refund order")
        + _action(order_id, "address", "Change address", address)
        + _action(order_id, "exchange", "Exchange goods", item)
        + _action(order_id, "handover", "Hand over to a colleague", reason)
    )


def _action(order_id: str, name: str, label: str, fields: str = "") -> str:
    path = f"/orders/{quote(order_id, safe='')}/{name}"
    return f'<form class="card" method="post" action="{path}">{fields}<button>{escape(label)}</button></form>'


def _search(title: str, path: str, name: str, label: str, button: str, rules: str) -> str:
    return (
        f'<form class="card" role="search" aria-label="{escape(title)}" action="{path}"><h2>{escape(title)}</h2>'
        f"{_field(name, label, rules)}<button>{escape(button)}</button></form>"
    )


def _field(name: str, label: str, rules: str) -> str:
    return f'<label for="{name}">{escape(label)}</label><input id="{name}" name="{name}" required {rules}>'


def _table(caption: str, facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(_label(key))}</th><td>{_value(key, value)}</td></tr>'
        for key, value in facts.items()
    )
    return f'<table><caption class="hidden">{escape(caption)}</caption><tbody>{rows}</tbody></table>'


def _label(key: str) -> str:
    return _LABELS.get(key, key.replace("_", " ").capitalize())


def _value(key: str, value: Any) -> str:
    if key == "orders" and isinstance(value, list):
        return " ".join(_order_link(str(number), str(number)) for number in value) or "none"
    return escape(str(value))


def _order_link(order_id: str, text: str) -> str:
    return f'<a href="/orders?order_id={quote(order_id, safe="")}">{escape(text)}</a>'
