"""What the scripts beside it share: cases in processes of their own, interleaved, and their aims.

Each repetition runs every case once, beginning at another one, all pinned to one core; then the
same free. Printed are medians over the repetitions and, for each aim, how the median stands to it,
alone or as a ratio to another case's.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Figures = dict[str, float]
Cases = Mapping[str, Callable[[], Figures]]


@dataclass(frozen=True, slots=True)
class Aim:
    """``case``'s ``figure`` is to be ``relation`` ``value``, times ``beside``'s when that is given.

    ``free`` is the value that holds when the cases are not pinned, if it is another one.
    """

    case: str
    figure: str
    relation: str
    value: float
    beside: str | None = None
    free: float | None = None

    def line(self, found: Mapping[str, Figures], *, pinned: bool) -> str | None:
        """How it stands, or ``None`` when one of its cases was not run."""
        if self.case not in found or (self.beside is not None and self.beside not in found):
            return None
        wanted = self.value if pinned or self.free is None else self.free
        shown = found[self.case][self.figure]
        if self.beside is not None:
            shown /= found[self.beside][self.figure]
        holds = shown >= wanted if self.relation == ">=" else shown <= wanted
        against = "" if self.beside is None else f" x {self.beside}"
        return (
            f"{'ok  ' if holds else 'MISS'} {self.case} {self.figure} {shown:.4g}{against}"
            f" (aim {self.relation} {wanted:g})"
        )


def main(
    description: str | None,
    cases: Callable[[argparse.Namespace], Cases],
    aims: tuple[Aim, ...],
    *,
    children: int = 10_000,
) -> None:
    """Run the cases as the command line says, and print what came of it."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reps", type=int, default=3, help="of each case (default 3)")
    parser.add_argument("--children", type=int, default=children, help=f"default {children}")
    parser.add_argument("--only", default="", help="only cases with one of these in their name")
    parser.add_argument("--how", choices=("pinned", "free", "both"), default="both")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", help="run one case here, and print its figures")
    parser.add_argument("--pinned", action="store_true", help="with --case: on one core")
    arguments = parser.parse_args()
    known = cases(arguments)
    if arguments.case:
        _run_here(known[arguments.case], pinned=arguments.pinned)
    names = [name for name in known if any(part in name for part in arguments.only.split(","))]
    for how in ("pinned", "free"):
        if arguments.how in {how, "both"}:
            _compare(names, arguments, aims, pinned=how == "pinned")


def _run_here(case: Callable[[], Figures], *, pinned: bool) -> None:
    if pinned:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    logging.disable(logging.CRITICAL)
    print(json.dumps(case()), flush=True)
    os._exit(0)


def _compare(
    names: list[str], arguments: argparse.Namespace, aims: tuple[Aim, ...], *, pinned: bool
) -> None:
    took: dict[str, list[Figures]] = {}
    for rep in range(arguments.reps):
        turn = rep * len(names) // arguments.reps
        for name in names[turn:] + names[:turn]:
            took.setdefault(name, []).append(_measured(name, arguments.children, pinned=pinned))
    found = {
        name: {key: statistics.median(one[key] for one in all_) for key in all_[0]}
        for name, all_ in took.items()
    }
    print("pinned to one core" if pinned else "free")
    if arguments.json:
        print(json.dumps(found, indent=1))
    for name, figures in sorted(found.items()):
        print(" ", name, " ".join(f"{key}={value:.4g}" for key, value in figures.items()))
    for aim in aims:
        line = aim.line(found, pinned=pinned)
        if line is not None:
            print(" ", line, flush=True)


def _measured(name: str, children: int, *, pinned: bool) -> Figures:
    """One case in a process of its own."""
    command = [sys.executable, sys.argv[0], "--case", name, "--children", str(children)]
    if pinned:
        command.append("--pinned")
    said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    figures: Figures = json.loads(said.stdout.strip().splitlines()[-1])
    return figures
