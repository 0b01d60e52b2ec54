"""Stuck handlers, a loop that does not turn, and too many abandoned."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from telewarden.errors import (
    ChildUnavailableError,
    HandlerStuckError,
    InvalidSpecError,
    TooManyAbandonedError,
)
from telewarden.supervision import (
    ChildAbandoned,
    ChildFailed,
    ChildSpec,
    ChildStarted,
    ChildState,
    ChildStuck,
    Event,
    EventProbe,
    EventStream,
    ExitKind,
    LoopActor,
    LoopResumed,
    LoopStalled,
    LoopWatch,
    LoopWatchdog,
    Shutdown,
    SupervisorSpec,
    TerminateChild,
    Tree,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes("*", HandlerStuckError, logged="child abandoned|child quarantined"),
]


class Sleepy(LoopActor):
    """Waits for what never comes."""

    async def on_receive(self, message: object) -> None:
        await asyncio.Event().wait()


@pytest.mark.crashes(logged="child stuck")
async def test_a_handler_that_never_returns_in_the_loop_is_cancelled_and_its_child_restarted(
    grow: Any,
) -> None:
    spec = SupervisorSpec(children=(ChildSpec(id="a", actor=Sleepy, stuck_after=8.0),))
    async with grow(spec) as grown:
        asked = grown.tree.ref("a").ask("sleep", block=False)
        await grown.rest()
        for _ in range(5):
            grown.clock.advance(2.0)
            await grown.rest()
        await grown.expect(ChildStarted, "a", count=2)

        (stuck,) = grown.probe.seen(ChildStuck)
        assert 8.0 <= stuck.seconds <= 10.0
        assert "Event().wait()" in stuck.stack
        assert isinstance(grown.probe.seen(ChildFailed)[0].exit.error, HandlerStuckError)
        with pytest.raises(ChildUnavailableError):
            await asked


@pytest.mark.crashes(logged="child stuck")
async def test_a_handler_that_never_returns_on_a_thread_is_left_behind(
    grow: Any, thread_child: Any, gate: Any, caplog: pytest.LogCaptureFixture
) -> None:
    spec = SupervisorSpec(children=(ChildSpec(id="a", actor=thread_child, stuck_after=4.0),))
    async with grow(spec) as grown:
        asked = grown.tree.ref("a").ask(("wait", gate), block=False)
        await gate.is_entered()
        for _ in range(6):
            grown.clock.advance(1.0)
            await grown.rest()

        assert grown.standing() == {"a": (1, ChildState.QUARANTINED)}
        assert "opened.wait" in grown.probe.seen(ChildStuck)[0].stack
        assert grown.probe.seen(ChildAbandoned)[0].abandoned == 1
        with pytest.raises(ChildUnavailableError):
            await asked
        gate.open()
    stuck = next(r for r in caplog.records if r.getMessage().startswith("child stuck"))
    assert stuck.levelno == logging.ERROR
    assert "opened.wait" in stuck.getMessage()


async def test_a_child_that_is_busy_with_one_message_after_another_is_not_stuck(
    grow: Any, child_class: Any
) -> None:
    spec = SupervisorSpec(children=(ChildSpec(id="a", actor=child_class, stuck_after=4.0),))
    async with grow(spec) as grown:
        for number in range(1, 12):
            assert await grown.ask("a", "count") == number
            grown.clock.advance(1.0)
            await grown.rest()

        assert grown.probe.seen(ChildStuck) == []
        assert grown.standing() == {"a": (1, ChildState.RUNNING)}


async def test_a_child_that_is_being_stopped_has_the_time_of_its_stop_and_not_of_a_message(
    grow: Any, thread_child: Any, gate: Any
) -> None:
    spec = ChildSpec(id="a", actor=thread_child, stuck_after=4.0, shutdown=60.0)
    async with grow(SupervisorSpec(children=(spec,))) as grown:
        grown.tree.ref("a").tell(("wait", gate))
        await gate.is_entered()
        stopping = asyncio.ensure_future(grown.command(TerminateChild("a")))
        await grown.until(lambda: grown.standing()["a"][1] is ChildState.STOPPING)
        for _ in range(20):
            grown.clock.advance(1.0)
            await grown.rest()
        assert not stopping.done()
        gate.open()

        assert (await grown.within(stopping)).kind is ExitKind.SHUTDOWN
        assert grown.probe.seen(ChildStuck) == []


def test_s30_a_time_for_one_message_must_be_positive(child_class: Any) -> None:
    with pytest.raises(InvalidSpecError, match=r"ChildSpec\.stuck_after"):
        ChildSpec(id="a", actor=child_class, stuck_after=0.0)


async def test_past_a_limit_of_abandoned_threads_the_tree_stops_and_says_why(
    grow: Any, thread_child: Any, gate: Any
) -> None:
    spec = SupervisorSpec(
        children=tuple(
            ChildSpec(id=id_, actor=thread_child, shutdown=Shutdown.IMMEDIATE) for id_ in "abc"
        )
    )
    async with grow(spec, abandoned_limit=1) as grown:
        for id_ in "ab":
            gate.entered.clear()
            grown.tree.ref(id_).tell(("wait", gate))
            await gate.is_entered()
            assert not grown.tree.terminated.done
            await grown.command(TerminateChild(id_))
        exit_ = await grown.within(grown.tree.terminated)

        assert exit_.kind is ExitKind.SHUTDOWN
        assert isinstance(exit_.error, TooManyAbandonedError)
        assert (exit_.error.abandoned, exit_.error.limit) == (2, 1)
        gate.open()


# the loop


def block_the_loop(tree: Tree, gate: threading.Event) -> None:
    """Have the tree's loop wait for a gate, as an actor that blocks would."""
    loop = tree._context.host.loop
    loop.call_soon_threadsafe(gate.wait, 5)


@pytest.mark.crashes(logged="loop stalled")
def test_a_loop_that_does_not_turn_is_reported_with_the_culprit_s_stack(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = threading.Event()
    watch = LoopWatch(lag_limit=0.02, every=0.005)
    with Tree(SupervisorSpec(), loop_watch=watch) as tree:
        probe = EventProbe(tree.events)
        block_the_loop(tree, gate)
        stalled = probe.expect(LoopStalled).get(timeout=5)
        assert tree.loop_lag >= 0.02
        assert "loop stalled" in caplog.text  # while it lasts, and not when the loop has time
        gate.set()
        resumed = probe.expect(LoopResumed).get(timeout=5)

    assert "wait" in stalled.stack
    assert resumed.seconds >= stalled.seconds >= 0.02


@pytest.mark.crashes(logged="loop given up", possible=True)
@pytest.mark.crashes(logged="loop stalled", possible=True)
def test_a_loop_that_stands_still_for_good_ends_the_process_with_70() -> None:
    gate, codes = threading.Event(), []

    def leave(code: int) -> None:
        codes.append(code)
        gate.set()

    watch = LoopWatch(lag_limit=0.01, every=0.005, fatal_after=0.02)
    with Tree(SupervisorSpec(), loop_watch=watch, leave=leave) as tree:
        probe = EventProbe(tree.events)
        block_the_loop(tree, gate)
        probe.expect(LoopResumed).get(timeout=5)

    assert codes == [70]


async def test_a_loop_that_turns_is_not_reported() -> None:
    stream = EventStream()
    probe = EventProbe(stream)
    dog = LoopWatchdog(LoopWatch(every=0.001), publish=stream.publish, now=lambda: 0.0)
    turned = asyncio.Event()
    for _ in range(50):
        asyncio.get_running_loop().call_soon(turned.set)
        await turned.wait()
    dog.stop()

    assert probe.seen(Event) == []
    assert dog.lag < 1.0


@pytest.fixture
def no_switches() -> Iterator[None]:
    """A thread keeps the interpreter until it waits for something."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(10.0)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("no_switches")
async def test_a_watchdog_is_stopped_inside_the_loop_just_before_it_asks_the_loop_to_turn() -> None:
    """Which the loop cannot, as it waits for the watchdog."""
    stream = EventStream()
    watch = LoopWatch(every=0.001, lag_limit=0.001)
    dog = LoopWatchdog(watch, publish=stream.publish, now=lambda: 0.0)
    await asyncio.sleep(0)  # it begins to wait

    until = time.perf_counter() + 10 * watch.every
    while time.perf_counter() < until:
        pass  # its wait is over, and it is about to look
    dog.stop()

    assert not dog.is_alive


@pytest.mark.parametrize(
    ("field", "wrong"), [("lag_limit", 0), ("every", -1), ("fatal_after", 0.5)]
)
def test_s30_a_loop_watch_that_makes_no_sense_is_refused(field: str, wrong: float) -> None:
    with pytest.raises(InvalidSpecError, match=rf"LoopWatch\.{field}"):
        LoopWatch(**{field: wrong})
