"""A toolkit in the shape of τ²-bench's: methods marked by ``is_tool`` over a pydantic database. Written for tests."""

import inspect
from enum import StrEnum

from addict import Dict  # noqa: F401  (imported there, to change a database by a task's initial state)
from loguru import logger
from pydantic import BaseModel, create_model


class ToolType(StrEnum):
    READ = "read"
    WRITE = "write"


class DB(BaseModel):
    pass


def is_tool(tool_type=ToolType.READ):
    def mark(method):
        method.__tool_type__ = tool_type
        return method

    return mark


class Tool:
    def __init__(self, name, method):
        self.name, self.doc = name, inspect.getdoc(method)
        given = inspect.signature(method).parameters.values()
        self.params = create_model("parameters", **{p.name: (p.annotation, ...) for p in given})

    @property
    def openai_schema(self):
        function = {"name": self.name, "description": self.doc, "parameters": self.params.model_json_schema()}
        return {"type": "function", "function": function}


class ToolKitBase:
    def __init__(self, db=None):
        self.db = db

    def _methods(self):
        found = inspect.getmembers(self, inspect.ismethod)
        return {name: method for name, method in found if hasattr(method, "__tool_type__")}

    def get_tools(self):
        return {name: Tool(name, method) for name, method in self._methods().items()}

    def use_tool(self, tool_name, **arguments):
        logger.debug(tool_name)
        return self._methods()[tool_name](**arguments)
