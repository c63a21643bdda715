"""What the plant's people write: sentences by goal and split.

Invariant: no sentence stands in both splits. The held-out ones are other sentences made of largely
the same words, so that they ask for generalization and not for a larger dictionary.
"""

from __future__ import annotations

from random import Random

from agent_factory.contracts import Split

SENTENCES: dict[str, dict[Split, tuple[str, ...]]] = {
    "reading": {
        "train": (
            "What is the {sensor} of machine {machine}?",
            "Can you tell me the {sensor} of the {kind}, machine {machine}?",
            "I want to know the {sensor} of machine {machine}.",
            "Please read the {sensor} of the {kind}, machine {machine}.",
        ),
        "eval": (
            "Can you read the {sensor} of machine {machine}?",
            "Please tell me what the {sensor} of the {kind} is, machine {machine}.",
            "I want to know what the {sensor} of machine {machine} is.",
        ),
    },
    "part": {
        "train": (
            "Where is the {part}?",
            "In which bin is the {part}?",
            "Can you tell me where the {part} is?",
            "I want to know if the {part} is in stock.",
            "Do we have the {part} in stock?",
        ),
        "eval": (
            "Can you tell me in which bin the {part} is?",
            "I want to know where the {part} is.",
            "Is the {part} in stock?",
        ),
    },
    "technician": {
        "train": (
            "Who works on order {order}?",
            "Can you tell me who works on order {order}?",
            "Which technician has order {order}?",
            "I want to know which technician works on order {order}.",
        ),
        "eval": (
            "Can you tell me which technician has order {order}?",
            "I want to know who works on order {order}.",
            "Which technician works on order {order}?",
        ),
    },
    "need": {
        "train": (
            "Which part does {fault} need?",
            "Can you tell me which part we need for {fault}?",
            "I want to know the part for {fault}.",
            "What part is for {fault}?",
        ),
        "eval": (
            "Can you tell me the part for {fault}?",
            "Which part do we need for {fault}?",
            "I want to know which part is for {fault}.",
        ),
    },
    "open": {
        "train": (
            "Please open an order for machine {machine}, it is {fault}.",
            "The {kind} has {fault}, open an order for machine {machine}.",
            "Can you open an order for {fault} at machine {machine}?",
            "We have {fault} at machine {machine}, please open an order.",
            "I want an order for machine {machine}, the {kind} has {fault}.",
        ),
        "eval": (
            "Can you open an order for machine {machine}, it is {fault}?",
            "The {kind} has {fault}, I want an order for machine {machine}.",
            "Please open an order for {fault} at machine {machine}.",
        ),
    },
    "open_urgent": {
        "train": (
            "Please open an urgent order for machine {machine}, it is {fault}.",
            "It is urgent: {fault} at machine {machine}, open an order.",
            "The {kind} has {fault}, open an urgent order for machine {machine}.",
        ),
        "eval": (
            "It is urgent: open an order for {fault} at machine {machine}.",
            "Can you open an urgent order for {fault} at machine {machine}?",
        ),
    },
    "open_unnamed": {
        "train": (
            "Please open an order, the {kind} has {fault}.",
            "We have {fault}, can you open an order?",
            "I want an order for {fault} at the {kind}.",
        ),
        "eval": ("Can you open an order for {fault} at the {kind}?", "The {kind} has {fault}, please open an order."),
    },
    "check": {
        "train": (
            "Please check machine {machine} and open an order.",
            "The {kind} is not right, check machine {machine} and open an order.",
            "Can you check what machine {machine} has, and open an order for it?",
            "Something is wrong at machine {machine}, check it and open an order.",
        ),
        "eval": (
            "Can you check machine {machine} and open an order for it?",
            "Something is not right at the {kind}, check machine {machine} and open an order.",
            "The {kind} is wrong, please check machine {machine} and open an order.",
        ),
    },
    "reserve": {
        "train": (
            "Please reserve the {part} for order {order}.",
            "I want the {part} for order {order}.",
            "Can you reserve the {part} for my order {order}?",
            "Order {order} needs the {part}, reserve it.",
        ),
        "eval": (
            "Can you reserve the {part} for order {order}?",
            "My order {order} needs the {part}, please reserve it.",
            "I want you to reserve the {part} for order {order}.",
        ),
    },
    "reserve_needed": {
        "train": (
            "Please reserve the part for it.",
            "Reserve the part that it needs.",
            "Can you reserve the part too?",
        ),
        "eval": ("Can you reserve the part that it needs?", "Please reserve the part too."),
    },
    "close": {
        "train": (
            "Order {order} is done, please close it.",
            "Please close order {order}.",
            "Can you close my order {order}?",
            "I want to close order {order}, it is done.",
        ),
        "eval": (
            "Can you close order {order}, it is done?",
            "My order {order} is done, close it please.",
            "I want you to close order {order}.",
        ),
    },
    "number": {
        "train": ("It is machine {machine}.", "The number is {machine}.", "Machine {machine}."),
        "eval": ("The machine number is {machine}.", "It is {machine}."),
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
FAULT_WORDS = {
    "drive overheating": "drive overheating",
    "rotor imbalance": "a rotor imbalance",
    "bearing wear": "bearing wear",
    "line blockage": "a line blockage",
    "oil leak": "an oil leak",
}


def write(rng: Random, goal: str, split: Split, **facts: str) -> tuple[str, str]:
    """A sentence for a goal, and the name of its template, such as ``close-eval-2``."""
    sentences = SENTENCES[goal][split]
    number = rng.randrange(len(sentences))
    return sentences[number].format(**facts), f"{goal}-{split}-{number}"
