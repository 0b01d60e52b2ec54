"""Does the simulator find what it should? Mutations, each played until it is found by its name.

A find is a violation in the words that the mutation says, in a seed that is clean without it.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from .generator import generate
from .mutations import MUTATIONS
from .run import play
from .shrink import kind_of
from .surroundings import real_monotonic

__all__ = ["prove", "search"]

ACTS: Final = 120  # of one script
OTHERS_SHOWN: Final = 3


@dataclass(slots=True, kw_only=True)
class Search:
    """What came of playing one mutation."""

    name: str
    first: int
    seeds: int = 0
    acts: int = 0
    seconds: float = 0.0
    found: str = ""
    others: dict[int, str] = field(default_factory=dict)
    """Violations in other words, by seed."""


def search(name: str, *, first: int, seconds: float) -> Search:
    """Play one mutation in this process until it is found; a process cannot take it back."""
    mutation = MUTATIONS[name]
    mutation.take_out()
    result, began = Search(name=name, first=first), real_monotonic()
    for seed in itertools.count(first):
        outcome = play(generate(seed, acts=ACTS, about=mutation.about))
        result.seeds += 1
        result.acts += outcome.acts
        hits = (one for one in outcome.violations if any(word in one for word in mutation.found_as))
        result.found = next(hits, "")
        if result.found:
            break
        if outcome.violations:
            result.others[seed] = outcome.violations[0]
        if real_monotonic() - began >= seconds:
            break
    result.seconds = real_monotonic() - began
    return result


def prove(names: Iterable[str], *, seconds: float, first: int | None, table: bool) -> int:
    """Play mutations one after the other, each in a process of its own; 1 if any is not found."""
    if first is None:
        first = int.from_bytes(os.urandom(3), "little") * 1000
    print(f"seeds from {first}", flush=True)
    missed = 0
    for name in names or MUTATIONS:
        result = _searched(name, first, seconds)
        unclean = _unclean(name, result) if result["found"] else []
        missed += not result["found"] or bool(unclean)
        print(_row(result, unclean) if table else _lines(result, unclean), flush=True)
    return 1 if missed else 0


def _searched(name: str, first: int, seconds: float) -> dict[str, Any]:
    words = ["mutations", name, "--alone", "--first", str(first), "--seconds", str(seconds)]
    done = _itself(words)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stdout}{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _unclean(name: str, result: dict[str, Any]) -> list[str]:
    """What the seeds of a find, and those before it, show with the fix in its place."""
    words = ["run", "--first", str(result["first"]), "--seeds", str(result["seeds"])]
    words += ["--acts", str(ACTS), "--about", MUTATIONS[name].about, "--keep-going"]
    said = _itself(words).stdout.splitlines()
    return [line for line in said if line.startswith("seed ")]


def _itself(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - itself
        [sys.executable, "-m", "simulation", *words],
        capture_output=True,
        text=True,
        check=False,
    )


def _lines(result: dict[str, Any], unclean: list[str]) -> str:
    said = (result["found"] or "NOT FOUND").partition("\n")[0]
    lines = [
        f"{result['name']:<40}{result['acts']:>6} acts {result['seconds']:>5.0f} s  {said[:110]}"
    ]
    others = [f"seed {seed}: {what[:110]}" for seed, what in result["others"].items()]
    lines += [f"    in other words: {one}" for one in others[:OTHERS_SHOWN]]
    lines += [f"    without it, too: {one[:110]}" for one in unclean[:OTHERS_SHOWN]]
    return "\n".join(lines)


def _row(result: dict[str, Any], unclean: list[str]) -> str:
    mutation = MUTATIONS[result["name"]]
    found = f"`{kind_of(result['found'])}`" if result["found"] else "**not found**"
    if unclean:
        found += " (and without it)"
    acts, seconds = result["acts"], result["seconds"]
    return f"| {mutation.what} | {mutation.about} | {acts:,} | {seconds:.0f} | {found} |"


def as_json(result: Search) -> str:
    """For the process that asked."""
    return json.dumps(asdict(result))
