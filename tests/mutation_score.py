"""How many small faults, put into a room's code, do its tests notice?

Cosmic Ray makes the mutants: an operator turned round, a bound moved by one, a number, a truth
value or a condition turned, a loop that does nothing, a decorator taken away. Of each place one
mutant of a kind is drawn, by a seeded sample. A run with coverage says which tests come by each
line; a mutant is judged by these alone, the quickest first. What changes a declaration only (an
annotation, an option of ``@dataclass``) is no mutant. Everything happens in clones of the last
commit, in a temporary folder.

Prints what survived, and the score: killed per mutant. ``make mutants`` installs what it needs.

usage: python tests/mutation_score.py policy|forwarding|recovery [--sample 200] [--seed 1]
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
MEANT: Final = frozenset({"default", "default_factory", "repr"})  # what a secret hides behind
SPENT: Final = 240.0  # seconds that the tests of one mutant may take in all

# The kinds of mutants that are rarely the same program: a comparison is negated or its bound
# moved, arithmetic is inverted, the rest is Cosmic Ray's.
KINDS: Final = (
    *(
        f"core/ReplaceComparisonOperator_{pair}"
        for pair in ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is", "Lt_LtE", "LtE_Lt", "Gt_GtE")
    ),
    *(f"core/ReplaceComparisonOperator_{pair}" for pair in ("GtE_Gt", "Lt_GtE", "Gt_LtE")),
    *(
        f"core/ReplaceBinaryOperator_{pair}"
        for pair in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Mod_FloorDiv")
    ),
    *(f"core/ReplaceBinaryOperator_{pair}" for pair in ("BitOr_BitAnd", "BitAnd_BitOr")),
    *(f"core/ReplaceUnaryOperator_{pair}" for pair in ("USub_UAdd", "Delete_Not")),
    *("core/AddNot", "core/ReplaceTrueWithFalse", "core/ReplaceFalseWithTrue"),
    *("core/ReplaceAndWithOr", "core/ReplaceOrWithAnd", "core/NumberReplacer"),
    *("core/ReplaceBreakWithContinue", "core/ReplaceContinueWithBreak"),
    *("core/ZeroIterationForLoop", "core/RemoveDecorator", "core/ExceptionReplacer"),
)


@dataclass(frozen=True, slots=True)
class Room:
    """What is mutated, and the tests that are asked."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


ROOMS: Final = {
    "policy": Room(("supervision/policy/*.py",), ("tests/supervision/test_*.py",)),
    "forwarding": Room(
        ("actors/forwarding/*.py",), ("tests/actors/test_*.py", "tests/simulation/test_*.py")
    ),
    "recovery": Room(
        ("actors/session/recovery.py", "actors/session/reconnect.py"),
        tuple(
            f"tests/actors/test_{name}.py"
            for name in (
                "rec*",
                "damage",
                "disk",
                "connections",
                "waits",
                "dead_keys",
                "refused_*",
                "care",
            )
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one fault in it."""

    module: str
    kind: str
    line: int
    source: str

    def __str__(self) -> str:
        before = (ROOT / self.module).read_text("utf-8").splitlines()
        changed = difflib.unified_diff(before, self.source.splitlines(), lineterm="", n=0)
        lines = "\n".join(f"    {one}" for one in list(changed)[3:])
        return f"{self.module}:{self.line} {self.kind.removeprefix('core/')}\n{lines}"


def main() -> None:
    """Draw, judge and count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("room", choices=sorted(ROOMS))
    parser.add_argument("--sample", type=int, default=200, help="how many mutants are judged")
    parser.add_argument("--seed", type=int, default=1, help="which are drawn")
    parser.add_argument("--jobs", type=int, default=1, help="how many are judged at once")
    options = parser.parse_args()
    room = ROOMS[options.room]
    with tempfile.TemporaryDirectory() as folder:
        clones = [_clone(Path(folder) / str(number)) for number in range(options.jobs)]
        seen_by = _tests_by_line(clones[0], room)
        every = [one for path in _paths(ROOT, room.modules) for one in _mutants(path)]
        drawn = random.Random(options.seed).sample(every, min(options.sample, len(every)))
        print(f"{len(every)} mutants, {len(drawn)} drawn", flush=True)
        with ThreadPoolExecutor(options.jobs) as pool:
            shares = [drawn[number :: options.jobs] for number in range(options.jobs)]
            survived = sum(
                pool.map(lambda pair: _judge(*pair, seen_by), zip(clones, shares, strict=True))
            )
    killed = len(drawn) - survived
    print(f"{options.room}: {killed} of {len(drawn)} killed, {killed / len(drawn):.1%}")


def _clone(folder: Path) -> Path:
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    return folder


def _paths(root: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted(path for pattern in patterns for path in root.glob(pattern))


# Mutants


def _mutants(path: Path) -> list[Mutant]:
    from cosmic_ray.ast import ast_nodes, get_ast_from_path
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    source = path.read_text("utf-8")
    meant = _meaning(source)
    found = []
    for kind in KINDS:
        operator = get_operator(kind)()
        places = [
            place
            for node in ast_nodes(get_ast_from_path(path))
            for place in operator.mutation_positions(node)
        ]
        for number, (start, _) in enumerate(places):
            changed = mutate_code(source, operator, number)
            if changed and _meaning(changed) != meant:
                module = str(path.relative_to(ROOT))
                found.append(
                    Mutant(module, kind, _first_change(source, changed) or start[0], changed)
                )
    return found


def _first_change(before: str, after: str) -> int:
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    return next((number for number, (old, new) in enumerate(pairs, 1) if old != new), 0)


def _meaning(source: str) -> str:
    """The program without its declarations: annotations, which arguments are by keyword only, and
    the options of ``@dataclass``. What cannot be read is its own meaning.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.arguments):
            node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
            node.defaults = [*node.defaults, *filter(None, node.kw_defaults)]
            node.posonlyargs, node.kwonlyargs, node.kw_defaults = [], [], []
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"dataclass", "field"}:
            node.keywords = [one for one in node.keywords if (one.arg or "") in MEANT]
    return ast.dump(tree)


# Judging

Seen = dict[tuple[str, int], list[str]]


def _tests_by_line(clone: Path, room: Room) -> Seen:
    """The tests that come by each line of the room, the quickest first; line 0: by any line."""
    data = clone / ".mutation-coverage"
    settings = clone / "mutation-coverage.cfg"
    settings.write_text(f"[run]\ndata_file = {data}\ncore = ctrace\n", "utf-8")
    tests = [str(path.relative_to(clone)) for path in _paths(clone, room.tests)]
    folders = sorted({str(Path(pattern).parent) for pattern in room.modules})
    _pytest(
        clone,
        tests,
        *(f"--cov=telewarden.{folder.replace('/', '.')}" for folder in folders),
        "--cov-context=test",
        "--cov-report=",
        f"--cov-config={settings}",
        "-p",
        "tests.mutation_score",
        within=3600,
    )
    spent = json.loads((clone / "durations.json").read_text("utf-8"))
    return _seen(data, spent, clone)


def _seen(data: Path, spent: dict[str, float], clone: Path) -> Seen:
    from coverage.numbits import numbits_to_nums

    found: dict[tuple[str, int], set[str]] = {}
    with contextlib.closing(sqlite3.connect(data)) as db:
        rows = db.execute(
            "SELECT path, context, numbits FROM line_bits"
            " JOIN file ON file.id = file_id JOIN context ON context.id = context_id"
        )
        for path, context, bits in rows:
            test, _, phase = context.rpartition("|")
            if phase != "run" and not test:
                continue
            module = str(Path(path).resolve().relative_to(clone.resolve()))
            for line in (0, *numbits_to_nums(bits)):
                found.setdefault((module, line), set()).add(test)
    return {
        place: sorted(tests, key=lambda test: spent.get(test, 0.0))
        for place, tests in found.items()
    }


def _judge(clone: Path, mutants: list[Mutant], seen_by: Seen) -> int:
    survived = 0
    for number, mutant in enumerate(mutants, 1):
        path = clone / mutant.module
        path.write_text(mutant.source, "utf-8")
        # What runs at import is in no test's line: then each test of the module is asked.
        tests = seen_by.get((mutant.module, mutant.line)) or seen_by.get((mutant.module, 0), [])
        began = time.monotonic()
        lives = not tests or _pytest(clone, tests, "-x", within=SPENT)
        survived += lives
        word = "SURVIVED" if lives else "killed"
        print(
            f"{number}/{len(mutants)} {word} {time.monotonic() - began:.0f} s {mutant}", flush=True
        )
        subprocess.run(["git", "checkout", "-q", "--", mutant.module], cwd=clone, check=True)
    return survived


def _pytest(clone: Path, tests: list[str], *more: str, within: float) -> bool:
    """Whether the tests pass; one that hangs does not."""
    asked = clone / "asked.txt"
    asked.write_text("\n".join(tests), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *more, f"@{asked}"]
    surroundings = {**os.environ, "PYTHONPATH": str(clone), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command,
        cwd=clone,
        env=surroundings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as running:
        try:
            return running.wait(within) == 0
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            return False


# As a plugin of the run with coverage: how long each test takes.

_durations: dict[str, float] = {}


def pytest_runtest_logreport(report: Any) -> None:
    """Add up set-up, call and tear-down."""
    _durations[report.nodeid] = _durations.get(report.nodeid, 0.0) + report.duration


def pytest_sessionfinish() -> None:
    """Write them down."""
    Path("durations.json").write_text(json.dumps(_durations), "utf-8")


if __name__ == "__main__":
    main()
