"""The recipe's files fit together: tools, code and names that the others refer to."""

import sys

from agent_factory.agent.openapi import read_tools
from agent_factory.core.recipe import load_recipe

RECIPE = load_recipe("support_desk")


def test_openapi_has_the_tools_that_scenarios_give():
    tools = read_tools(RECIPE.openapi)

    assert tuple(sorted(tools.operations)) == tuple(
        sorted(sys.modules[RECIPE.load("scenarios:generate").__module__].TOOLS)
    )
    for tool in tools.tools:
        assert tool.description
        assert tool.parameters["required"]


def test_every_route_of_the_simulator_is_described():
    app = RECIPE.load("simulator.app:create_app")()
    served = {(route.path, method) for route in app.routes for method in route.methods - {"HEAD"}}
    described = {
        (path, method.upper()) for path, item in RECIPE.openapi["paths"].items() for method in item if method != "$ref"
    }

    assert served == described


def test_build_file_names_code_that_is_there():
    for target in RECIPE.settings["recipe"].values():
        assert callable(RECIPE.load(target))


def test_policy_names_every_rule_that_scenarios_grade():
    for words in ("Cancel", "Refund", "Exchange", "503", "order number", "another customer", "30 days", "200 euros"):
        assert words in RECIPE.policy
