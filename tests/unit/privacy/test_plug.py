"""Recognizers are plugged in by build.toml and really asked; what cannot be plugged in is told with the file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_factory.core.buildfile import PrivacySection
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe
from agent_factory.core.settings import get_settings
from agent_factory.privacy.redactor import open_redactor

RECOGNIZER = '''
from presidio_analyzer import LocalRecognizer, RecognizerResult

class Planets(LocalRecognizer):
    """A stand-in for a model: planets are persons, and towns have no label here."""

    def __init__(self, entity="PERSON", word="Venus"):
        self.word = word
        super().__init__(supported_entities=[entity, "LOCATION"], supported_language="de")

    def load(self):
        pass

    def analyze(self, text, entities, nlp_artifacts=None):
        start = text.find(self.word)
        entity = self.supported_entities[0]
        return [RecognizerResult(entity, start, start + len(self.word), 0.9)] if start >= 0 else []

class Thing:
    pass
'''


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AGENT_FACTORY_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def desk(tmp_path: Path) -> Recipe:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "planet.py").write_text(RECOGNIZER)
    (folder / "names.txt").write_text("Mia\n")
    (folder / "policy.md").write_text("Be kind.\n")
    return Recipe(folder)


def _plug(recipe: Recipe, entries: str) -> Recipe:
    (recipe.folder / "build.toml").write_text(f"[privacy]\nrecognizers = {entries}\n")
    return recipe


def _redact(recipe: Recipe, text: str) -> str:
    redactor = open_redactor(recipe)
    return redactor.redact_text(text, redactor.open_session())


def test_without_a_plug_nobody_asks(desk: Recipe) -> None:
    assert _redact(_plug(desk, "[]"), "Venus writes to Mia") == "Venus writes to <PERSON_1>"


def test_a_class_of_the_recipes_folder_is_asked_beside_the_rules(desk: Recipe) -> None:
    assert _redact(_plug(desk, '[".planet:Planets"]'), "Venus writes to Mia, kim@example.org") == (
        "<PERSON_1> writes to <PERSON_2>, <EMAIL_1>"
    )


def test_a_class_of_an_installed_module_with_arguments(desk: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(desk.folder))
    entry = '[{class = "planet:Planets", entity = "API_KEY", word = "Sesame"}]'
    assert _redact(_plug(desk, entry), "Sesame opens") == "<SECRET_1> opens"
    sys.modules.pop("planet")


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ('"planet:Planets"', "it is no list"),
        ("[7]", "it names no class"),
        ('["planet"]', "it names no class"),
        ('[{word = "x"}]', "it names no class"),
        ('["no_such_module_here:Planets"]', "No module named 'no_such_module_here'"),
        ('["json:Planets"]', "has no attribute 'Planets'"),
        ('["json:JSONDecoder"]', "'json:JSONDecoder' is not a subclass of presidio_analyzer.EntityRecognizer"),
        ('[".planet:Thing"]', "'.planet:Thing' is not a subclass"),
    ],
)
def test_an_entry_that_is_none_is_refused_when_the_recipe_is_opened(desk: Recipe, entries: str, reason: str) -> None:
    with pytest.raises(InputError, match=r"\[privacy\] recognizers in .*build.toml holds ") as caught:
        open_redactor(_plug(desk, entries))
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ('{class = ".planet:Planets", colour = "red"}', "unexpected keyword argument 'colour'"),
        ('{class = ".planet:Planets", entity = "PLANET"}', "none of which has a label here"),
    ],
)
def test_what_cannot_be_made_or_has_no_label_is_told_at_the_first_text(desk: Recipe, entry: str, reason: str) -> None:
    redactor = open_redactor(_plug(desk, f"[{entry}]"))
    with pytest.raises(InputError, match=reason):
        redactor.redact_text("Venus", redactor.open_session())


def test_build_toml_knows_the_key() -> None:
    told: Any = {"recognizers": ["a:B", {"class": "a:B", "model": "x"}]}
    assert PrivacySection.model_validate(told).recognizers == ("a:B", {"class": "a:B", "model": "x"})
    with pytest.raises(ValueError, match="recognisers"):
        PrivacySection.model_validate({"recognisers": []})


def test_redactors_of_other_recognizers_have_other_digests(desk: Recipe) -> None:
    bare = open_redactor(_plug(desk, "[]")).digest
    plugged = open_redactor(_plug(Recipe(desk.folder), '[".planet:Planets"]')).digest
    again = open_redactor(_plug(Recipe(desk.folder), '[".planet:Planets"]')).digest
    assert bare != plugged == again


def test_a_spacy_pipeline_in_a_folder_finds_names(desk: Recipe, tmp_path: Path) -> None:
    import spacy

    pipeline = spacy.blank("en")
    ruler: Any = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "Zaphod"}, {"label": "ORG", "pattern": "Acme"}])
    pipeline.to_disk(tmp_path / "model")
    entry = f'[{{class = "agent_factory.privacy.spacy_name:SpacyNames", model = "{tmp_path / "model"}"}}]'
    assert _redact(_plug(desk, entry), "zaphod? Zaphod of Acme") == "<PERSON_1>? <PERSON_1> of Acme"
    missing = '[{class = "agent_factory.privacy.spacy_name:SpacyNames", model = "no_such_model"}]'
    with pytest.raises(InputError, match="there is no spaCy model 'no_such_model'"):
        _redact(_plug(Recipe(desk.folder), missing), "Zaphod")
