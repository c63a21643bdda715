import pytest

from agent_factory.contracts import Message
from agent_factory.core.error import InputError
from agent_factory.training.nano import create_model, train_tokenizer
from agent_factory.training.setting import NanoSettings


@pytest.fixture(scope="module")
def tokenizer():
    told = [[Message(role="user", content="Where is order 4417 of <PERSON_1>?")]] * 5
    return train_tokenizer(told, NanoSettings(vocabulary=320))


def test_digits_are_single_and_control_tokens_whole(tokenizer):
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode("4417", add_special_tokens=False)) == [*"4417"]
    for text in ("<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"):
        assert len(tokenizer.encode(text, add_special_tokens=False)) == 1


def test_any_text_comes_back_as_it_was(tokenizer):
    for text in ('{"a": [1, 2.5]}', "größer → 你好 \t\n x", "  two  blanks "):
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_the_default_shape_has_about_a_million_parameters(tokenizer):
    model = create_model(tokenizer, NanoSettings(), seed=0)
    assert 0.8e6 < model.num_parameters() < 1.1e6
    assert model.config.eos_token_id == tokenizer.eos_token_id


def test_nothing_to_read_is_an_input_error():
    with pytest.raises(InputError, match="no text to learn a vocabulary from"):
        train_tokenizer([], NanoSettings())
