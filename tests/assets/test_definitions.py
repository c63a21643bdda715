"""The graph as it stands in graph.json, and what loading it must not do.

After a change that is meant: ``python tests/assets/test_definitions.py`` writes the snapshot again.
"""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from factory_assets import keys
from factory_assets.definitions import defs

SNAPSHOT = Path(__file__).parent / "graph.json"
CHECKOUT = Path(__file__).parents[2]


def describe_graph() -> dict[str, Any]:
    graph = defs.get_repository_def().asset_graph
    described: dict[str, Any] = {}
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        described[key.to_user_string()] = {
            "group": node.group_name,
            "deps": sorted(parent.to_user_string() for parent in node.parent_keys),
            "partitions": None if node.partitions_def is None else str(node.partitions_def),
            "kinds": sorted(tag.removeprefix("dagster/kind/") for tag in node.tags if tag.startswith("dagster/kind/")),
            "owners": sorted(node.owners),
            "pools": sorted(node.pools or []),
            "code_version": node.code_version,
            "executable": node.is_executable,
            "automation": None if node.automation_condition is None else node.automation_condition.get_label(),
            "checks": {
                check.name: {
                    "blocking": graph.get(check).blocking,
                    "partitioned_as_asset": graph.get(check).partitions_def == node.partitions_def,
                }
                for check in sorted(node.check_keys)
            },
        }
    return described


def test_graph_is_the_snapshot() -> None:
    assert describe_graph() == json.loads(SNAPSHOT.read_text())


def test_every_check_but_one_blocks_and_is_partitioned_like_its_asset() -> None:
    checks = [(name, check) for asset in describe_graph().values() for name, check in asset["checks"].items()]
    assert {name for name, _ in checks} == {
        "levels_in_order",
        "schema",
        "no_pii",
        "enough_rows",
        "no_eval_leak",
        "solvable",
        "loads",
        "pairwise_accuracy",
        "gate",
    }
    warns = {"levels_in_order"}
    assert all(check == {"blocking": name not in warns, "partitioned_as_asset": True} for name, check in checks)


def test_builds_wait_for_all_blocking_checks_of_a_day() -> None:
    graph = defs.get_repository_def().asset_graph
    assert set(keys.DAY_CHECKS) == {check for key in keys.DAY_DATA for check in graph.get(key).check_keys}


def test_release_and_deployment_have_no_automation() -> None:
    graph = describe_graph()
    assert graph["runtime/release"]["automation"] is None
    assert graph["runtime/deployment"]["automation"] is None


def test_every_asset_tells_what_it_is() -> None:
    graph = defs.get_repository_def().asset_graph
    for key in graph.get_all_asset_keys():
        assert graph.get(key).description, key
        assert graph.get(key).owners, key


def test_loading_leaves_heavy_libraries_out() -> None:
    heavy = ["torch", "transformers", "trl", "playwright", "mlflow", "datasets", "matplotlib"]
    heavy += ["great_expectations", "presidio_analyzer"]
    code = f"import sys, factory_assets.definitions; print(sorted(set({heavy!r}) & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


@pytest.mark.parametrize("folder", ["factory_assets", "resources", "sensors"])
def test_no_postponed_annotations(folder: str) -> None:
    """Dagster reads annotations of parameters; as strings they break its Config and resources."""
    for path in (CHECKOUT / folder).rglob("*.py"):
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        assert "__future__" not in {node.module for node in imports}, path


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(describe_graph(), indent=2) + "\n")
