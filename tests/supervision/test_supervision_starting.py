"""Starts (S12, S18, S24): acknowledged, in order, each failure named."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pykka
import pytest

from telewarden.errors import ChildAbandonedError, ChildStartError, SupervisorAskedError
from telewarden.supervision import (
    ChildAbandoned,
    ChildIgnored,
    ChildQuarantined,
    ChildSpec,
    ChildStarted,
    ChildStartFailed,
    ChildState,
    ChildStopped,
    CountChildren,
    EventProbe,
    Host,
    Ignore,
    LoopActor,
    Restart,
    RestartChild,
    StartChild,
    Strategy,
    Supervisor,
    SupervisorSpec,
    TerminateChild,
    Tree,
    WhichChildren,
    ask_async,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes(
        "*",
        start=(
            ChildAbandonedError,
            ChildStartError,
            MemoryError,
            OSError,
            RuntimeError,
            SupervisorAskedError,
            TimeoutError,
        ),
        logged="child abandoned",
    ),
]

BOOM = ("raise", ValueError("boom"))


async def test_an_empty_tree_starts_and_stops(grow: Any) -> None:
    async with grow(SupervisorSpec()) as grown:
        report = await grown.tree.stop()

        assert (report.entries, report.is_clean) == ((), True)


async def test_s12_children_start_in_order_each_after_the_one_before_runs(
    child_class: type[pykka.Actor], told: Any
) -> None:
    orders = told(hold_start=threading.Event())
    tree = Tree(
        SupervisorSpec(
            children=(
                ChildSpec(id="a", actor=pykka_child(child_class), args=(orders,)),
                ChildSpec(id="b", actor=child_class),
            )
        )
    )
    probe = EventProbe(tree.events)
    starting = asyncio.ensure_future(tree.start())
    await asyncio.sleep(0)
    assert probe.seen(ChildStarted) == []
    orders.hold_start.set()
    async with asyncio.timeout(30):
        await starting

    assert probe.story(ChildStarted) == [("ChildStarted", "a"), ("ChildStarted", "b")]
    await tree.stop()


def pykka_child(child_class: type[pykka.Actor]) -> type[pykka.Actor]:
    """A child whose start can be held without holding the loop: on a thread, or a coroutine."""
    if not issubclass(child_class, LoopActor):
        return child_class

    class Held(child_class):  # type: ignore[misc, valid-type]  # the host's class
        async def on_start(self) -> None:
            await asyncio.to_thread(self.told.hold_start.wait, 5.0)

    return Held


async def test_s12_a_failing_start_stops_those_before_it_and_names_child_and_cause(
    child_class: type[pykka.Actor], told: Any
) -> None:
    inner = SupervisorSpec(
        children=(
            ChildSpec(id="x", actor=child_class),
            ChildSpec(id="y", actor=child_class, args=(told(fail_starts=1),)),
        )
    )
    tree = Tree(
        SupervisorSpec(
            children=(
                ChildSpec(id="a", actor=child_class),
                ChildSpec(id="inner", actor=Supervisor, args=(inner,)),
                ChildSpec(id="never", actor=child_class),
            )
        )
    )
    probe = EventProbe(tree.events)
    with pytest.raises(ChildStartError, match=r"inner/y did not start: OSError") as failed:
        await tree.start()

    assert (failed.value.child, type(failed.value.cause)) == ("inner/y", OSError)
    assert probe.story(ChildStarted, ChildStopped, ChildStartFailed) == [
        ("ChildStarted", "a"),
        ("ChildStarted", "inner/x"),
        ("ChildStartFailed", "inner/y"),
        ("ChildStopped", "inner/x"),
        ("ChildStartFailed", "inner"),
        ("ChildStopped", "a"),
    ]


def test_s12_a_failing_start_is_raised_where_a_blocking_tree_is_entered(
    child_class: type[pykka.Actor], told: Any
) -> None:
    spec = ChildSpec(id="a", actor=child_class, args=(told(fail_starts=1),))

    with pytest.raises(ChildStartError), Tree(SupervisorSpec(children=(spec,))):
        pass


async def test_s12_a_child_may_answer_its_start_with_ignore(
    grow: Any, child_class: type[pykka.Actor], told: Any
) -> None:
    orders = told(ignore_start=True)
    spec = SupervisorSpec(
        children=(
            ChildSpec(id="idle", actor=child_class, args=(orders,)),
            ChildSpec(id="guest", actor=child_class, args=(orders,), restart=Restart.TEMPORARY),
            ChildSpec(id="busy", actor=child_class),
        )
    )
    async with grow(spec) as grown:
        counts = await grown.command(CountChildren())

        assert (counts.specs, counts.active, counts.workers) == (2, 1, 2)
        assert grown.probe.story(ChildIgnored) == [
            ("ChildIgnored", "idle"),
            ("ChildIgnored", "guest"),
        ]
        orders.ignore_start = False
        await grown.command(RestartChild("idle"))
        assert await grown.ask("idle", "now") == "now"


async def test_s18_an_error_in_the_constructor_is_a_failed_start(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    class Unbuildable(child_class):  # type: ignore[misc, valid-type]  # the host's class
        def __init__(self) -> None:
            super().__init__()
            raise MemoryError("no room")

    async with grow(SupervisorSpec()) as grown:
        with pytest.raises(ChildStartError, match="MemoryError"):
            await grown.command(StartChild(ChildSpec(id="a", actor=Unbuildable)))

        assert await grown.command(WhichChildren()) == ()


async def test_s18_a_start_that_takes_too_long_on_a_thread_is_left_behind(
    grow: Any, thread_child: type[pykka.Actor], told: Any
) -> None:
    orders = told(hold_start=threading.Event())
    async with grow(SupervisorSpec()) as grown:
        child = ChildSpec(id="a", actor=thread_child, args=(orders,), start_timeout=2.0)
        starting = asyncio.ensure_future(grown.command(StartChild(child)))
        await grown.rest()
        grown.clock.advance(2.0)
        with pytest.raises(ChildStartError, match=r"within 2 s"):
            await starting

        assert [(e.child, e.abandoned) for e in grown.probe.seen(ChildAbandoned)] == [("a", 1)]
        orders.hold_start.set()


@pytest.mark.crashes("*", ValueError, logged="child abandoned|child quarantined")
async def test_s18_who_does_not_start_in_a_group_s_restart_is_kept_down_and_the_others_go_on(
    grow: Any, thread_child: type[pykka.Actor], told: Any
) -> None:
    orders = {name: told() for name in "abc"}
    children = tuple(
        ChildSpec(id=name, actor=thread_child, args=(orders[name],), start_timeout=2.0)
        for name in orders
    )
    async with grow(SupervisorSpec(strategy=Strategy.ONE_FOR_ALL, children=children)) as grown:
        hold = orders["b"].hold_start = threading.Event()
        grown.tree.ref("a").tell(("raise", ValueError("down")))
        await grown.expect(ChildStarted, "a", count=2)
        await grown.rest()
        grown.clock.advance(2.0)
        await grown.expect(ChildStarted, "c", count=2)

        assert [(one.child, one.reason) for one in grown.probe.seen(ChildQuarantined)] == [
            ("b", "it did not come to an end and was abandoned")
        ]
        assert grown.standing()["b"][1] is ChildState.QUARANTINED
        hold.set()


async def test_s18_a_start_that_takes_too_long_in_the_loop_is_cancelled(
    grow: Any,
) -> None:
    cancelled = []

    class Slow(LoopActor):
        async def on_start(self) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(self.path)
                raise

    async with grow(SupervisorSpec()) as grown:
        child = ChildSpec(id="a", actor=Slow, start_timeout=2.0)
        starting = asyncio.ensure_future(grown.command(StartChild(child)))
        await grown.rest()
        grown.clock.advance(2.0)
        with pytest.raises(ChildStartError, match="no start within 2 s"):
            await starting

        assert cancelled == ["a"]
        assert grown.probe.seen(ChildAbandoned) == []


async def test_s18_a_thread_that_cannot_be_had_is_a_failed_start(
    grow: Any, thread_child: type[pykka.Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with grow(SupervisorSpec()) as grown:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            with pytest.raises(ChildStartError, match="can't start new thread"):
                await grown.command(StartChild(ChildSpec(id="a", actor=thread_child)))

        ref = await grown.command(StartChild(ChildSpec(id="a", actor=thread_child)))
        assert await ask_async(ref, "now", timeout=5) == "now"

        await grown.command(TerminateChild("a"))  # gives its thread back
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            with pytest.raises(ChildStartError, match="can't start new thread"):
                await grown.command(RestartChild("a"))
        assert await grown.counts() == (1, 0, 0, 1)
        await grown.command(RestartChild("a"))
        assert await ask_async(ref, "again", timeout=5) == "again"


# S24


async def test_s24_a_starting_child_that_asks_its_own_supervisor_gets_an_error(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(SupervisorSpec()) as grown:
        boss = grown.tree.supervisor

        class Asks(child_class):  # type: ignore[misc, valid-type]  # the host's class
            def on_start(self) -> None:
                boss.ask(WhichChildren(), block=False)

        with pytest.raises(ChildStartError) as failed:
            await grown.command(StartChild(ChildSpec(id="a", actor=Asks)))

        assert isinstance(failed.value.cause, SupervisorAskedError)


async def test_an_ignore_can_come_from_the_constructor(grow: Any) -> None:
    class Idle(LoopActor):
        def __init__(self) -> None:
            super().__init__()
            raise Ignore

    async with grow(SupervisorSpec(children=(ChildSpec(id="a", actor=Idle),))) as grown:
        assert grown.tree.snapshot().find("a").state is ChildState.STOPPED


async def test_s24_a_child_that_runs_may_ask_its_own_supervisor(grow: Any, nursery: Any) -> None:
    class InLoop(LoopActor):
        async def on_receive(self, boss: Any) -> Any:
            return (await ask_async(boss, CountChildren(), timeout=5)).specs

    class OnThread(pykka.ThreadingActor):
        def on_receive(self, boss: Any) -> Any:
            return boss.ask(CountChildren(), timeout=5).specs

    curious = ChildSpec(id="a", actor=InLoop if nursery.host is Host.LOOP else OnThread)
    async with grow(nursery.group(curious, "b")) as grown:
        assert await grown.ask("a", grown.tree.supervisor) == 2
        await grown.command(RestartChild("a", force=True))
        assert await grown.ask("a", grown.tree.supervisor) == 2


class SlowToStart(LoopActor):
    """Its start takes a turn of the loop, so that its supervisor has to wait for it."""

    async def on_start(self) -> None:  # type: ignore[override]  # hooks may be async
        await asyncio.sleep(0)


async def test_a_start_leaves_nothing_for_the_garbage_collector(grow: Any) -> None:
    """So that whoever starts thousands may let it rest meanwhile, and set aside what is there."""

    def family(number: int) -> ChildSpec:
        child = ChildSpec(id="child", actor=SlowToStart)
        return ChildSpec(
            id=f"family {number}",
            actor=Supervisor,
            args=(SupervisorSpec(children=(child,)),),
        )

    async def left_by(families: int) -> int:
        spec = SupervisorSpec(children=tuple(family(number) for number in range(families)))
        gc.collect()
        gc.disable()
        try:
            async with grow(spec):
                return gc.collect()
        finally:
            gc.enable()

    assert await left_by(50) < 50  # less than one object for each
