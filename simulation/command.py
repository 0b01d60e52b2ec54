"""The commands of the simulator."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

from . import process
from .generator import generate
from .run import Outcome, play
from .script import Script
from .surroundings import real_monotonic

__all__ = ["main"]


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="python -m simulation")
    commands = parser.add_subparsers(dest="command", required=True)
    many = commands.add_parser("run")
    many.add_argument("--first", type=int, default=0)
    many.add_argument("--seeds", type=int, default=10)
    many.add_argument("--seconds", type=float, default=None)
    many.add_argument("--acts", type=int, default=250)
    many.add_argument("--keep-going", action="store_true")
    one = commands.add_parser("seed")
    one.add_argument("seed")
    one.add_argument("--acts", type=int, default=250)
    one.add_argument("--trace", action="store_true")
    again = commands.add_parser("replay")
    again.add_argument("script", type=Path)
    again.add_argument("--trace", action="store_true")
    given = parser.parse_args()
    os.environ["SIMULATION_API_HASH"] = "simulated"
    process.install()
    sys.exit(globals()[f"_{given.command}"](given))


def _run(given: argparse.Namespace) -> int:
    began, acts, copies, bad = real_monotonic(), 0, 0, 0
    struck: Counter[str] = Counter()
    seed = given.first
    while True:
        if given.seconds is None and seed >= given.first + given.seeds:
            break
        if given.seconds is not None and real_monotonic() - began >= given.seconds:
            break
        outcome = play(generate(seed, acts=given.acts))
        acts += outcome.acts
        copies += outcome.copies
        struck.update(outcome.faults)
        if outcome.violations:
            bad += 1
            print(f"seed {seed}: " + " | ".join(outcome.violations[:6]), flush=True)
            if not given.keep_going:
                break
        seed += 1
    took = real_monotonic() - began
    print(
        f"seeds {given.first}..{seed - 1}  acts {acts}  copies {copies}  bad {bad}  "
        f"{took:.1f} s  {acts / took:.0f} acts/s"
    )
    print("struck " + "  ".join(f"{kind} {count}" for kind, count in sorted(struck.items())))
    return 1 if bad else 0


def _seed(given: argparse.Namespace) -> int:
    return _show(play(generate(given.seed, acts=given.acts), keep_trace=given.trace))


def _replay(given: argparse.Namespace) -> int:
    return _show(play(Script.from_json(given.script.read_text()), keep_trace=given.trace))


def _show(outcome: Outcome) -> int:
    for line in outcome.trace:
        print(line)
    for what in outcome.violations:
        print(f"violation: {what}")
    print(
        f"seed {outcome.seed}  acts {outcome.acts}  virtual {outcome.virtual:.1f} s  "
        f"digest {outcome.digest}"
    )
    return 1 if outcome.violations else 0
