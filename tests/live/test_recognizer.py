"""A Hugging Face model in a folder is plugged into redaction by build.toml, past the import that keeps torch out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_factory.core.recipe import Recipe
from agent_factory.core.settings import get_settings
from agent_factory.privacy.redactor import open_redactor

pytestmark = pytest.mark.live


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A tiny token classifier that calls every word a person."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    import torch

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "zaphod", "waits"]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    tokenizer = transformers.BertTokenizerFast(vocab_file=str(tmp_path / "vocab.txt"))
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        id2label={0: "O", 1: "PER"},
        label2id={"O": 0, "PER": 1},
    )
    classifier = transformers.BertForTokenClassification(config)
    with torch.no_grad():
        classifier.classifier.weight.zero_()
        classifier.classifier.bias.copy_(torch.tensor([-5.0, 5.0]))
    folder = tmp_path / "model"
    classifier.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AGENT_FACTORY_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_a_hugging_face_model_is_asked(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    entry = f'{{class = "presidio_analyzer.predefined_recognizers:HuggingFaceNerRecognizer", model_name = "{model}"}}'
    (folder / "build.toml").write_text(f"[privacy]\nrecognizers = [{entry}]\n")
    (folder / "names.txt").write_text("")
    (folder / "policy.md").write_text("Be kind.\n")
    redactor = open_redactor(Recipe(folder))
    assert redactor.redact_text("zaphod", redactor.open_session()) == "<PERSON_1>"
