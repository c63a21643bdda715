"""A small package in the shape of bfcl-eval: one stateful class, one stateless, two cases. Written for tests."""

import json
import sys

import pytest

from agent_factory.environment.bfcl.package import Package
from agent_factory.environment.bfcl.world import BfclWorld

CONFIG = """
MULTI_TURN_FUNC_DOC_FILE_MAPPING = {"Shelf": "shelf.json", "Sums": "sums.json"}
CLASS_FILE_PATH_MAPPING = {"Shelf": "bfcl_eval.shelf", "Sums": "bfcl_eval.sums"}
STATELESS_CLASSES = ["Sums"]
"""
SHELF = """
import random


class Box:
    def __init__(self, name, parent=None):
        self.name, self.parent, self.contents, self._opened = name, parent, {}, 0


class Shelf:
    def __init__(self):
        self._api_description = "a shelf"

    def _load_scenario(self, scenario, long_context=False):
        self.root = Box("root")
        for name in scenario.get("boxes", []):
            self.root.contents[name] = Box(name, self.root)
        self.labels = scenario.get("labels", {})
        self.long_context = long_context
        self._random = random.Random(scenario.get("random_seed", 1))

    def add_box(self, name):
        if name in self.root.contents:
            return {"error": "there is such a box"}
        self.root.contents[name] = Box(name, self.root)
        return {"number": self._random.randint(0, 10**6)}

    def label(self, name, words, note=None):
        self.labels[name] = {"words": words, "note": note}
        return "labelled"

    def count(self, more=0):
        return {"count": len(self.root.contents) + more}

    def burn(self):
        self.root.contents.clear()

    def _burn(self):
        self.root.contents.clear()

    def tidy(self):
        self.root.contents.clear()

    def explode(self):
        raise ValueError("boom")
"""
SUMS = """
from decimal import getcontext


class Sums:
    def power(self, base, exponent):
        getcontext().prec = 3
        return {"result": base**exponent}
"""


def function(name, required=(), /, **properties):
    parameters = {"type": "dict", "properties": properties, "required": list(required)}
    return {"name": name, "description": f"Does {name}.", "parameters": parameters, "response": {"type": "dict"}}


TEXT, WORDS = {"type": "string"}, {"type": "tuple", "items": {"type": "string"}}
DOCUMENTS = {
    "shelf": [
        function("add_box", ["name"], name=TEXT),
        function("label", ["name", "words"], name=TEXT, words=WORDS, note={"type": "string", "default": "None"}),
        function("count", more={"type": "integer", "default": 0}),
        function("explode"),
        function("tidy"),
    ],
    "sums": [function("power", ["base", "exponent"], base={"type": "float"}, exponent={"type": "float"})],
}
CASES = {
    "multi_turn_base_0": {
        "question": ["Add a box b/1.", "How many are there?", "Label it."],
        "initial_config": {"Shelf": {"boxes": ["a"], "labels": {}}},
        "involved_classes": ["Shelf", "Sums"],
        "excluded_function": ["tidy"],
        "ground_truth": [["add_box('b/1')"], ["count()"], ["label(name='b/1', words=('x', 'y'))"]],
    },
    "multi_turn_base_1": {
        "question": ["What is two to the ten?"],
        "initial_config": {},
        "involved_classes": ["Sums"],
        "ground_truth": [["power(2, exponent=10)"]],
    },
}


def write_package(folder):
    package = folder / "bfcl_eval"
    answers = package / "data" / "possible_answer"
    answers.mkdir(parents=True)
    (package / "constants").mkdir()
    (package / "data" / "multi_turn_func_doc").mkdir()
    for name, text in {"constants/executable_backend_config": CONFIG, "shelf": SHELF, "sums": SUMS}.items():
        (package / f"{name}.py").write_text(text)
    for name, documents in DOCUMENTS.items():
        (package / "data" / "multi_turn_func_doc" / f"{name}.json").write_text("\n".join(map(json.dumps, documents)))
    told, solved = [], []
    for name, case in CASES.items():
        question = [[{"role": "user", "content": text}] for text in case["question"]]
        told.append(json.dumps({**case, "id": name, "question": question, "ground_truth": None}))
        solved.append(json.dumps({"id": name, "ground_truth": case["ground_truth"]}))
    (package / "data" / "BFCL_v4_multi_turn_base.json").write_text("\n".join(told))
    (answers / "BFCL_v4_multi_turn_base.json").write_text("\n".join(solved))


@pytest.fixture(autouse=True)
def forget_modules():
    """A test's package is not another's."""
    places = list(sys.path)
    yield
    sys.path[:] = places
    for name in [name for name in sys.modules if name.partition(".")[0] == "bfcl_eval"]:
        del sys.modules[name]


@pytest.fixture
def folder(tmp_path):
    write_package(tmp_path / "bfcl")
    return tmp_path / "bfcl"


@pytest.fixture
def world(folder):
    return BfclWorld(Package(folder))
