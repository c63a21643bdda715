"""The nano model: a transformer of about one million parameters, made from nothing but the traces.

Its tokenizer is a byte-level BPE, trained on the conversations; so any text can be encoded. Numbers are
spelled digit by digit; a placeholder of redaction and a JSON key with its punctuation are one token,
which keeps conversations short. The model has Llama's shape with tied embeddings.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent_factory.contracts.message import Message
from agent_factory.core.error import InputError
from agent_factory.gateway.template import NANO_TEMPLATE
from agent_factory.privacy.label import PLACEHOLDER
from agent_factory.training.setting import NanoSettings

PAD, START, END = "<|pad|>", "<|im_start|>", "<|im_end|>"
CALL_START, CALL_END = "<tool_call>", "</tool_call>"

_PIECES = r"""[{\[,]*"[\p{L}_]+"[:,}\]]*\s?|\p{L}+\s?|\p{N}|[^\s\p{L}\p{N}]+\s?|\s+"""
"""What a token may span: a JSON key or one-word string with its punctuation, a word, a digit, punctuation.

The blank belongs to the piece before it, so that a word at the start of a JSON string is the same
token as in a sentence: a small model repeats what it can find again.
"""


def train_tokenizer(conversations: Iterable[Iterable[Message]], settings: NanoSettings) -> Any:
    """A tokenizer with chat template, its merges learned from the conversations."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    texts = [text for messages in conversations for text in _texts(messages)]
    if not texts:
        raise InputError("there is no text to learn a vocabulary from: the build's window has no clean traces")
    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    model.decoder = decoders.ByteLevel()
    # The marks of a tool call are text, not control: they stay when a completion is decoded.
    # A placeholder is one token: the model repeats it as a whole instead of spelling it.
    placeholders = sorted({match.group() for text in texts for match in PLACEHOLDER.finditer(text)})
    marks = [AddedToken(text, special=False, normalized=False) for text in (CALL_START, CALL_END, *placeholders)]
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocabulary,
        special_tokens=[PAD, START, END, *marks],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    model.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=model,
        pad_token=PAD,
        bos_token=START,
        eos_token=END,
        model_max_length=settings.context,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    tokenizer.chat_template = NANO_TEMPLATE
    return tokenizer


def create_model(tokenizer: Any, settings: NanoSettings, seed: int) -> Any:
    """A Llama of the settings' shape with random weights, the same for the same seed."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden,
        intermediate_size=settings.intermediate,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=settings.context,
        tie_word_embeddings=True,
        # The usual 0.02 suits wide models; at this width attention would stay blind for hundreds of steps.
        initializer_range=settings.hidden**-0.5,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        dtype="float32",
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, do_sample=False
    )
    return model


def _texts(messages: Iterable[Message]) -> Iterable[str]:
    """What stands between control tokens, so that no merge crosses one."""
    import json

    for message in messages:
        yield f"{message.role}\n{message.content or ''}"
        for call in message.tool_calls:
            arguments = json.dumps(call.arguments, ensure_ascii=False)
            yield f'\n{{"name": "{call.name}", "arguments": {arguments}}}\n'
