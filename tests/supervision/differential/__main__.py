"""Fresh scripts for both sides; each difference is shrunk and printed as a test."""

from __future__ import annotations

import argparse
import logging
import pprint
import random
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

if __package__ in {None, ""}:  # started as a folder
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    __package__ = "differential"

from differential.comparison import ORDERS_AT_FIRST, agrees, excuse
from differential.generator import generate
from differential.oracle import Oracle
from differential.recorded import write
from differential.script import Script
from differential.shrink import shrink
from differential.subject import SUBJECTS, Run, Subject, carry_out

FAULTS_AT_MOST = 5  # differences shown before it stops


class Tester:
    """Asks both sides, and keeps count."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.compared: Counter[str] = Counter()
        self.excused: Counter[str] = Counter()

    def verdict(self, script: Script, subject: Subject) -> tuple[int | str | None, Run | None]:
        """``None``: the same. A rule's name: it differs on purpose. Else what differs."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                run = carry_out(script, subject)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault
            return f"{type(error).__name__}: {error}", None

        def ask(orders: dict[int, tuple[Any, ...]]) -> list[Any]:
            return self.oracle.carry_out(script, orders)

        at = agrees(script, run, ask, ORDERS_AT_FIRST)
        if at is None:
            return None, run
        rule = excuse(script, run, subject, at)
        return (rule if rule is not None else agrees(script, run, ask)), run

    def check(self, script: Script, subject: Subject) -> Script | None:
        """``None`` when all is well, else the smallest script that shows the difference."""
        self.compared[str(subject)] += 1
        found, run = self.verdict(script, subject)
        if found is None:
            return None
        if isinstance(found, str) and run is not None:
            self.excused[found] += 1
            return None
        return shrink(script, lambda smaller: self.differs(smaller, subject))

    def differs(self, script: Script, subject: Subject) -> bool:
        found, run = self.verdict(script, subject)
        return found is not None and (isinstance(found, int) or run is None)

    def shown(self, script: Script, subject: Subject, name: str) -> str:
        found, run = self.verdict(script, subject)
        lines = [
            "",
            f"def test_{name}() -> None:",
            f"    script = {pprint.pformat(script, width=96, compact=True, sort_dicts=False)}",
            f"    assert_agrees(script, {str(subject)!r})",
            "",
            f"# differs at {found}",
        ]
        if run is not None:
            theirs = self.oracle.carry_out(script, {})
            for at, (mine, yours) in enumerate(zip(run.steps, theirs, strict=False)):
                mark = " " if mine == yours else "!"
                lines += [f"#{mark} {at} telewarden {mine}", f"#{mark} {at} erlang     {yours}"]
        return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300, help="scripts (default 300)")
    parser.add_argument("--seed", help="of the first script; a fresh one when missing or empty")
    parser.add_argument("--depth", type=int, default=3, help="levels of supervisors at most")
    parser.add_argument("--steps", type=int, default=7, help="steps of a script at most")
    parser.add_argument("--only", default="", help="hosts and clocks, as loop-manual,thread-real-2")
    parser.add_argument("--record", type=int, help="write so many for where there is no Erlang")
    args = parser.parse_args()
    seed = args.seed or str(random.SystemRandom().randrange(10**9))
    subjects = [s for s in SUBJECTS if not args.only or str(s) in args.only.split(",")]
    logging.disable(logging.CRITICAL)
    print(f"differential: {args.rounds} scripts, SEED={seed}", flush=True)
    with Oracle() as oracle:
        if args.record:
            write(oracle, args.record, seed)
            return 0
        return _rounds(Tester(oracle), args, seed, subjects)


def _rounds(tester: Tester, args: Any, seed: str, subjects: list[Subject]) -> int:
    begun, faults = time.monotonic(), 0
    for number in range(args.rounds):
        name = f"{seed}" if number == 0 else f"{seed}.{number}"
        script = generate(name, depth=args.depth, steps=args.steps)
        for subject in subjects:
            smallest = tester.check(script, subject)
            if smallest is not None:
                faults += 1
                print(f"\nDIFFERS: SEED={name} on {subject}", flush=True)
                clean = f"{name}_{subject}".replace(".", "_").replace("-", "_")
                print(tester.shown(smallest, subject, f"seed_{clean}"), flush=True)
                if faults >= FAULTS_AT_MOST:
                    return 1
        tester.oracle.forget()
        if (number + 1) % 500 == 0:
            print(f"{number + 1} scripts, {faults} differences", flush=True)
    seconds = time.monotonic() - begun
    print(f"{args.rounds} scripts in {seconds:.0f} s, {faults} unexplained differences")
    print(f"compared: {dict(tester.compared)}; asked Erlang {tester.oracle.asked} times")
    for rule, count in tester.excused.items():
        print(f"on purpose, {count} times: {rule}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
