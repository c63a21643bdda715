"""What customers write: sentences by goal and split.

Invariant: no sentence stands in both splits. The held-out ones are other sentences made of largely
the same words, so that they ask for generalization and not for a larger dictionary.
"""

from __future__ import annotations

from random import Random

from agent_factory.contracts import Split

SENTENCES: dict[str, dict[Split, tuple[str, ...]]] = {
    "track": {
        "train": (
            "Where is order {order}?",
            "Can you tell me where my order {order} is?",
            "When does order {order} arrive?",
            "I want to know when order {order} arrives.",
            "Order {order} is not here yet, where is it?",
        ),
        "eval": (
            "Can you tell me when order {order} arrives?",
            "I want to know where my order {order} is.",
            "My order {order} is not here yet, when does it arrive?",
        ),
    },
    "stock": {
        "train": (
            "Do you have the {item} in stock?",
            "Is the {item} in stock?",
            "I want to know if the {item} is in stock.",
            "Is the {item} sold out?",
            "Can you tell me if you still have the {item}?",
        ),
        "eval": (
            "Do you still have the {item} in stock?",
            "Can you tell me if the {item} is in stock?",
            "I want to know if the {item} is sold out.",
        ),
    },
    "orders": {
        "train": (
            "Which orders do I have?",
            "Can you tell me which orders I have?",
            "I want to know the numbers of my orders.",
            "What are my orders?",
        ),
        "eval": (
            "Can you tell me the numbers of my orders?",
            "I want to know which orders I have.",
            "What are the numbers of my orders?",
        ),
    },
    "cancel": {
        "train": (
            "Please cancel order {order}.",
            "I want to cancel my order {order}.",
            "Can you cancel order {order} for me?",
            "I do not need order {order}, please cancel it.",
            "Cancel order {order}, please.",
            "I would like you to cancel order {order}.",
        ),
        "eval": (
            "Can you please cancel my order {order}?",
            "I do not need my order {order}, can you cancel it?",
            "I would like to cancel order {order}.",
        ),
    },
    "address": {
        "train": (
            "Please send order {order} to {address}.",
            "I have moved, please change the address of order {order} to {address}.",
            "Can you send order {order} to {address}?",
            "The new address for my order {order} is {address}.",
            "Change the address of order {order} to {address}, please.",
        ),
        "eval": (
            "Can you change the address of my order {order} to {address}?",
            "I have moved, please send order {order} to {address}.",
            "Please send my order {order} to the new address {address}.",
        ),
    },
    "exchange": {
        "train": (
            "Please exchange order {order} for the {item}.",
            "I want to exchange order {order} for the {item}.",
            "Can I exchange my order {order} for the {item}?",
            "I do not like order {order}, please exchange it for the {item}.",
            "Exchange order {order} for the {item}, please.",
        ),
        "eval": (
            "Can you exchange order {order} for the {item}?",
            "I would like to exchange my order {order} for the {item}.",
            "I do not like my order {order}, can I exchange it for the {item}?",
        ),
    },
    "refund": {
        "train": (
            "Please refund order {order}.",
            "I want my money back for order {order}.",
            "Can I have a refund for order {order}?",
            "I do not like order {order}, I want a refund.",
            "I would like a refund for my order {order}.",
        ),
        "eval": (
            "Can you refund my order {order}?",
            "I want a refund for order {order}.",
            "I do not like my order {order}, please refund it.",
        ),
    },
    "cancel_unnamed": {
        "train": ("Please cancel my order.", "I want to cancel my last order.", "Can you cancel an order for me?"),
        "eval": ("Can you please cancel my last order?", "I would like to cancel my order."),
    },
    "address_unnamed": {
        "train": ("Please send my order to {address}.", "I have moved, please send my last order to {address}."),
        "eval": ("Can you send my order to {address}?", "Please change the address of my order to {address}."),
    },
    "number": {
        "train": ("It is order {order}.", "The number is {order}.", "Order {order}."),
        "eval": ("My order number is {order}.", "It is {order}."),
    },
    "two": {
        "train": ("{first} Also: {second}", "{first} {second}", "Two things. {first} {second}"),
        "eval": ("Two things, please. {first} Also: {second}", "{first} And also: {second}"),
    },
    "sign": {
        "train": (
            "{text} My e-mail is {email}.",
            "{text} {name}, {email}",
            "I am {name}, e-mail {email}. {text}",
            "{text} Regards, {name} ({email})",
            "{text} My phone is {phone}. {name}, {email}",
        ),
        "eval": (
            "I am {name}, my e-mail is {email}. {text}",
            "{text} Regards, {name}, my e-mail is {email}.",
            "{text} My e-mail is {email}, my phone is {phone}. {name}",
        ),
    },
}


def write(rng: Random, goal: str, split: Split, **facts: str) -> tuple[str, str]:
    """A sentence for a goal, and the name of its template, such as ``cancel-eval-2``."""
    sentences = SENTENCES[goal][split]
    number = rng.randrange(len(sentences))
    return sentences[number].format(**facts), f"{goal}-{split}-{number}"
