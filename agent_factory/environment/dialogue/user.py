"""The user that a model plays, through the gateway: any OpenAI-compatible server, or a checkpoint.

The model reads the dialogue from the other side: the agent's answers are what it is told, its own lines what
it said. It stops by ``STOP`` (the marker of τ-bench, Yao et al. 2024). Invariant: what is the user's own fault
(no line in time, a broken one, one that a user does not say) raises UserError and is never taken for the agent's.
"""

from __future__ import annotations

import asyncio
from itertools import zip_longest

from agent_factory.contracts.message import Message
from agent_factory.contracts.scenario import Persona
from agent_factory.core.digest import digest_json
from agent_factory.core.error import UserError
from agent_factory.environment.dialogue.conduct import find_early_end, find_fault
from agent_factory.gateway.chat import ChatRequest, Engine, Sampling

STOP = "###STOP###"
GREETING = "Hello."
"""What the user is taken to have heard before the opening: chat templates begin with the other side."""
_QUOTE = 160


class ModelUser:
    """The user of one episode."""

    def __init__(
        self,
        engine: Engine,
        model: str,
        persona: Persona,
        opening: str,
        seed: int,
        sampling: Sampling | None = None,
        seconds: float = 60.0,
    ) -> None:
        """``seed`` is the episode's, from which the user's own is drawn; ``seconds`` is the deadline of a line."""
        self._engine, self._model, self._persona = engine, model, persona
        self._seed, self._sampling, self._seconds = seed, sampling or Sampling(temperature=0.7), seconds
        self._system = write_part(persona)
        self._said, self._heard = [opening], [GREETING]

    async def reply(self, agent_says: str) -> str | None:
        """See ``User``; UserError where it fails or forgets that it is the user."""
        if len(self._said) > self._persona.turns:
            return None
        self._heard.append(agent_says)
        line = (await self._ask()).strip()
        stops = STOP in line
        wrong = (
            find_early_end(self._persona, self._said, agent_says)
            if stops
            else find_fault(self._persona, self._said, self._heard, line)
        )
        if wrong is not None:
            raise UserError(f"{self._model} {wrong}: {line[:_QUOTE]!r}")
        if stops:
            return None
        self._said.append(line)
        return line

    async def _ask(self) -> str:
        try:
            async with asyncio.timeout(self._seconds):
                result = await self._engine.chat(self._request(), deadline_seconds=self._seconds)
        except TimeoutError as error:
            raise UserError(f"{self._model} said nothing within {self._seconds:g} s") from error
        except Exception as error:  # the border to the user's engine: whatever it is, it is not the agent's
            raise UserError(f"{self._model}: {type(error).__name__}: {error}") from error
        if result.finish_reason != "stop":
            raise UserError(f"{self._model} broke off its line ({result.finish_reason}): {result.message.content!r}")
        return result.message.content or ""

    def _request(self) -> ChatRequest:
        drawn = int(digest_json([self._seed, "user", len(self._said)])[:7], 16)
        told: list[Message] = []
        for heard, said in zip_longest(self._heard, self._said):  # it has heard one line more than it said
            told += [Message(role="user", content=heard)]
            told += [Message(role="assistant", content=said)] if said is not None else []
        sampling = self._sampling.model_copy(update={"seed": drawn})
        return ChatRequest(model=self._model, system=self._system, messages=tuple(told), sampling=sampling)


def write_part(persona: Persona) -> str:
    """The part that the model is given to play."""
    facts = [f"- {name}: {value}" for name, value in persona.knows.items()]
    kept = [f"- {text}" for text in persona.withholds]
    parts = [
        "You play a customer who talks to an assistant. You are not the assistant: never offer help, never "
        "answer for it. Write only the customer's next message, one or two sentences.",
        f"What you want: {persona.wants}",
        *(["What you know, to be told when you are asked for it:", *facts] if facts else []),
        "Of anything else, say that you do not know it; make up no numbers, names or addresses.",
        *(["Never say:", *kept] if kept else []),
        *([f"How you talk: {persona.manner}"] if persona.manner else []),
        f"Stop when {persona.stops_when}: then write {STOP} and nothing else.",
    ]
    return "\n".join(parts)
