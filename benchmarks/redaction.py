"""Documents redacted a second, beside Presidio's default set-up on the same texts, and what both find of planted data.

Presidio's default set-up wants a spaCy model; here it has its default recognizers and its no-op NLP engine,
which spares it the model's time, and is asked only for the six sorts of data that both know by default. Ours does
all it always does: every sort, JSON walked, placeholders given. Each side is a process of its own, warm; rounds
alternate, and every round has texts that neither has seen.
"""

import json
import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import episode
from benchmarks.figure import Figure

REACH, MIN_RECALL, MIN_PRECISION = 3.0, 98.0, 90.0
SHARED = {
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP",
    "US_SSN": "SSN",
}
SEED = 90_210  # on which no rule was tried
CANARIES, ROUNDS, PER_ROUND = 3_000, 7, 240
DEADLINE_SECONDS = 300
PEER = "Presidio's default recognizers, no-op NLP"


def measure() -> list[Figure]:
    from agent_factory.privacy.canary.measure import make_canaries, measure_canaries

    logging.disable(logging.WARNING)
    planted = [canary.text for canary in make_canaries(SEED, ROUNDS * PER_ROUND + PER_ROUND)]
    figures = [_speed("planted", planted)]
    if episode.FILE.exists():
        figures += [_speed("episodes", _messages()), *_tell_episodes()]
    ours, peer = measure_canaries(SEED, CANARIES), measure_canaries(SEED, CANARIES, _Peer())
    shared = [measured.of(SHARED.values()) for measured in (ours, peer)]
    weakest = min((part.recall, name) for name, part in ours.parts.items() if part.recall is not None)
    return [
        *figures,
        _share("recall of all sorts", ours.overall.recall, None, MIN_RECALL),
        _share("precision of all sorts", ours.overall.precision, None, MIN_PRECISION),
        _share("recall of the six shared sorts", shared[0].recall, shared[1].recall, MIN_RECALL),
        _share("precision of the six shared sorts", shared[0].precision, shared[1].precision, MIN_PRECISION),
        _share(f"recall of the weakest sort, {weakest[1]}", weakest[0], None, None),
    ]


def _tell_episodes() -> list[Figure]:
    """What is left in the real episodes, of their own and of what is planted, and what lost its shape."""
    from agent_factory.privacy.redactor import Redactor

    found = episode.look(Redactor((), b"k" * 32))
    looked = found.planted + sum(found.native.values())
    told = {"values left": (found.left, looked), "calls and results out of shape": (found.misshapen, found.calls)}
    return [
        Figure(f"redaction/episodes/{name}, of {of}", len(wrong), "", reach="0", met=not wrong)
        for name, (wrong, of) in told.items()
    ]


def _share(name: str, ours: float | None, peer: float | None, least: float | None) -> Figure:
    assert ours is not None, name
    share = round(100 * ours, 2)
    return Figure(
        name=f"redaction/{name}",
        ours=share,
        peer=None if peer is None else round(100 * peer, 2),
        unit="%",
        reach=None if least is None else f">= {least:g} %",
        met=None if least is None else share >= least,
    )


def _speed(name: str, texts: list[str]) -> Figure:
    """Median documents a second of both, and the median of the rounds' ratios."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.json"
        path.write_text(json.dumps(texts))
        sides = {side: _start(side, path) for side in ("ours", "peer")}
        try:
            rates = {side: [] for side in sides}
            for number in range(ROUNDS + 1):
                for side in sorted(sides, reverse=number % 2 == 1):
                    rates[side].append(_ask(sides[side], number))
        finally:
            for process in sides.values():
                process.kill()
                process.communicate()
    ours, peer = rates["ours"][1:], rates["peer"][1:]  # the first round warms both
    ratio = round(median(one / other for one, other in zip(ours, peer, strict=True)), 2)
    return Figure(
        name=f"redaction/{name}, beside {PEER}",
        ours=round(median(ours)),
        peer=round(median(peer)),
        unit="documents/s",
        ratio=ratio,
        reach=f">= {REACH:g} x",
        met=ratio >= REACH,
    )


def _messages() -> list[str]:
    """What is said and told in the real episodes, each once, as many as the rounds need."""
    episodes = json.loads(episode.FILE.read_text(encoding="utf-8"))
    told = dict.fromkeys(message["content"] for episode in episodes for message in episode["traj"][1:])
    return [text for text in told if text][: (ROUNDS + 1) * min(PER_ROUND, len(told) // (ROUNDS + 1))]


def _start(side: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.redaction", side, str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _ask(process: subprocess.Popen[str], number: int) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{number}\n")
    process.stdin.flush()
    return float(process.stdout.readline())


class _Peer:
    """Presidio as it comes, in the place of our redactor: what it finds is replaced by its label."""

    def __init__(self) -> None:
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NoOpNlpEngine

        engine = NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}])
        engine.load()
        self._analyzer = AnalyzerEngine(nlp_engine=engine)

    def redact_any(self, text: str, session: Any, parent: str = "") -> str:
        """The text with every finding replaced, from the last to the first."""
        found = self._analyzer.analyze(text, language="en", entities=list(SHARED))
        end = len(text)
        for result in sorted(found, key=lambda result: (-result.end, result.start)):
            if result.end <= end:
                told = session.give(SHARED[result.entity_type], text[result.start : result.end])
                text, end = text[: result.start] + told + text[result.end :], result.start
        return text


def _work(side: str, path: str) -> None:
    from agent_factory.privacy.redactor import Redactor

    logging.disable(logging.WARNING)
    texts = json.loads(Path(path).read_text())
    redactor: Any = Redactor((), b"k" * 32) if side == "ours" else _Peer()
    per_round = len(texts) // (ROUNDS + 1)
    open_session = Redactor((), b"k" * 32).open_session
    for line in sys.stdin:
        part = texts[int(line) * per_round : (int(line) + 1) * per_round]
        started = time.perf_counter()
        for text in part:
            redactor.redact_any(text, open_session())
        print(len(part) / (time.perf_counter() - started), flush=True)


if __name__ == "__main__":
    _work(sys.argv[1], sys.argv[2])
