"""Calls as text: literals only, whatever else stands there is refused and never run."""

import pytest

from agent_factory.core.error import InputError
from agent_factory.environment.bfcl.call import parse_call


def test_a_call_is_a_name_and_literals():
    call = parse_call(" f('a', [1, -2.5], k={'x': (True, None)}) ")
    assert call == ("f", ("a", [1, -2.5]), {"k": {"x": [True, None]}})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("__import__('os').system('touch {file}')", "a call of a Attribute"),
        ("__import__('os')", "the private name '__import__'"),
        ("_load_scenario({})", "the private name '_load_scenario'"),
        ("shelf.burn()", "a call of a Attribute"),
        ("getattr(shelf, 'burn')()", "a call of a Call"),
        ("f(open('{file}', 'w'))", "a Call as an argument"),
        ("f(x=y)", "a Name as an argument"),
        ("f(x=y.z)", "a Attribute as an argument"),
        ("f(*[1])", "a Starred as an argument"),
        ("f(**{'x': 1})", "unpacked arguments"),
        ("f(x=[i for i in (1,)])", "a ListComp as an argument"),
        ("f(x={1: 2})", "a dictionary whose key is no string"),
        ("f(x={**{}})", "a dictionary whose key is no string"),
        ("f(x=b'a')", "a Constant as an argument"),
        ("f(x=-'a')", "a UnaryOp as an argument"),
        ("f(x=2**99)", "a BinOp as an argument"),
        ("f(x=f'{1}')", "a JoinedStr as an argument"),
        ("(lambda: 1)()", "a call of a Lambda"),
        ("f", "a Name"),
        ("x = f()", "no Python expression"),
        ("f(); g()", "no Python expression"),
        ("f(" * 5000, "no Python expression"),
        ("f('" + "x" * 30_000 + "')", "30005 characters"),
    ],
)
def test_anything_else_is_refused_by_name(tmp_path, text, found):
    file = tmp_path / "made"
    with pytest.raises(InputError) as refused:
        parse_call(text.replace("{file}", str(file)))
    assert found in str(refused.value)
    assert not file.exists()
