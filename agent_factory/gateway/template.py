"""A chat template as the gateway uses it: conversation → token ids, the same for training and serving.

A conversation is encoded in segments, cut where the model begins and ends to speak. Serving encodes
the world's segments and keeps what was sampled; training encodes both; so a boundary between tokens
falls at the same places in both. Invariant: a template must be *prefix-stable* (a longer conversation
is rendered as an extension of a shorter one); one that is not raises ModelError.

The nano template is ChatML with Hermes tool calls, as Qwen2.5's, without the system prompt and the
tools' schemas: a model of a million parameters learns both from its traces and has a short context.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from agent_factory.contracts.message import Message, Tool
from agent_factory.core.error import ModelError
from agent_factory.gateway.chat import TokenContext

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NANO_TEMPLATE = """\
{%- for message in messages -%}
{%- if message.role == 'assistant' -%}
{{- '<|im_start|>assistant\\n' -}}
{%- generation -%}
{%- if message.content -%}{{- message.content -}}{%- endif -%}
{%- for call in message.tool_calls or [] -%}
{%- if message.content or not loop.first -%}{{- '\\n' -}}{%- endif -%}
{%- set call = call.function if call.function else call -%}
{{- '<tool_call>\\n{"name": "' + call.name + '", "arguments": ' + (call.arguments | tojson) + '}\\n</tool_call>' -}}
{%- endfor -%}
{{- '<|im_end|>' -}}
{%- endgeneration -%}
{{- '\\n' -}}
{%- elif message.role != 'system' -%}
{{- '<|im_start|>' + message.role + '\\n' + (message.content or '') + '<|im_end|>\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""


class Encoded(NamedTuple):
    """A conversation as ids; ``mask`` is 1 where the assistant speaks, its closing token included."""

    ids: list[int]
    mask: list[int]


class ChatTemplate:
    """The chat template of a tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, closing_ids: Sequence[int]) -> None:
        if not tokenizer.chat_template:
            raise ModelError(
                f"the tokenizer at {tokenizer.name_or_path!r} has no chat template. "
                "Take an instruction-tuned model, or put a chat_template.jinja beside its tokenizer.json."
            )
        self.tokenizer = tokenizer
        self.closing_ids = tuple(closing_ids)
        self._closings = tuple(str(text) for text in tokenizer.convert_ids_to_tokens(list(closing_ids)))
        control = {str(token) for token in tokenizer.all_special_tokens} | {"<tool_call>", "</tool_call>"}
        self._control = re.compile("|".join(re.escape(token) for token in sorted(control)))
        self._tools: tuple[Sequence[Tool], list[Any]] = ((), [])

    def encode_prompt(
        self,
        system: str | None,
        messages: Sequence[Message],
        tools: Sequence[Tool],
        context: TokenContext | None = None,
    ) -> list[int]:
        """Ids of the conversation and the opening of the assistant's turn.

        Where ``context`` is given, its ids stand first and only what comes after them is encoded.
        """
        whole = self._render(system, messages, tools, open_turn=True)
        if context is None:
            return self._encode(whole)
        head = self._closed(self._render(system, messages[: context.messages], tools, open_turn=False))
        tail = self._after(head, whole)
        if context.ids and context.ids[-1] not in self.closing_ids:  # the turn was cut off at its length limit
            tail = self._closings[0] + tail
        return [*context.ids, *self._encode(tail)]

    def encode_dialogue(self, system: str | None, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> Encoded:
        """Ids and assistant mask of a whole conversation, up to its last closing token."""
        ids: list[int] = []
        mask: list[int] = []
        done = ""
        for index, message in enumerate(messages):
            if message.role != "assistant":
                continue
            opened = self._render(system, messages[:index], tools, open_turn=True)
            closed = self._closed(self._render(system, messages[: index + 1], tools, open_turn=False))
            for text, spoken in ((self._after(done, opened), 0), (self._after(opened, closed), 1)):
                piece = self._encode(text)
                ids += piece
                mask += [spoken] * len(piece)
            done = closed
        if messages and messages[-1].role != "assistant":
            rest = self._encode(self._after(done, self._closed(self._render(system, messages, tools, open_turn=False))))
            ids += rest
            mask += [0] * len(rest)
        return Encoded(ids, mask)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of sampled ids without the closing token."""
        spoken = ids[:-1] if ids and ids[-1] in self.closing_ids else ids
        return str(self.tokenizer.decode(list(spoken), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def _render(
        self, system: str | None, messages: Sequence[Message], tools: Sequence[Tool], *, open_turn: bool
    ) -> str:
        told: list[dict[str, Any]] = [] if system is None else [{"role": "system", "content": system}]
        told.extend(self._to_template(message) for message in messages)
        if not told:
            return ""
        text = self.tokenizer.apply_chat_template(
            told,
            tools=self._to_wire(tools) or None,
            add_generation_prompt=open_turn,
            tokenize=False,
        )
        return str(text)

    def _to_wire(self, tools: Sequence[Tool]) -> list[Any]:
        """The schemas on the wire; a conversation asks for the same ones again and again."""
        if self._tools[0] is not tools:
            self._tools = (tools, [tool.to_wire() for tool in tools])
        return self._tools[1]

    def _to_template(self, message: Message) -> dict[str, Any]:
        """The message as templates want it: arguments as an object, no control tokens from outside."""
        content = message.content or ""
        if message.role != "assistant":
            content = self._control.sub(lambda found: f"{found[0][0]} {found[0][1:]}", content)
        told: dict[str, Any] = {"role": message.role, "content": content}
        if message.tool_calls:
            told["tool_calls"] = [
                {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
                for c in message.tool_calls
            ]
        if message.tool_call_id:
            told["tool_call_id"] = message.tool_call_id
        if message.name:
            told["name"] = message.name
        return told

    def _closed(self, text: str) -> str:
        """The rendering up to its last closing token; what a template writes behind it belongs to the next turn."""
        stripped = text.rstrip()
        return stripped if stripped.endswith(self._closings) else text

    def _after(self, head: str, whole: str) -> str:
        if whole.startswith(head):
            return whole[len(head) :]
        at = next((i for i, (a, b) in enumerate(zip(head, whole, strict=False)) if a != b), len(whole))
        raise ModelError(
            f"the chat template of {self.tokenizer.name_or_path!r} is not prefix-stable: with more messages "
            f"{head[at : at + 40]!r} becomes {whole[at : at + 40]!r} at character {at}. Tokens that were sampled "
            "could not stay as they are; take a template that renders earlier turns the same way later on."
        )
