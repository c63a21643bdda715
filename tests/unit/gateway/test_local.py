import asyncio
import shutil

import pytest
import torch

from agent_factory.contracts import Message
from agent_factory.core.digest import digest_folder
from agent_factory.core.error import ContextError, DeadlineError, ModelError
from agent_factory.gateway.batch import Batch, Row, sample
from agent_factory.gateway.chat import ChatRequest, Sampling, TokenContext
from agent_factory.gateway.local import LocalEngine


@pytest.fixture
async def engine(nano_folder):
    engine = LocalEngine(nano_folder, device="cpu")
    yield engine
    await engine.close()


def ask(messages, temperature=0.0, seed=None, max_tokens=24, context=None):
    sampling = Sampling(temperature=temperature, seed=seed, max_tokens=max_tokens)
    return ChatRequest(model="nano", messages=tuple(messages), sampling=sampling, context=context)


async def test_a_greedy_answer_is_that_of_generate(engine, dialogues):
    result = await engine.chat(ask(dialogues[0][:3]), deadline_seconds=30)
    prompt = torch.tensor([result.prompt_ids])
    with torch.inference_mode():
        theirs = engine.model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=24, do_sample=False
        )
        logits = engine.model(theirs[:, :-1]).logits[0, prompt.shape[1] - 1 :]
    assert list(result.completion_ids) == theirs[0, prompt.shape[1] :].tolist()
    expected = torch.log_softmax(logits, -1).gather(1, torch.tensor(result.completion_ids)[:, None])[:, 0]
    assert torch.allclose(torch.tensor(result.logprobs), expected, atol=1e-4)
    assert result.usage.prompt_tokens == prompt.shape[1]
    assert result.usage.completion_tokens == len(result.completion_ids) == len(result.logprobs)


async def test_company_does_not_change_what_is_said(engine, dialogues):
    asked = [
        ask(talk[: 1 + 2 * (n % 2)], temperature=float(n % 3 == 0), seed=n, max_tokens=3 + n)
        for n, talk in enumerate(dialogues)
    ]
    together = await asyncio.gather(*[engine.chat(request, deadline_seconds=60) for request in asked])
    alone = [await engine.chat(request, deadline_seconds=60) for request in asked]
    assert [r.completion_ids for r in together] == [r.completion_ids for r in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


async def test_a_seed_repeats_and_another_differs(engine, dialogues):
    async def said(seed):
        return (await engine.chat(ask(dialogues[0][:1], 1.0, seed), deadline_seconds=30)).completion_ids

    assert await said(1) == await said(1)
    assert await said(1) != await said(2)


async def test_ids_stand_through_the_turns(engine, dialogues):
    first = await engine.chat(ask(dialogues[0][:1], 1.0, 5), deadline_seconds=30)
    ids = (*first.prompt_ids, *first.completion_ids)
    told = (*dialogues[0][:1], first.message, Message(role="user", content="And?"))
    second = await engine.chat(ask(told, context=TokenContext(messages=2, ids=ids)), deadline_seconds=30)
    assert second.prompt_ids[: len(ids)] == ids


async def test_a_deadline_ends_one_request_and_no_other(engine, dialogues):
    slow = engine.chat(ask(dialogues[0][:1], max_tokens=100), deadline_seconds=0.0)
    with pytest.raises(DeadlineError, match=r"no answer within 0\.0 s"):
        await slow
    assert (await engine.chat(ask(dialogues[0][:1]), deadline_seconds=30)).completion_ids


async def test_a_prompt_beyond_the_context_names_both_lengths(engine):
    long = Message(role="user", content="word " * 200)
    with pytest.raises(ContextError, match=r"the prompt has \d+ tokens, the context of 'nano' holds 160"):
        await engine.chat(ask([long]), deadline_seconds=5)


async def test_an_answer_ends_where_the_context_does(engine, dialogues):
    result = await engine.chat(ask(dialogues[0][:3], 1.0, 3, max_tokens=500), deadline_seconds=30)
    assert result.finish_reason == "length" or result.completion_ids[-1] in engine.closing_ids
    assert len(result.prompt_ids) + len(result.completion_ids) <= 160


async def test_a_model_that_fails_is_a_model_error_and_the_engine_lives(engine, dialogues, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(engine._batch, "admit", lambda rows: 1 / 0)
        with pytest.raises(ModelError, match="ZeroDivisionError"):
            await engine.chat(ask(dialogues[0][:1]), deadline_seconds=30)
    assert (await engine.chat(ask(dialogues[0][:1]), deadline_seconds=30)).completion_ids


async def test_a_closed_engine_says_so(nano_folder, dialogues):
    engine = LocalEngine(nano_folder, device="cpu")
    await engine.close()
    with pytest.raises(ModelError, match="is closed"):
        await engine.chat(ask(dialogues[0][:1]), deadline_seconds=5)


@pytest.mark.parametrize("spoil", ["digest", "truncate", "garbage", "pickle", "gone"])
def test_a_corrupt_checkpoint_is_refused_with_what_to_do(nano_folder, tmp_path, spoil):
    folder = tmp_path / "model"
    shutil.copytree(nano_folder, folder)
    digest = digest_folder(folder)
    weights = folder / "model.safetensors"
    if spoil == "digest":
        (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    elif spoil == "truncate":
        weights.write_bytes(weights.read_bytes()[:-100])
        digest = None
    elif spoil == "garbage":
        weights.write_bytes(b"\xff" * 1000)
        digest = None
    elif spoil == "pickle":
        weights.rename(folder / "pytorch_model.bin")
        digest = None
    else:
        shutil.rmtree(folder)
    with pytest.raises(ModelError, match="run the training stage that makes it again"):
        LocalEngine(folder, digest=digest)


def test_rows_that_join_late_say_the_same(nano_folder, dialogues):
    from agent_factory.gateway.checkpoint import load_causal_model, load_tokenizer

    model = load_causal_model(nano_folder).eval()
    encode = load_tokenizer(nano_folder).encode
    prompts = [encode(talk[0].content) * (1 + n % 3) for n, talk in enumerate(dialogues[:9])]

    def run(arrivals):
        batch, rows = Batch(model, [2]), [Row(prompt, 0.0, 12 + 3 * n, None) for n, prompt in enumerate(prompts)]
        with torch.inference_mode():
            for step in range(100):
                fresh = [row for row, arrival in zip(rows, arrivals, strict=True) if arrival == step]
                if fresh:
                    batch.admit(fresh)
                if batch.rows:
                    batch.step()
        return [row.ids for row in rows]

    assert run([0] * 9) == run([0, 5, 5, 9, 20, 21, 25, 40, 41]) == run([5 * n for n in range(9)])


def test_sampling_follows_the_distribution():
    logits = torch.tensor([[0.0, 1.0, 2.0]]).repeat(20_000, 1)
    draws = torch.rand(20_000, 1, generator=torch.Generator().manual_seed(0))
    ids, logprobs = sample(logits, torch.full((20_000,), 0.5), draws, torch.zeros(20_000, dtype=torch.long))
    expected = torch.softmax(torch.tensor([0.0, 2.0, 4.0]), 0)
    assert torch.allclose(torch.bincount(ids, minlength=3) / 20_000, expected, atol=0.01)
    assert torch.allclose(logprobs.exp(), expected[ids])
