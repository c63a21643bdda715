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
    assert (call.query, call.headers, call.body) == ({"dry": "true"}, {"X-Why": "so"}, {"size": 3})


def test_an_unknown_operation_lists_the_known():
    with pytest.raises(NotFoundError, match=r"'get_thing'.*put_thing"):
        read_tools(DOCUMENT).operation("get_thing")


@pytest.mark.parametrize(
    ("change", "place", "why"),
    [
        (lambda d, o: d.update(openapi="3.0.3"), "openapi", "'3.0.3'"),
        (lambda d, o: d["info"].pop("title"), "info", "'title'"),
        (lambda d, o: d.update(paths={}), "paths", "no operation"),
        (lambda d, o: o.pop("operationId"), "paths//things/{id}/put", "operationId"),
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
            lambda d, o: o["parameters"].append({"name": "size", "in": "query", "schema": {}}),
            "paths//things/{id}/put",
            "stands twice",
        ),
        (
            lambda d, o: o["parameters"].append({"name": "c", "in": "cookie", "schema": {}}),
            "paths//things/{id}/put",
            "'cookie'",
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
