"""Scripts with what Erlang answered to them, for where there is no Erlang.

``python tests/supervision/differential --record 200 --seed 25`` writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .comparison import Ask, agrees, excuse, orders
from .generator import generate
from .oracle import Oracle
from .script import Script
from .subject import SUBJECTS, carry_out

__all__ = ["answers_of", "read", "write"]

FILE = Path(__file__).with_name("recorded.jsonl")


def read() -> list[dict[str, Any]]:
    """Each script with the distinct answers, and which of them each order of its burst got."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return [_with_tuples(json.loads(line)) for line in lines]


def answers_of(entry: dict[str, Any]) -> Ask:
    """Erlang's part in a comparison, played from the record."""
    script = entry["script"]
    bursts = [(n, orders(step)) for n, step in enumerate(script["steps"]) if len(step) > 1]

    def ask(chosen: dict[int, tuple[Any, ...]]) -> list[Any]:
        which = 0
        for number, order in chosen.items():
            which = dict(bursts)[number].index(order)
        answers: list[Any] = entry["answers"][entry["orders"][which]]
        return answers

    return ask


def write(oracle: Oracle, count: int, seed: str) -> None:
    """Record that many small scripts, with one burst at most, on which all agree."""
    with FILE.open("w", encoding="utf-8") as file:
        for entry in _entries(oracle, count, seed):
            file.write(json.dumps(entry, separators=(",", ":")) + "\n")


def _entries(oracle: Oracle, count: int, seed: str) -> Iterator[dict[str, Any]]:
    number = found = 0
    while found < count:
        number += 1
        script = generate(f"{seed}.{number}", depth=2, steps=4)
        bursts = [(n, step) for n, step in enumerate(script["steps"]) if len(step) > 1]
        if len(bursts) > 1 or any(len(step) > 3 for _, step in bursts):
            continue
        entry = _entry(oracle, script)
        runs = [carry_out(script, subject) for subject in SUBJECTS]
        if any(excuse(script, run, where, 99) for run, where in zip(runs, SUBJECTS, strict=True)):
            continue
        if any(agrees(script, run, answers_of(entry)) is not None for run in runs):
            continue  # it differs on purpose, on some host
        found += 1
        yield entry


def _entry(oracle: Oracle, script: Script) -> dict[str, Any]:
    bursts = [(n, step) for n, step in enumerate(script["steps"]) if len(step) > 1]
    schedules = [{n: order} for n, step in bursts for order in orders(step)] or [{}]
    answers: list[Any] = []
    which = []
    for schedule in schedules:
        answer = oracle.carry_out(script, schedule)
        if answer not in answers:
            answers.append(answer)
        which.append(answers.index(answer))
    return {"script": script, "answers": answers, "orders": which}


def _with_tuples(entry: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no tuples; acts are made of them."""
    steps = [[_act(act) for act in step] for step in entry["script"]["steps"]]
    return {**entry, "script": {**entry["script"], "steps": steps}}


def _act(act: list[Any]) -> tuple[Any, ...]:
    return (*act[:2], tuple(act[2])) if act[0] == "call" else tuple(act)
