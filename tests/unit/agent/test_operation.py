"""An operation as a call: arguments are written as OpenAPI says, and none leaves its place."""

import asyncio

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_factory.agent.openapi import read_tools
from agent_factory.agent.operation import Operation, Style
from agent_factory.agent.toolbox import Toolbox
from agent_factory.contracts import ToolCall
from agent_factory.core.error import InputError

TAGS, BOX = ["a b", "c&d"], {"w": 1, "h": True}


def write(place, value, style=None, path="/t"):
    styles = {} if style is None else {"p": style}
    return Operation("t", "get", path, {"p": place}, {}, styles).to_call({"p": value})


@pytest.mark.parametrize(
    ("style", "value", "expected"),
    [
        (Style("form", True), TAGS, (("p", "a b"), ("p", "c&d"))),
        (Style("form", False), TAGS, (("p", "a b,c&d"),)),
        (Style("pipeDelimited", False), TAGS, (("p", "a b|c&d"),)),
        (Style("spaceDelimited", False), [1, 2], (("p", "1 2"),)),
        (Style("deepObject", False), BOX, (("p[w]", "1"), ("p[h]", "true"))),
        (Style("deepObject", False), [1, 2], (("p", "1"), ("p", "2"))),
        (Style("form", True), BOX, (("w", "1"), ("h", "true"))),
        (Style("form", False), BOX, (("p", "w,1,h,true"),)),
        (Style("json", False), BOX, (("p", '{"w": 1, "h": true}'),)),
        (Style(), False, (("p", "false"),)),
        (Style(), None, ()),
    ],
)
def test_a_query_is_written_by_its_style(style, value, expected):
    assert write("query", value, style).query == expected


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("a/b?c", "/t/a%2Fb%3Fc/x"),
        ("...", "/t/.../x"),
        (["a", "b/c"], "/t/a,b%2Fc/x"),
        (True, "/t/true/x"),
    ],
)
def test_a_path_argument_stays_one_segment(value, url):
    assert write("path", value, Style("simple", False), "/t/{p}/x").url == url


@pytest.mark.parametrize("value", ["", ".", "..", [], [".."], {}])
def test_a_path_argument_that_would_lead_elsewhere_is_refused(value):
    with pytest.raises(InputError, match=r"p: .* leads to another path"):
        write("path", value, Style("simple", False), "/t/{p}")


def test_a_header_and_a_cookie_hold_one_value():
    assert write("header", "so\r\nX-Key: é", Style("simple", False)).headers == {"p": "so%0D%0AX-Key: %C3%A9"}
    assert write("cookie", "a; b=c").headers == {"Cookie": "p=a%3B%20b%3Dc"}


def test_a_vendors_json_is_named_so():
    call = Operation("t", "patch", "/t", {"p": "body"}, {}, {}, "application/merge-patch+json").to_call({"p": 1})

    assert (call.headers, call.body) == ({"Content-Type": "application/merge-patch+json"}, {"p": 1})


TYPES = st.sampled_from(["string", "integer", "boolean", "array", "object", ["string", "null"], None, "strange"])
NAMES = st.sampled_from(["a", "b", "id", "body", "X-Y", "accept"])
PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
VALUES = st.recursive(PLAIN, lambda v: st.lists(v, max_size=3) | st.dictionaries(NAMES, v, max_size=3), max_leaves=5)


@st.composite
def schemas(draw):
    kind = draw(TYPES)
    schema = {} if kind is None else {"type": kind}
    if kind == "object" and draw(st.booleans()):
        schema["properties"] = {name: {} for name in draw(st.lists(NAMES, max_size=3))}
    return {"oneOf": [schema, {"type": "null"}]} if draw(st.booleans()) else schema


@st.composite
def operations(draw):
    places = st.sampled_from(["query", "header", "cookie", "path"])
    styles = st.sampled_from(["form", "simple", "deepObject", "spaceDelimited", "matrix"])
    parameters = []
    for name, place in draw(st.lists(st.tuples(NAMES, places), max_size=3, unique=True)):
        parameter = {"name": name, "in": place, "required": place == "path", "schema": draw(schemas())}
        parameters.append(parameter | ({"style": draw(styles)} if draw(st.booleans()) else {}))
    operation = {"parameters": parameters, "responses": {"200": {"description": "ok"}}}
    if draw(st.booleans()):
        media = draw(
            st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain", "a/b+json"])
        )
        operation["requestBody"] = {"required": draw(st.booleans()), "content": {media: {"schema": draw(schemas())}}}
    path = "/t" + "".join(f"/{{{one['name']}}}" for one in parameters if one["in"] == "path")
    return path, operation


@settings(max_examples=150, deadline=None)
@given(operations(), st.data())
def test_every_operation_can_be_called_or_is_refused_with_its_place(found, data):
    path, operation = found
    document = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {path: {"post": operation}}}
    tools = read(document)
    if isinstance(tools, str):
        assert tools.startswith("openapi.yaml, at 'paths")
        return
    names = list(tools.tools[0].parameters["properties"])
    arguments = {name: data.draw(VALUES, label=name) for name in names}
    seen = []

    def answer(request):
        seen.append(request)
        return httpx.Response(200, json={"ok": True})

    result = asyncio.run(call(tools, answer, ToolCall(id="c", name=tools.tools[0].name, arguments=arguments)))
    assert result.ok == bool(seen)
    if seen:
        assert seen[0].url.raw_path.count(b"/") == path.count("/")
    else:
        assert ": 422 " in result.error


def read(document):
    """The tools of a document, or why it is refused."""
    try:
        return read_tools(document)
    except InputError as refusal:
        return str(refusal)


async def call(tools, answer, tool_call):
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://x") as client:
        return await Toolbox(tools, client).call(tool_call, 5.0)
