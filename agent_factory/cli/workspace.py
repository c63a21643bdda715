"""The Dagster code location of the checkout, as ``workspace.yaml`` names it for everyone."""

from __future__ import annotations

from typing import Any

import yaml

from agent_factory.core.error import InputError
from agent_factory.core.settings import CHECKOUT


def read_location() -> dict[str, str]:
    """Module and name of the one code location; InputError where the file names none."""
    path = CHECKOUT / "workspace.yaml"
    try:
        found: Any = yaml.safe_load(path.read_text())
        module = found["load_from"][0]["python_module"]
        return {"module_name": module["module_name"], "location_name": module["location_name"]}
    except (OSError, yaml.YAMLError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"{path} names no Dagster code location ({type(error).__name__}: {error}); "
            "expected load_from: [{python_module: {module_name, location_name}}]"
        ) from error
