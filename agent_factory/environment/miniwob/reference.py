"""Reference solutions of some of MiniWoB++'s tasks: from what is seen so far to what is done next.

A plan is a pure function of the task's words and the observations so far, the first of them before any action;
it gives all moves that it knows by then. Invariant: it reads what an agent reads and nothing of the page's insides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from agent_factory.contracts.message import ToolCall
from agent_factory.environment.miniwob.page import Element, Page

Move = tuple[str, dict[str, Any]]
Plan = Callable[[str, Sequence[Page]], Iterator[Move]]


def next_call(task: str, asked: str, seen: Sequence[str]) -> ToolCall | None:
    """What to do after these observations; None where the plan is at its end.

    LookupError where the page has not what the plan looks for, KeyError where there is no plan for the task.
    """
    done = len(seen) - 1
    moves = PLANS[task](asked, [Page(text) for text in seen])
    for number, (name, arguments) in enumerate(moves):
        if number == done:
            return ToolCall(id=f"c{done + 1}", name=f"browser_{name}", arguments=arguments)
    return None


def _click(element: Element) -> Move:
    return "click", {"ref": element.ref}


def _fill(element: Element, text: str) -> Move:
    return "type", {"ref": element.ref, "text": text}


def _submit(page: Page, *names: str) -> Move:
    return _click(page.one("button", name=next(name for name in names or ("Submit",) if page.all("button", name))))


def _quoted(asked: str) -> list[str]:
    return re.findall(r'"([^"]*)"', asked)


def _listed(asked: str) -> list[str]:
    names: str = "".join(re.findall(r"Select (.*?)(?: from the (?:scroll )?list)? and click Submit", asked))
    return [name for name in names.split(", ") if name != "nothing"]


def _number(asked: str) -> int:
    found = re.search(r"(\d+)(?:st|nd|rd|th)", asked)
    return int(found.group(1)) if found else 1


def _click_only_button(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    yield _click(seen[0].one("button"))


def _click_quoted(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    yield _click(seen[0].one("button", _quoted(asked)[0]))


def _click_capitals(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    for name in re.findall(r"button ([A-Z]+)", asked):
        x, y = seen[0].bare_place(seen[0].one("button", name))
        yield "mouse_click_xy", {"x": x, "y": y}


def _click_dialog_button(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    label = _quoted(asked)[0]
    yield _click(seen[0].one("button", "Close" if label.lower() == "x" else label))


def _click_tab(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    yield _click(seen[0].one("link", asked.removeprefix("Click on ").removesuffix(".")))


def _check_listed(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    for name in _listed(asked):
        yield _click(seen[0].one("checkbox", name))
    yield _submit(seen[0])


def _choose_listed(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    yield _click(seen[0].one("radio", _listed(asked)[0]))
    yield _submit(seen[0])


def _select_listed(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    lists = [*seen[0].all("combobox"), *seen[0].all("listbox")]
    yield "select_option", {"ref": lists[0].ref, "values": _listed(asked)}
    yield _submit(seen[0])


def _enter_quoted(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    for field, text in zip(seen[0].all("textbox"), _quoted(asked) * 2, strict=False):
        yield _fill(field, text)
    yield _submit(seen[0], "Submit", "Login")


def _enter_in_case(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    text = _quoted(asked)[0]
    yield _fill(seen[0].one("textbox"), text.lower() if "lower case" in asked else text.upper())
    yield _submit(seen[0])


def _enter_date(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    month, day, year = re.findall(r"\d+", asked)[:3]
    yield _fill(seen[0].one("textbox"), f"{year}-{month}-{day}")
    yield _submit(seen[0])


def _enter_time(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    hour, minute, half = re.findall(r"(\d+):(\d+)(?: ([AP]M))?", asked)[0]
    yield _fill(seen[0].one("textbox"), f"{int(hour) % 12 + 12 * (half == 'PM') if half else int(hour):02}:{minute}")
    yield _submit(seen[0])


def _focus_text(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    yield _click(seen[0].all("textbox")[_number(asked) - 1])


def _click_widget(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    kind = _quoted(asked)[0]
    found = seen[0].all({"text": "textbox", "textarea": "textbox"}.get(kind, kind))
    tall = [field for field in found if (field.box[3] > 22) == (kind == "textarea")]
    yield _click((tall if kind in ("text", "textarea") else found)[0])


def _compute(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    told = next(e.text for e in seen[0].elements if re.search(r"^\d+ [-+x] \d+ =", e.text))
    left, sign, right = re.findall(r"(\d+) ([-+x]) (\d+)", told)[0]
    a, b = int(left), int(right)
    yield _fill(seen[0].one("textbox"), str({"+": a + b, "-": a - b, "x": a * b}[sign]))
    yield _submit(seen[0])


def _solve_for_x(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    told = next(e.text for e in seen[0].elements if re.search(r"x.* = -?\d+$|= -?\d+$", e.text))
    left, sign, right, total = re.findall(r"(-?\w+) ([-+]) (-?\w+) = (-?\d+)", told)[0]
    given = int(left if right == "x" else right)
    x = int(total) - given if sign == "+" else given - int(total) if right == "x" else int(total) + given
    yield _fill(seen[0].one("textbox"), str(x))
    yield _submit(seen[0])


def _copy_letters(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    letters = [e for e in seen[0].all("generic") if len(e.text) == 1]
    yield _fill(seen[0].one("textbox"), "".join(e.text for e in letters))
    yield _submit(seen[0])


def _find_word(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    words = re.findall(r"\w+", seen[0].one("paragraph").text)
    yield _fill(seen[0].one("textbox"), words[_number(asked) - 1])
    yield _submit(seen[0])


def _last_word(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    told, field = seen[0].all("textbox")
    yield _fill(field, re.findall(r"\w+", told.text)[-1])
    yield _submit(seen[0])


def _read_table(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    names = [cell.name for cell in seen[0].all("cell")]
    values = dict(zip(names[::2], names[1::2], strict=True))
    labels = re.findall(r"value of (.*) into the", asked) or [
        e.text.removesuffix(":") for e in seen[0].all("generic") if e.text.endswith(":")
    ]
    for field, label in zip(seen[0].all("textbox"), labels, strict=True):
        yield _fill(field, values[label])
    yield _submit(seen[0])


def _turn_spinner(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    yield _fill(seen[0].one("spinbutton"), re.findall(r"-?\d+", asked)[0])
    yield _submit(seen[0])


def _click_in_order(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    numbers = [e for e in seen[0].all("generic") if e.text.isdigit()]
    for number in sorted(numbers, key=lambda e: int(e.text)):
        x, y = number.middle
        yield "mouse_click_xy", {"x": x, "y": y}


def _fill_form(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    radio, field = (int(n) for n in re.findall(r"(\d+)(?:st|nd|rd|th)", asked))
    yield _click(seen[0].all("radio")[radio - 1])
    yield _fill(seen[0].all("textbox")[field - 1], _quoted(asked)[0])
    yield _submit(seen[0])


def _mark_parity(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    numbers = [int(e.text) for e in seen[0].all("generic") if re.fullmatch(r"-?\d+", e.text)]
    odd, even = seen[0].all("button", "Odd"), seen[0].all("button", "Even")
    for place, number in enumerate(numbers):
        yield _click((odd if number % 2 else even)[place])
    yield _submit(seen[0])


def _guess_number(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    low, high = (int(n) for n in re.findall(r"(\d+)-(\d+)", asked)[0])
    for turn in range(high - low + 1):
        guess = (low + high) // 2
        yield _fill(seen[0].one("spinbutton"), str(guess))
        yield _submit(seen[0])
        told = " ".join(e.text for e in seen[min(2 * turn + 2, len(seen) - 1)].elements)
        low, high = (guess + 1, high) if "higher" in told else (low, guess - 1)


def _pick_greatest(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    yield _click(max((e for e in seen[0].all("generic") if e.text.isdigit()), key=lambda e: int(e.text)))
    yield _submit(seen[0])


def _click_by_name(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    yield _click(seen[0].one("button", asked.removeprefix("Click the ").removesuffix(" button.").capitalize()))


def _click_coordinate(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    x, y = (int(n) for n in re.findall(r"-?\d+", asked))
    labels = [e for e in seen[0].all("generic") if re.fullmatch(r"-?[12]", e.text)]
    half = len(labels) // 2
    across = {int(e.text): e.middle[0] for e in labels[:half]}
    down = {int(e.text): e.middle[1] for e in labels[half:]}
    middle = [(places[-1] + places[1]) / 2 for places in (across, down)]
    yield "mouse_click_xy", {"x": across.get(x, middle[0]), "y": down.get(y, middle[1])}


def _choose_and_press(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    option = re.findall(r"Choose (.*) from the dropdown", asked)[0]
    yield "select_option", {"ref": seen[0].one("combobox").ref, "values": [option]}
    yield _submit(seen[0], _quoted(asked)[0])


def _buy_ticket(asked: str, seen: Sequence[Page]) -> Iterator[Move]:
    tickets = seen[0].all("button")
    if "cost" in asked:
        measures = [int(e.name.rpartition("$")[2]) for e in tickets]
    else:
        told = (re.fullmatch(r"(\d+)h (\d+)m", e.text) for e in seen[0].all("generic"))
        measures = [int(time[1]) * 60 + int(time[2]) for time in told if time]
    best = max(measures) if "most" in asked or "longest" in asked else min(measures)
    yield _click(tickets[measures.index(best)])


PLANS: Mapping[str, Plan] = MappingProxyType(
    {
        "ascending-numbers": _click_in_order,
        "buy-ticket": _buy_ticket,
        "choose-list": _select_listed,
        "click-button": _click_quoted,
        "click-button-sequence": _click_capitals,
        "click-checkboxes": _check_listed,
        "click-checkboxes-large": _check_listed,
        "click-checkboxes-transfer": _check_listed,
        "click-dialog": _click_dialog_button,
        "click-dialog-2": _click_dialog_button,
        "click-option": _choose_listed,
        "click-scroll-list": _select_listed,
        "click-tab": _click_tab,
        "click-test": _click_only_button,
        "click-test-2": _click_capitals,
        "click-test-transfer": _click_capitals,
        "click-widget": _click_widget,
        "enter-date": _enter_date,
        "enter-password": _enter_quoted,
        "enter-text": _enter_quoted,
        "enter-text-2": _enter_in_case,
        "enter-text-dynamic": _enter_quoted,
        "enter-time": _enter_time,
        "find-greatest": _pick_greatest,
        "find-word": _find_word,
        "focus-text": _focus_text,
        "focus-text-2": _focus_text,
        "form-sequence-2": _fill_form,
        "form-sequence-3": _choose_and_press,
        "grid-coordinate": _click_coordinate,
        "guess-number": _guess_number,
        "login-user": _enter_quoted,
        "odd-or-even": _mark_parity,
        "read-table": _read_table,
        "read-table-2": _read_table,
        "scroll-text": _last_word,
        "sign-agreement": _click_by_name,
        "simple-algebra": _solve_for_x,
        "simple-arithmetic": _compute,
        "text-transform": _copy_letters,
        "unicode-test": _click_quoted,
        "use-spinner": _turn_spinner,
    }
)
"""The tasks that are solved here, with their plans."""
