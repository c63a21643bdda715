"""A recipe's files fit together: tools, code and names that the others refer to."""

from agent_factory.agent.openapi import read_tools
from agent_factory.core.order import read_settings_of


def test_openapi_has_the_tools_that_scenarios_give(shipped):
    tools = read_tools(shipped.recipe.openapi)

    assert sorted(tools.operations) == sorted(shipped.module().TOOLS)
    for tool in tools.tools:
        assert tool.description
        assert tool.parameters["required"]


def test_every_route_of_the_simulator_is_described(shipped):
    app = shipped.recipe.load_part("simulator")()
    served = {(route.path, method) for route in app.routes for method in route.methods - {"HEAD"}}
    described = {
        (path, method.upper())
        for path, item in shipped.recipe.openapi["paths"].items()
        for method in item
        if method != "$ref"
    }

    assert served == described


def test_build_file_names_code_that_is_there(shipped):
    assert read_settings_of(shipped.recipe)
    for target in shipped.recipe.settings["recipe"].values():
        assert callable(shipped.recipe.load(target))


def test_policy_names_every_rule_that_scenarios_grade(shipped):
    for words in shipped.policy:
        assert words in shipped.recipe.policy
