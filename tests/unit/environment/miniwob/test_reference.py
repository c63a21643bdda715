"""Reading an observation back, and plans that need no browser to be checked."""

import pytest

from agent_factory.environment.miniwob.page import Page
from agent_factory.environment.miniwob.reference import next_call

HEAD = "url: https://miniwob.test/miniwob/x.html\ntitle: X\ntree:\n"
TREE = (
    HEAD
    + r"""- generic [ref=e2] [box=0,0,160,210]:
  - generic [ref=e3]: Say "hi".
  - 'link "Tab #1" [ref=e7] [cursor=pointer] [box=7,58,40,24]':
    - /url: "#tabs-1"
  - textbox "A \"b\"" [disabled] [ref=e8]: "7"
  - button "Submit" [ref=e9]"""
)


def test_elements_are_read_with_role_name_text_reference_and_place():
    page = Page(TREE)
    assert [e.role for e in page.elements] == ["generic", "generic", "link", "textbox", "button"]
    assert page.one("generic", text='Say "hi".').ref == "e3"
    assert page.one("link", "Tab #1").middle == (27.0, 70.0)
    assert page.one("textbox", 'A "b"').text == "7"
    with pytest.raises(LookupError, match="there is no button 'Go' on the page"):
        page.one("button", "Go")


def test_a_plan_goes_on_by_what_is_seen_and_comes_to_its_end():
    form = HEAD + '- generic [ref=e5]: {}\n- spinbutton [ref=e8]\n- button "Submit" [ref=e9]'
    seen = [form.format("Waiting for your guess...")]
    guesses = []
    for number in range(40):
        call = next_call("guess-number", "Guess the number between 0-9 and press Submit.", seen)
        if call is None:
            break
        if call.name == "browser_type":
            guesses.append(call.arguments["text"])
        told = "higher" if number and int(guesses[-1]) < 8 else "lower"
        seen.append(form.format(f"The number is {told} than {guesses[-1]}."))
    assert guesses[:3] == ["4", "7", "8"]


@pytest.mark.parametrize(
    ("told", "answer"), [("1 + x = 21", "20"), ("x - 4 = -1", "3"), ("9 - x = 11", "-2"), ("x + -3 = 0", "3")]
)
def test_equations_are_solved(told, answer):
    page = HEAD + f'- generic [ref=e5]: {told}\n- textbox [ref=e7]\n- button "Submit" [ref=e8]'
    assert next_call("simple-algebra", "Solve for x.", [page]).arguments == {"ref": "e7", "text": answer}
    assert next_call("simple-algebra", "Solve for x.", [page] * 3) is None


def test_a_page_without_what_a_plan_looks_for_is_told():
    with pytest.raises(LookupError, match="no button 'Ok'"):
        next_call("click-button", 'Click on the "Ok" button.', [TREE])
