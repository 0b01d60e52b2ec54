"""Stops (S14, S15, S17, S25, S28): in order, bounded, reported."""

from __future__ import annotations

import asyncio
from typing import Any

import pykka
import pytest

from telewarden.errors import ChildUnavailableError, DrillError
from telewarden.supervision import (
    ChildQuarantined,
    ChildSpec,
    ChildStarted,
    ChildState,
    Drill,
    DynamicSupervisor,
    ExitKind,
    LoopActor,
    ManualClock,
    Restart,
    RestartChild,
    RestartIntensity,
    Shutdown,
    StartChild,
    Strategy,
    Supervisor,
    SupervisorSpec,
    TerminateChild,
    Tree,
    ask_async,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes(
        "*",
        (DrillError, ValueError),
        logged="child abandoned|child quarantined|supervisor gives up",
    ),
]

BOOM = ("raise", ValueError("boom"))


# S14: stopping


async def test_s14_everything_stops_in_reverse_order_of_its_start(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    inner = SupervisorSpec(children=tuple(ChildSpec(id=i, actor=child_class) for i in "xy"))
    spec = SupervisorSpec(
        children=(
            ChildSpec(id="a", actor=child_class),
            ChildSpec(id="inner", actor=Supervisor, args=(inner,)),
            ChildSpec(id="b", actor=child_class),
        )
    )
    async with grow(spec) as grown:
        report = await grown.tree.stop()

        assert [entry.child for entry in report.entries] == [
            "b", "inner/y", "inner/x", "inner", "a",
        ]  # fmt: skip
        assert all(entry.exit.kind is ExitKind.SHUTDOWN for entry in report.entries)


async def test_s14_a_stop_overtakes_the_backlog(
    grow: Any, thread_child: type[pykka.Actor], gate: Any
) -> None:
    spec = SupervisorSpec(children=(ChildSpec(id="a", actor=thread_child),))
    async with grow(spec) as grown:
        ref = grown.tree.ref("a")
        busy = ref.ask(("wait", gate), block=False)
        await gate.is_entered()
        behind = [ref.ask("count", block=False) for _ in range(20)]
        stopping = asyncio.ensure_future(grown.tree.stop())
        await grown.rest()
        gate.open()
        await stopping

        assert await busy is True
        for answer in behind:
            with pytest.raises(pykka.ActorDeadError):
                await answer


async def test_s14_a_stop_cancels_a_waiting_handler_and_answers_its_asker(grow: Any) -> None:
    class Waits(LoopActor):
        async def on_receive(self, message: object) -> None:
            await asyncio.Event().wait()

    async with grow(SupervisorSpec(children=(ChildSpec(id="a", actor=Waits),))) as grown:
        answer = grown.tree.ref("a").ask("for ever", block=False)
        await grown.rest()
        report = await grown.tree.stop()

        assert report.is_clean
        with pytest.raises(ChildUnavailableError, match="stopping"):
            await answer


async def test_s15_a_thread_that_does_not_stop_is_left_behind_and_reported(
    grow: Any, thread_child: type[pykka.Actor], gate: Any
) -> None:
    spec = SupervisorSpec(
        children=(
            ChildSpec(id="a", actor=thread_child),
            ChildSpec(id="stuck", actor=thread_child, shutdown=3.0),
        )
    )
    async with grow(spec) as grown:
        asked = grown.tree.ref("stuck").ask(("wait", gate), block=False)
        await gate.is_entered()
        stopping = asyncio.ensure_future(grown.tree.stop())
        await grown.rest()
        grown.clock.advance(3.0)
        report = await stopping

        assert [(e.child, e.seconds) for e in report.abandoned] == [("stuck", 3.0)]
        assert "stuck: abandoned" in report.as_text()
        assert grown.tree.abandoned == 1
        with pytest.raises(ChildUnavailableError):  # answered, though its thread never did
            await asked
        gate.open()


async def test_s15_nothing_takes_the_place_of_one_that_was_abandoned(
    grow: Any, thread_child: type[pykka.Actor], gate: Any
) -> None:
    spec = SupervisorSpec(
        strategy=Strategy.ONE_FOR_ALL,
        children=(
            ChildSpec(id="a", actor=thread_child),
            ChildSpec(id="stuck", actor=thread_child, shutdown=3.0),
        ),
    )
    async with grow(spec) as grown:
        grown.tree.ref("stuck").tell(("wait", gate))
        await gate.is_entered()
        grown.tree.ref("a").tell(BOOM)
        await grown.within(grown.probe.expect(ChildStarted, "stuck"))
        for _ in range(200):
            await grown.rest()
            if grown.tree.snapshot().find("stuck").state is ChildState.STOPPING:
                break
        grown.clock.advance(3.0)
        await grown.expect(ChildStarted, "a", count=2)

        found = grown.tree.snapshot().find("stuck")
        assert (found.state, found.incarnation) == (ChildState.QUARANTINED, 1)
        gate.open()


async def test_s15_what_a_fenced_thread_still_does_has_no_effect(
    grow: Any, thread_child: type[pykka.Actor], gate: Any
) -> None:
    spec = SupervisorSpec(children=(ChildSpec(id="a", actor=thread_child, shutdown=1.0),))
    async with grow(spec) as grown:
        ref = grown.tree.ref("a")
        first = ref.ask(("wait", gate), block=False)
        await gate.is_entered()
        stopping = asyncio.ensure_future(grown.command(TerminateChild("a")))
        await grown.rest()
        grown.clock.advance(1.0)
        exit_ = await stopping
        await grown.expect(ChildQuarantined, "a")
        await grown.command(RestartChild("a"))
        gate.open()

        assert exit_.kind is ExitKind.ABANDONED
        assert await ask_async(ref, "count", timeout=5) == 1
        assert grown.tree.snapshot().find("a").incarnation == 2
        with pytest.raises(ChildUnavailableError):
            await first


async def test_s14_an_immediate_stop_calls_no_hook(
    grow: Any, child_class: type[pykka.Actor], told: Any
) -> None:
    orders, gentle = told(), told()
    spec = SupervisorSpec(
        children=(
            ChildSpec(id="a", actor=child_class, args=(gentle,)),
            ChildSpec(id="b", actor=child_class, args=(orders,), shutdown=Shutdown.IMMEDIATE),
        )
    )
    async with grow(spec) as grown:
        await grown.ask("b", "count")
        runner = grown.tree.ref("b").slot.runner
        await grown.until(lambda: runner.busy_with is None)  # a thread answers before it is idle
        report = await grown.tree.stop()

        assert (orders.log, gentle.log[-1]) == (["init", "start"], "stop")
        assert report.is_clean


async def test_s14_children_that_leave_by_themselves_do_not_upset_a_stop(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        children=tuple(
            ChildSpec(id=f"{restart.value}-{n}", actor=child_class, restart=restart)
            for restart in Restart
            for n in range(3)
        ),
        intensity=RestartIntensity(limit=100),
    )
    async with grow(spec) as grown:
        for child in grown.tree.snapshot().children:
            how = ("leave", BOOM, Drill())[int(child.id[-1])]
            grown.tree.ref(child.path).tell(how)
        report = await grown.within(grown.tree.stop())

        assert report.is_clean


async def test_s17_dynamic_children_stop_all_at_once(grow: Any) -> None:
    together = asyncio.Barrier(3)

    class Slow(LoopActor):
        async def on_stop(self) -> None:
            await together.wait()  # would never return if they were stopped one after the other

    spec = SupervisorSpec(children=(ChildSpec(id="dyn", actor=DynamicSupervisor),))
    async with grow(spec) as grown:
        for n in range(3):
            await grown.command(StartChild(ChildSpec(id=f"c{n}", actor=Slow)), "dyn")
        report = await grown.within(grown.tree.stop())

        assert report.is_clean


async def test_a_stop_that_takes_too_long_altogether_leaves_the_rest_behind(
    thread_child: type[pykka.Actor], gate: Any
) -> None:
    spec = SupervisorSpec(
        children=(ChildSpec(id="stuck", actor=thread_child, shutdown=Shutdown.INFINITY),)
    )
    tree = Tree(spec)
    await tree.start()
    tree.ref("stuck").tell(("wait", gate))
    await gate.is_entered()
    report = await tree.stop(timeout=0.05)
    gate.open()

    assert "stuck" in [entry.child for entry in report.abandoned]


async def test_s25_a_supervisor_that_crashes_takes_its_children_down_and_comes_back(
    grow: Any, child_class: type[pykka.Actor], told: Any
) -> None:
    orders = told()
    inner = SupervisorSpec(children=(ChildSpec(id="x", actor=child_class, args=(orders,)),))
    spec = SupervisorSpec(children=(ChildSpec(id="inner", actor=Supervisor, args=(inner,)),))
    async with grow(spec) as grown:
        ref = grown.tree.ref("inner/x")
        grown.tree.ref("inner").tell(Drill())
        await grown.expect(ChildStarted, "inner", count=2)

        assert orders.log == ["init", "start", "stop", "init", "start"]
        assert await ask_async(ref, "same reference", timeout=5) == "same reference"


async def test_s28_pykka_s_stop_all_does_not_leave_a_tree_half_alive(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(children=tuple(ChildSpec(id=i, actor=child_class) for i in "abc"))
    async with grow(spec) as grown:
        pykka.ActorRegistry.stop_all(block=False)
        exit_ = await grown.within(grown.tree.terminated)

        assert exit_.kind in {ExitKind.NORMAL, ExitKind.SHUTDOWN}
        assert pykka.ActorRegistry.get_all() == []


async def test_leaving_the_context_after_the_root_has_ended_is_quiet(
    grow: Any, loop_child: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        children=(ChildSpec(id="a", actor=loop_child),), intensity=RestartIntensity(limit=0)
    )
    async with grow(spec) as grown:
        grown.tree.ref("a").tell(BOOM)
        await grown.within(grown.tree.terminated)


def test_a_clock_that_is_turned_by_hand_runs_what_is_due_in_order() -> None:
    clock, ran = ManualClock(), []
    clock.call_later(2.0, lambda: ran.append((clock.now(), "later")))
    clock.call_later(
        1.0, lambda: clock.call_later(0.5, lambda: ran.append((clock.now(), "nested")))
    )
    called_off = clock.call_later(1.0, lambda: ran.append((clock.now(), "never")))
    called_off.cancel()
    clock.advance(3.0)

    assert ran == [(1.5, "nested"), (2.0, "later")]
    assert (clock.now(), clock.next_due) == (3.0, None)


async def test_s15_a_restarted_supervisor_starts_nothing_beside_one_that_was_abandoned(
    grow: Any, thread_child: type[pykka.Actor], gate: Any
) -> None:
    stuck = ChildSpec(id="stuck", actor=thread_child, shutdown=1.0)
    inner = SupervisorSpec(children=(ChildSpec(id="a", actor=thread_child), stuck))
    spec = SupervisorSpec(children=(ChildSpec(id="inner", actor=Supervisor, args=(inner,)),))
    async with grow(spec) as grown:
        grown.tree.ref("inner/stuck").tell(("wait", gate))
        await gate.is_entered()
        grown.tree.ref("inner").tell(Drill())
        await grown.rest()
        grown.clock.advance(1.0)
        await grown.expect(ChildStarted, "inner", count=2)

        found = grown.tree.snapshot().find("inner/stuck")
        assert (found.state, found.incarnation) == (ChildState.QUARANTINED, 1)
        assert await grown.ask("inner/a", "fine") == "fine"


@pytest.mark.parametrize("shutdown", [Shutdown.IMMEDIATE, 2.0])
async def test_a_supervisor_that_is_cut_short_leaves_no_orphans(
    grow: Any, child_class: type[pykka.Actor], shutdown: Any
) -> None:
    class Slow(LoopActor):
        async def on_stop(self) -> None:
            await asyncio.Event().wait()

    inner = SupervisorSpec(
        children=(
            ChildSpec(id="x", actor=child_class),
            ChildSpec(id="slow", actor=Slow, shutdown=Shutdown.INFINITY),
        )
    )
    spec = SupervisorSpec(
        children=(ChildSpec(id="inner", actor=Supervisor, args=(inner,), shutdown=shutdown),)
    )
    async with grow(spec) as grown:
        await grown.ask("inner/x", "running")
        ending = asyncio.ensure_future(grown.command(TerminateChild("inner")))
        await grown.rest()
        grown.clock.advance(2.0)
        await ending

        states = {one.path: one.state for one in grown.tree.snapshot().walk()}
        assert ChildState.RUNNING not in {states["inner"], states["inner/x"], states["inner/slow"]}
