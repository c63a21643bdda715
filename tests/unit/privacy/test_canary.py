"""The canary set is seeded, apart from the rules and their tests, and its measure tells a weak redactor."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import agent_factory.privacy.rule
from agent_factory.core.error import InputError
from agent_factory.core.recipe import load_recipe
from agent_factory.privacy.canary import chinese, english
from agent_factory.privacy.canary.measure import (
    CHECK_COUNT,
    MIN_LABEL_RECALL,
    MIN_PLANTED,
    MIN_PRECISION,
    MIN_RECALL,
    UNTOLD,
    Measured,
    Tally,
    make_canaries,
    measure_canaries,
    measure_once,
)
from agent_factory.privacy.canary.person import KIND_LABELS
from agent_factory.privacy.canary.pool import CHINESE, ENGLISH, ISLAND_GIVEN, PARTS
from agent_factory.privacy.label import LABELS
from agent_factory.privacy.plug import Plug
from agent_factory.privacy.redactor import Redactor

HERE = Path(__file__)
FORMS = ("CHAT", "MARKDOWN", "CLEAN", "UNTOLD", "JSON", "CLEAN_JSON")
PHRASES = [text for said in (english, chinese) for form in FORMS for text in getattr(said, form)]


def _sources() -> str:
    rules = Path(agent_factory.privacy.rule.__path__[0]).glob("*.py")
    tests = (path for path in HERE.parent.glob("*.py") if path != HERE)
    return "\n".join(path.read_text(encoding="utf-8") for path in (*rules, *tests))


def test_the_same_seed_gives_the_same_canaries_of_both_languages_and_every_label() -> None:
    canaries = make_canaries(3, 1200)
    assert canaries == make_canaries(3, 1200) != make_canaries(4, 1200)
    assert [canary.language for canary in canaries[:4]] == ["en", "zh", "en", "zh"]
    assert {item.label for canary in canaries for item in canary.planted} == set(LABELS) - {"REF"}
    assert all(item.text in _plain(canary.text) for canary in canaries for item in canary.planted)
    clean = sum(not canary.planted for canary in canaries)
    assert 200 < clean < 500
    assert sum(bool(canary.source) for canary in canaries) > 200
    with pytest.raises(InputError, match="count=0"):
        make_canaries(1, 0)


def _plain(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    told = json.dumps(value, ensure_ascii=False).replace('\\"', '"').replace("\\\\", "\\")
    return told.replace("\\n", "\n")


def test_neither_values_nor_phrases_stand_in_the_rules_or_their_tests() -> None:
    sources = _sources()
    values = [*ENGLISH.given, *ENGLISH.surnames, *ENGLISH.domains, *CHINESE.given, *CHINESE.domains, *ISLAND_GIVEN]
    values += [part for name in ("street", "lane", "city", "road", "estate", "county") for part in PARTS[name]]
    long = [value for value in values if len(value) > 2 or (len(value) > 1 and not value.isascii())]
    assert [value for value in long if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", sources)] == []
    assert [text for text in PHRASES if isinstance(text, str) and text in sources] == []


def test_every_hole_of_every_phrase_is_drawn() -> None:
    holes = set(re.findall(r"\{(\w+)\}", json.dumps(PHRASES, ensure_ascii=False)))
    kinds = {hole.removesuffix("_2") for hole in holes}
    assert set(KIND_LABELS) <= kinds
    make_canaries(0, 4000)  # a hole without a kind would raise


@pytest.mark.parametrize("seed", [11, 12])
def test_the_rules_alone_meet_what_is_demanded(seed: int) -> None:
    measured = measure_canaries(seed, 1500)
    assert measured.passed, measured.told()
    told = {name: part for name, part in measured.parts.items() if not name.startswith(UNTOLD)}
    for name, part in told.items():
        few = part.planted < 30  # of which two misses say little
        assert part.planted - part.found <= (2 if few else (1 - MIN_RECALL + 0.05) * part.planted), (name, part)


def test_a_name_that_nothing_tells_of_is_counted_apart() -> None:
    measured = measure_canaries(11, 1500)
    assert measured.parts[UNTOLD].planted > 50
    of_labels = [part for name, part in measured.parts.items() if " " not in name]
    assert sum(part.planted for part in of_labels) == measured.overall.planted


def test_every_recipe_that_is_shipped_meets_it() -> None:
    recipe = load_recipe("support_desk")
    references = re.compile(recipe.settings["privacy"]["references"])
    measured = measure_once(Redactor(recipe.names, b"", recipe.policy, references))
    assert measured.passed, measured.told()
    assert measured.count == CHECK_COUNT


class _Blind(Redactor):
    """Sees no prose, only fields."""

    def redact_text(self, text, session, thing=False):
        return text


def test_a_redactor_that_misses_is_told() -> None:
    measured = measure_canaries(11, 200, _Blind((), b""))
    assert not measured.passed
    assert measured.overall.recall is not None
    assert measured.overall.recall < 0.5
    assert "of planted personal data at a precision of" in str(measured)


def _make_wary():
    from agent_factory.privacy.presidio import LocalRecognizer, RecognizerResult

    class Wary(LocalRecognizer):
        def __init__(self):
            super().__init__(supported_entities=["PERSON"])

        def load(self):
            pass

        def analyze(self, text, entities, nlp_artifacts=None):
            return [RecognizerResult("PERSON", *found.span(), 0.9) for found in re.finditer(r"[a-z]{5,}", text)]

    return Wary()


def test_a_redactor_that_spoils_is_told_by_its_precision() -> None:
    measured = measure_canaries(11, 200, Redactor((), b"", plugs=[Plug("wary", _make_wary)]))
    assert not measured.passed
    assert measured.overall.precision is not None
    assert measured.overall.precision < MIN_PRECISION


def test_a_label_that_is_missed_is_told_though_the_rest_is_found() -> None:
    measured = measure_once(Redactor((), b""))
    assert measured.passed
    assert measured.parts["USER"].planted >= MIN_PLANTED

    def with_users(planted: int, found: int) -> Measured:
        parts = {**measured.parts, "USER": Tally(planted=planted, found=found, replaced=found, right=found)}
        return measured.model_copy(update={"parts": parts})

    missed = with_users(40, 35)
    assert not missed.passed
    assert "but of USER 87.5%" in str(missed)
    told = missed.told()["USER"]
    assert told == {"planted": 40, "recall": 0.875, "demanded": MIN_LABEL_RECALL, "precision": 1.0}
    assert with_users(40, 36).passed
    assert with_users(MIN_PLANTED - 1, 0).passed
    assert with_users(MIN_PLANTED - 1, 0).told()["USER"]["demanded"] is None


@pytest.mark.parametrize("seed", range(500, 510))
def test_each_label_is_found_on_seeds_that_no_rule_was_tried_on(seed: int) -> None:
    measured = measure_canaries(seed, CHECK_COUNT)
    assert measured.passed, str(measured)
    assert measured.parts["USER"].planted >= MIN_PLANTED


def test_a_value_that_is_left_anywhere_does_not_count_as_found() -> None:
    class Forgetful(Redactor):
        def redact_any(self, text, session, parent="", thing=False):
            return super().redact_any(text, session, parent, thing) + text

    overall = measure_canaries(11, 50, Forgetful((), b"")).overall
    assert overall.right == overall.replaced > 40
    assert overall.found == 0


def test_measured_once_for_all_redactors_of_a_digest() -> None:
    one, same, other = Redactor(("Kim",), b"1"), Redactor(("Kim",), b"2"), Redactor(("Lee",), b"1")
    assert measure_once(one) is measure_once(same)
    assert measure_once(one) is not measure_once(other)
