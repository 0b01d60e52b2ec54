"""The commands of the simulator."""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from . import disk, order, process
from .context import Outcome
from .directions import DIRECTIONS
from .generator import generate
from .mutations import MUTATIONS
from .proof import as_json, prove, search
from .run import play
from .script import Script
from .shrink import shrink
from .surroundings import real_monotonic

__all__ = ["main"]

ACTS: Final = 500  # of one seed; making its world and the silence at its end cost some 30
FINISH_WITHIN: Final = 10.0  # seconds that the last seed gets to come to its end, past the time
SCRIPTS: Final = Path(__file__).parent.parent / "tests" / "simulation" / "scripts"


def main() -> None:
    """Read the command line and do it."""
    given = _parser().parse_args()
    os.environ["SIMULATION_API_HASH"] = "simulated"
    process.install()
    order.install()
    disk.install()
    gc.collect()
    gc.freeze()
    sys.exit(globals()[f"_{given.command}"](given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    many = commands.add_parser("run", help="play seed after seed")
    many.add_argument("--first", type=int, help="the first seed; a fresh one by default")
    many.add_argument("--seeds", type=int, help="how many")
    many.add_argument("--seconds", type=float, help="for how long")
    many.add_argument("--jobs", type=int, default=1, help="processes")
    many.add_argument("--keep-going", action="store_true", help="past violations too")
    many.add_argument("--mutation", help="a fix that is taken out meanwhile")
    many.add_argument("--summary", type=Path, help=argparse.SUPPRESS)
    one = commands.add_parser("seed", help="play one seed")
    again = commands.add_parser("replay", help="play scripts, one after the other")
    again.add_argument("scripts", type=Path, nargs="+", metavar="script")
    small = commands.add_parser("shrink", help="make a seed, or a script, as small as it gets")
    small.add_argument("--out", type=Path, help="where to write the script")
    small.add_argument("--most", type=int, default=400, help="plays")
    test = commands.add_parser("test", help="shrink a seed and keep it as a test")
    test.add_argument("--name", help="what the test says, in words_with_underscores")
    holes = commands.add_parser("mutations", help="take fixes out: is each fault found?")
    holes.add_argument("names", nargs="*", help="which; all by default")
    holes.add_argument("--seconds", type=float, default=60.0, help="for each, at most")
    holes.add_argument("--first", type=int, help="the first seed; a fresh one by default")
    holes.add_argument("--table", action="store_true", help="as in the documentation")
    holes.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    for command in (one, small, test):
        command.add_argument("seed", help="a seed, or the file of a script")
    for command in (many, one, small, test):
        command.add_argument("--acts", type=int, default=ACTS, help="of people and operators")
    for command in (many, one, small, test):
        command.add_argument("--about", choices=sorted(DIRECTIONS), help="what scripts are about")
    for command in (one, again):
        command.add_argument("--trace", action="store_true", help="print what happens")
    return parser


# Many seeds


def _run(given: argparse.Namespace) -> int:
    if given.mutation is not None:
        MUTATIONS[given.mutation].take_out()
    first = given.first
    if first is None:
        first = int.from_bytes(os.urandom(5), "little") * 1000
    if given.jobs > 1:
        return _side_by_side(given, first)
    total, until = _Total(), math.inf
    if given.seconds is not None:
        until = real_monotonic() + given.seconds + FINISH_WITHIN
    for seed in _seeds(given, first):
        outcome = play(generate(seed, acts=given.acts, about=given.about), until=until)
        if outcome.abandoned and not outcome.violations:
            print(f"seed {seed}: abandoned, the time is over", flush=True)
            break
        total.add(outcome)
        if outcome.violations:
            print(f"seed {seed}: " + "\n    ".join(outcome.violations[:8]), flush=True)
            about = f" --about {given.about!r}" if given.about else ""
            print(f"    python -m simulation shrink {seed} --acts {given.acts}{about}", flush=True)
            if not given.keep_going:
                break
    if given.summary is not None:
        given.summary.write_text(total.to_json())
    else:
        print(total)
    return 1 if total.bad else 0


def _seeds(given: argparse.Namespace, first: int) -> Any:
    began, seed = real_monotonic(), first
    while given.seeds is None or seed < first + given.seeds:
        if given.seconds is not None and real_monotonic() - began >= given.seconds:
            return
        if given.seeds is None and given.seconds is None and seed >= first + 10:
            return
        yield seed
        seed += 1


def _side_by_side(given: argparse.Namespace, first: int) -> int:
    print(f"seeds from {first}", flush=True)
    total = _Total()
    with tempfile.TemporaryDirectory() as folder:
        workers = []
        for number in range(given.jobs):
            summary = Path(folder, str(number))
            words = ["run", "--first", str(first + number * 10_000_000), "--acts", str(given.acts)]
            words += ["--summary", str(summary)]
            words += ["--keep-going"] if given.keep_going else []
            words += ["--about", given.about] if given.about else []
            words += [] if given.seeds is None else ["--seeds", str(given.seeds)]
            words += [] if given.seconds is None else ["--seconds", str(given.seconds)]
            worker = subprocess.Popen([sys.executable, "-m", "simulation", *words])  # noqa: S603 - itself
            workers.append((worker, summary))
        codes = [worker.wait() for worker, _ in workers]
        for _, summary in workers:
            if summary.exists():
                total.merge(json.loads(summary.read_text()))
    print(total)
    return max(codes)


class _Total:
    """What has been played so far."""

    def __init__(self) -> None:
        self.began = real_monotonic()
        self.seeds = self.acts = self.copies = self.bad = 0
        self.virtual = self.cpu = 0.0
        self.struck: Counter[str] = Counter()

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.acts += outcome.acts
        self.copies += outcome.copies
        self.bad += bool(outcome.violations)
        self.virtual += outcome.virtual
        self.struck.update(outcome.faults)

    def merge(self, other: dict[str, Any]) -> None:
        self.struck.update(other.pop("struck"))
        for name, value in other.items():
            setattr(self, name, getattr(self, name) + value)

    def to_json(self) -> str:
        self.cpu = time.process_time()
        names = ("cpu", "seeds", "acts", "copies", "bad", "virtual", "struck")
        return json.dumps({name: getattr(self, name) for name in names})

    def __str__(self) -> str:
        took = real_monotonic() - self.began
        struck = "".join(f"\n  {kind:<24}{count:>9}" for kind, count in sorted(self.struck.items()))
        return (
            f"seeds {self.seeds}  acts {self.acts}  copies at rest {self.copies}"
            f"  violations {self.bad}  virtual {self.virtual / 3600:.1f} h"
            f"  took {took:.0f} s  {self.acts / took:.0f} acts/s"
            f"  {self.acts / (self.cpu or time.process_time()):.0f} acts/s of CPU\nstruck{struck}"
        )


# Fixes taken out


def _mutations(given: argparse.Namespace) -> int:
    if given.alone:
        [name] = given.names
        print(as_json(search(name, first=given.first, seconds=given.seconds)))
        return 0
    return prove(given.names, seconds=given.seconds, first=given.first, table=given.table)


# One


def _script_of(given: argparse.Namespace) -> Script:
    path = Path(given.seed)
    if path.suffix == ".json":
        return Script.from_json(path.read_text())
    return generate(given.seed, acts=given.acts, about=given.about)


def _seed(given: argparse.Namespace) -> int:
    return _show(play(_script_of(given), keep_trace=given.trace))


def _replay(given: argparse.Namespace) -> int:
    codes = []
    for path in given.scripts:
        if len(given.scripts) > 1:
            print(path.stem)
        script = Script.from_json(path.read_text())
        codes.append(_show(play(script, keep_trace=given.trace)))
    return max(codes)


def _shrink(given: argparse.Namespace) -> int:
    def keep(script: Script) -> None:
        if given.out is not None:
            given.out.write_text(script.to_json())

    try:
        script, outcome = shrink(_script_of(given), keep=keep, most=given.most)
    except ValueError as error:
        print(error)
        return 0
    print(script.to_json())
    return _show(outcome)


def _test(given: argparse.Namespace) -> int:
    script, outcome = shrink(_script_of(given))
    name = given.name or f"seed_{script.seed}"
    SCRIPTS.mkdir(exist_ok=True)
    path = SCRIPTS / f"{name}.json"
    path.write_text(script.to_json())
    print(f"{path}\nnow: python -m simulation replay {path}")
    return _show(outcome)


def _show(outcome: Outcome) -> int:
    for line in outcome.trace:
        print(line)
    for what in outcome.violations:
        print(f"violation: {what}")
    print(
        f"seed {outcome.seed}  acts {outcome.acts}  copies {outcome.copies}  "
        f"virtual {outcome.virtual:.3f} s  digest {outcome.digest}"
    )
    return 1 if outcome.violations else 0
