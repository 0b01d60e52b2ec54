"""A test over which something crashes fails, unless it says so: the plugin in a run of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from telewarden.errors import DrillError
from telewarden.testing import CrashWatch
from telewarden.testing.crashes import Kind, Trouble, declared, judge
from telewarden.testing.plugin import WATCH

pytest_plugins = "pytester"

# The plugin of Hypothesis imports it whole, in each run anew, to say that there is nothing to say.
NOT_NEEDED = ("cacheprovider", "hypothesispytest", "xdist", "pytest_cov")
INI = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
PARTS = """
import asyncio, gc, logging, threading
import pykka, pytest
from telewarden.supervision import (
    ChildResumed, ChildSpec, ChildStarted, ChildStopped, EventProbe, LoopActor,
    Restart, SupervisorSpec, TerminateChild, Tree, Directive, ask_async,
)

class Faulty:
    def __init__(self, starts=True):
        super().__init__()
        self.starts = starts

    def on_start(self):
        if not self.starts:
            raise OSError("no luck")

    def on_receive(self, message):
        raise ValueError(f"cannot do {message}")

class InLoop(Faulty, LoopActor): ...
class InThread(Faulty, pykka.ThreadingActor): ...

class Drilled(Exception): ...

async def crashes(actor=InLoop, then=ChildStarted, **more):
    async with Tree(SupervisorSpec(children=(ChildSpec(id="a", actor=actor, **more),))) as tree:
        probe = EventProbe(tree.events)
        tree.ref("a").tell("it")
        await probe.expect(then, "a")

async def does_not_start():
    spec = SupervisorSpec(children=(ChildSpec(id="b", actor=InLoop, args=(False,)),))
    with pytest.raises(Exception, match="no luck"):
        await Tree(spec).start()

async def drops():
    async with Tree(SupervisorSpec(children=(ChildSpec(id="c", actor=InLoop),))) as tree:
        await ask_async(tree.supervisor, TerminateChild("c"), timeout=5)
        tree.ref("c").tell("too late")

async def logs():
    logging.getLogger("telewarden.some.room").error("disk is gone name=%s", "x")

async def lets_go_of_a_task():
    async def work():
        raise KeyError("nobody looks")
    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    del task
    gc.collect()

async def lets_a_thread_end_badly():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
"""

KINDS = {
    "crashes": ["a crashed: ValueError: cannot do it", "in on_receive"],
    "does_not_start": ["b did not start: OSError: no luck", "in on_start"],
    "drops": ["c was not given a message: str (unavailable)"],
    "logs": ["telewarden.some.room logged: disk is gone name=x"],
    "lets_go_of_a_task": ["asyncio logged: Task exception was never retrieved"],
    "lets_a_thread_end_badly": ["ZeroDivisionError"],
}
MARKS = {
    "crashes": '"a", ValueError',
    "does_not_start": '"b", start=OSError',
    "drops": '"c", dropped="str"',
    "logs": 'logged="disk is gone"',
    "lets_go_of_a_task": 'logged="never retrieved"',
}


class Run:
    """Runs tests with the plugin, as a project does that has asked for it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester
        self.ini(INI + "telewarden_crashes = true\n")

    def ini(self, text: str) -> None:
        self._pytester.path.joinpath("pytest.ini").write_text(text, encoding="utf-8")

    def __call__(self, *tests: str) -> tuple[dict[str, int], str]:
        """What came of them, and what was said."""
        self._pytester.makepyfile(PARTS + "\n" + "\n\n".join(tests))
        without = [one for name in NOT_NEEDED for one in ("-p", f"no:{name}")]
        done = self._pytester.runpytest_inprocess(*without)
        return done.parseoutcomes(), "\n".join(done.outlines)


@pytest.fixture
def run(
    pytester: pytest.Pytester, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    for sign in ("CI", "BUILD_NUMBER"):  # where pytest sees one, its summary says everything twice
        monkeypatch.delenv(sign, raising=False)
    yield Run(pytester)
    pytestconfig.stash[WATCH].take()  # what goes wrong in that run is its own affair


def test_whatever_goes_wrong_undeclared_fails_the_test_and_is_named(run: Run) -> None:
    outcomes, said = run(*(f"async def test_{kind}():\n    await {kind}()" for kind in KINDS))

    by_pytest = 1  # a thread's end: in the call itself, as it does with warnings as errors
    assert outcomes == {"passed": len(KINDS) - 1, "failed": by_pytest, "errors": len(KINDS) - 1}
    assert [words for told in KINDS.values() for words in told if words not in said] == []
    assert '@pytest.mark.crashes("a", ValueError)' in said  # how it would be declared


def test_both_hosts_and_an_error_that_the_actor_survived_are_seen(run: Run) -> None:
    resumed = "crashes(then=ChildResumed, directive=lambda error: Directive.RESUME)"
    temporary = "crashes(then=ChildStopped, restart=Restart.TEMPORARY)"

    outcomes, said = run(
        "async def test_thread():\n    await crashes(InThread)",
        f"async def test_resumed():\n    await {resumed}",
        f"async def test_temporary():\n    await {temporary}",
        "def test_nothing(): ...",
    )

    assert outcomes == {"passed": 4, "errors": 3}
    assert said.count("a crashed: ValueError: cannot do it") == 3


def test_what_is_declared_may_happen(run: Run) -> None:
    tests = [
        f"@pytest.mark.crashes({mark})\nasync def test_{kind}():\n    await {kind}()"
        for kind, mark in MARKS.items()
    ]

    assert run(*tests)[0] == {"passed": len(MARKS)}


def test_what_is_declared_must_happen_unless_it_is_only_possible(run: Run) -> None:
    tests = [
        f"@pytest.mark.crashes({mark})\ndef test_{kind}(): ..." for kind, mark in MARKS.items()
    ]
    tests += [
        "@pytest.mark.crashes('*', ValueError, possible=True)\ndef test_perhaps(): ...",
        "@pytest.mark.crashes('*', ValueError)\ndef test_that_fails_anyway():\n    assert 1 == 2",
    ]

    outcomes, said = run(*tests)

    assert outcomes == {"passed": len(MARKS) + 1, "failed": 1, "errors": len(MARKS)}
    assert said.count("declared, and it did not happen: @pytest.mark.crashes(") == len(MARKS)


@pytest.mark.parametrize("mark", ["'*', KeyError", "'b', ValueError", "'a', start=ValueError"])
def test_a_declaration_covers_what_it_names_and_nothing_else(run: Run, mark: str) -> None:
    test = f"@pytest.mark.crashes({mark})\nasync def test_crashes():\n    await crashes()"

    outcomes, said = run(test)

    assert outcomes == {"passed": 1, "errors": 1}
    assert "a crashed: ValueError: cannot do it" in said
    assert "declared, and it did not happen" in said


def test_a_module_s_declaration_is_for_those_of_its_tests_that_need_it(run: Run) -> None:
    outcomes, _ = run(
        "pytestmark = pytest.mark.crashes('*', ValueError)",
        "def test_quiet(): ...",
        "async def test_loud():\n    await crashes()",
        "async def test_other():\n    await does_not_start()",
    )

    assert outcomes == {"passed": 3, "errors": 1}


def test_a_project_that_does_not_ask_for_it_is_left_alone(run: Run) -> None:
    run.ini(INI)

    assert run("async def test_crashes():\n    await crashes()")[0] == {"passed": 1}


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("", "does not say what happens"),
        ("'*', Exception", "is every error; name the one that is meant"),
        ("'*', 'boom'", "give a class of errors"),
        ("ValueError, possible=True", "the child comes first"),
        ("'a', ValueError, chid='a'", "chid"),
        ("Drilled", 'write @pytest.mark.crashes("*", Drilled)'),
    ],
)
def test_a_declaration_that_says_nothing_is_refused(run: Run, mark: str, words: str) -> None:
    _, said = run(f"@pytest.mark.crashes({mark})\ndef test_it(): ...")

    assert words in said


# by themselves


def crash(error: type[BaseException], child: str = "a") -> Trouble:
    names = tuple(f"{one.__module__}.{one.__qualname__}" for one in error.__mro__)
    return Trouble(kind=Kind.CRASH, child=child, about=f"{error.__name__}: x", errors=names)


@pytest.mark.parametrize(
    ("mark", "child"),
    [
        (declared("*", OSError), "a"),
        (declared("sessions/*", ConnectionResetError), "sessions/session:x/session"),
        (declared("a", (KeyError, OSError)), "a"),
    ],
)
def test_a_declaration_holds_for_the_errors_below_and_for_paths_as_in_a_shell(
    mark: Any, child: str
) -> None:
    assert judge([crash(ConnectionResetError, child)], mark) == ""


def test_each_error_of_a_declaration_must_happen() -> None:
    assert "KeyError" in judge([crash(DrillError)], declared("*", DrillError, KeyError))
    assert judge([crash(DrillError)], declared("*", (DrillError, KeyError))) == ""


def test_the_same_thing_many_times_is_one_thing() -> None:
    watch = CrashWatch()
    try:
        for _ in range(1_000):
            watch.note(crash(DrillError))

        assert watch.take() == [crash(DrillError)]
        assert watch.take() == []
    finally:
        watch.end()


# in processes

PROGRAM = """
import asyncio, logging, sys
from telewarden.errors import DrillError
from telewarden.supervision import *

async def main():
    async with Tree(SupervisorSpec(children=(ChildSpec(id="a", actor=LoopActor),))) as tree:
        probe = EventProbe(tree.events)
        tree.ref("a").tell(Drill("here"))
        await probe.expect(ChildStarted, "a")

logging.basicConfig(level=logging.ERROR)
asyncio.run(main())
logging.getLogger("telewarden.there").error("disk is gone")
"""


@pytest.mark.crashes("a", DrillError)
@pytest.mark.crashes(logged="disk is gone")
def test_what_goes_wrong_in_a_process_that_a_test_starts_counts_as_well(
    pytester: pytest.Pytester,
) -> None:
    done = pytester.run(sys.executable, "-c", PROGRAM)

    assert done.ret == 0
    assert "child failed" not in done.stderr.str()  # it shows no more than it would alone
