"""Tools from OpenAPI: what is read, and how what is wrong is told."""

from copy import deepcopy

import pytest

from agent_factory.agent.openapi import read_tools
from agent_factory.core.error import InputError, NotFoundError

OK = {"200": {"description": "ok"}}
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "servers": [{"url": "http://shop.invalid"}],
    "paths": {
        "/things/{id}": {
            "parameters": [{"$ref": "#/components/parameters/Id"}],
            "put": {
                "operationId": "put_thing",
                "summary": "Change a thing.",
                "parameters": [
                    {"name": "dry", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "X-Why", "in": "header", "schema": {"type": "string"}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["size"],
                                "properties": {"size": {"type": "integer"}},
                            }
                        }
                    },
                },
                "responses": OK,
            },
        }
    },
    "components": {"parameters": {"Id": {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}}},
}


def _doubling():
    """Schemas that each stand twice in the one before: small as written, vast with references put in."""
    rows = {f"S{i}": {"anyOf": [{"$ref": f"#/components/schemas/S{i + 1}"}] * 2} for i in range(20)}
    return {**rows, "S20": {"type": "string"}}


def changed(change):
    document = deepcopy(DOCUMENT)
    change(document, document["paths"]["/things/{id}"]["put"])
    return document


def test_an_operation_becomes_a_tool_with_all_its_arguments():
    tool = read_tools(DOCUMENT).tools[0]

    assert (tool.name, tool.description) == ("put_thing", "Change a thing.")
    assert list(tool.parameters["properties"]) == ["id", "dry", "X-Why", "size"]
    assert tool.parameters["required"] == ["id", "size"]


def test_arguments_go_to_their_places():
    call = read_tools(DOCUMENT).operation("put_thing").to_call({"id": "a/b", "dry": True, "X-Why": "so", "size": 3})

    assert (call.method, call.url) == ("PUT", "/things/a%2Fb")
    assert (call.query, call.headers, call.body) == ((("dry", "true"),), {"X-Why": "so"}, {"size": 3})


def test_an_unknown_operation_lists_the_known():
    with pytest.raises(NotFoundError, match=r"'get_thing'.*put_thing"):
        read_tools(DOCUMENT).operation("get_thing")


@pytest.mark.parametrize(
    ("change", "place", "why"),
    [
        (lambda d, o: d.update(openapi="3.0.3"), "openapi", "'3.0.3'"),
        (lambda d, o: d["info"].pop("title"), "info", "'title'"),
        (lambda d, o: d.update(paths={}), "paths", "no operation"),
        (lambda d, o: d["paths"].update({"/x": {"get": {**o, "parameters": []}}}), "paths", "'put_thing'"),
        (
            lambda d, o: d["paths"].update(
                {"/put/thing": {"get": {"responses": OK}}, "/put-thing": {"get": {"responses": OK}}}
            ),
            "paths//put-thing/get",
            "a second tool 'get_put_thing'",
        ),
        (
            lambda d, o: o["parameters"][1]["schema"].update(pattern="^\\p{L}+$"),
            "put/parameters/1/schema/pattern",
            "is not a 'regex'",
        ),
        (
            lambda d, o: o["parameters"].append({"name": "q", "in": "query", "content": {"text/csv": {}}}),
            "paths//things/{id}/put",
            "'text/csv'",
        ),
        (
            lambda d, o: (
                d["components"].update(schemas=_doubling())
                or o["parameters"][0].update(schema={"$ref": "#/components/schemas/S0"})
            ),
            "paths//things/{id}/put/parameters/0/schema",
            "more than 300000 parts",
        ),
        (lambda d, o: d["components"].clear(), "paths//things/{id}/parameters/0", "leads nowhere"),
        (
            lambda d, o: d["components"]["parameters"].update(Id={"$ref": "#/components/parameters/Id"}),
            "paths//things/{id}/parameters/0",
            "leads back to itself",
        ),
        (
            lambda d, o: d["components"]["parameters"].update(Id={"$ref": "http://elsewhere/x.yaml"}),
            "paths//things/{id}/parameters/0",
            "leaves the document",
        ),
        (
            lambda d, o: o["parameters"][0]["schema"].update(type="bool"),
            "paths//things/{id}/put/parameters/0/schema/type",
            "'bool'",
        ),
        (
            lambda d, o: o["parameters"].append({"name": "X-Why", "in": "query", "schema": {}}),
            "paths//things/{id}/put",
            "stands twice",
        ),
        (
            lambda d, o: d["components"]["parameters"]["Id"].update(style="matrix"),
            "paths//things/{id}/put",
            "'matrix'",
        ),
        (
            lambda d, o: o.update(requestBody={"content": {"text/plain": {"schema": {"type": "string"}}}}),
            "paths//things/{id}/put/requestBody",
            "text/plain",
        ),
        (lambda d, o: o["responses"]["200"].pop("description"), "paths", "'description'"),
    ],
)
def test_a_bad_document_is_refused_with_file_and_place(change, place, why):
    with pytest.raises(InputError) as refusal:
        read_tools(changed(change), "shop.yaml")

    message = str(refusal.value)
    assert message.startswith("shop.yaml, at ")
    assert place in message
    assert why in message


def read_one(**operation):
    """The tool of a document with one operation, ``POST /things``."""
    item = {"post": {"responses": {200: {"description": "ok"}}, **operation}}
    return read_tools({"openapi": "3.1.1", "info": {"title": "t", "version": "1"}, "paths": {"/things/new-one": item}})


def with_body(schema, media="application/json", **more):
    return read_one(requestBody={"required": True, "content": {media: {"schema": schema}}}, **more)


def test_an_operation_without_an_id_is_named_by_method_and_path():
    assert read_one().tools[0].name == "post_things_new_one"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "integer"}},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"oneOf": [{"type": "object", "properties": {"a": {}}}, {"type": "null"}]},
        {"type": ["object", "null"], "properties": {"a": {}}},
    ],
)
def test_a_body_of_another_shape_is_one_argument(schema):
    tools = with_body(schema)
    parameters = tools.tools[0].parameters

    assert (parameters["properties"], parameters["required"]) == ({"body": schema}, ["body"])
    assert tools.operation("post_things_new_one").to_call({"body": [1, 2]}).body == [1, 2]


def test_a_body_that_has_a_parameters_name_is_one_argument():
    size = {"name": "size", "in": "query", "schema": {"type": "integer"}}
    tools = with_body({"type": "object", "properties": {"size": {"type": "integer"}}}, parameters=[size])
    call = tools.operation("post_things_new_one").to_call({"size": 1, "body": {"size": 2}})

    assert (call.query, call.body) == ((("size", "1"),), {"size": 2})


def test_what_only_answers_hold_is_no_argument():
    schema = {"type": "object", "properties": {"id": {"type": "string", "readOnly": True}, "a": {}}, "required": ["id"]}

    assert with_body(schema).tools[0].parameters["properties"] == {"a": {}}


def test_a_form_is_sent_as_fields():
    schema = {"type": "object", "properties": {"tags": {"type": "array"}, "name": {"type": "string"}}}
    call = with_body(schema, "application/x-www-form-urlencoded").operation("post_things_new_one")

    assert call.to_call({"tags": ["a", "b"], "name": "x"}).form == (("tags", "a"), ("tags", "b"), ("name", "x"))
    assert call.to_call({"name": "x"}).body is None


def test_headers_that_are_not_the_callers_are_no_arguments():
    names = ("Accept", "content-type", "Authorization", "X-Why")
    headers = [{"name": name, "in": "header", "schema": {"type": "string"}} for name in names]

    assert list(read_one(parameters=headers).tools[0].parameters["properties"]) == ["X-Why"]


def test_what_describes_a_reference_stands_before_what_it_refers_to():
    document = changed(lambda d, o: o["parameters"][0].update(schema={"$ref": "#/components/schemas/S", "default": 1}))
    document["components"]["schemas"] = {"S": {"type": "integer", "default": 0}}

    assert read_tools(document).tools[0].parameters["properties"]["dry"] == {"type": "integer", "default": 1}
