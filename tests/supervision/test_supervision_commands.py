"""Children by command at run time (S9, S13, S26, S27, S29), on both hosts."""

from __future__ import annotations

import asyncio
from typing import Any

import pykka
import pytest
from tenacity import wait_fixed

from telewarden.errors import (
    ChildNotFoundError,
    ChildPresentError,
    ChildRestartingError,
    ChildRunningError,
    ChildStartError,
    DrillError,
)
from telewarden.supervision import (
    AutoShutdown,
    ChildRestarting,
    ChildSpec,
    ChildStarted,
    ChildStartFailed,
    ChildState,
    ChildStopped,
    CountChildren,
    DeleteChild,
    Drill,
    EventProbe,
    ExitKind,
    GetChildSpec,
    LoopActor,
    ManualClock,
    Restart,
    RestartChild,
    RestartIntensity,
    Sibling,
    StartChild,
    Strategy,
    Supervisor,
    SupervisorSpec,
    TerminateChild,
    Tree,
    WhichChild,
    WhichChildren,
    ask_async,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes("*", (DrillError, ValueError), start=OSError),
]

BOOM = ("raise", ValueError("boom"))


async def test_s13_the_life_of_one_id(grow: Any, child_class: type[pykka.Actor]) -> None:
    spec = ChildSpec(id="a", actor=child_class)
    async with grow(SupervisorSpec()) as grown:
        for unknown in (TerminateChild("a"), RestartChild("a"), DeleteChild("a"), WhichChild("a")):
            with pytest.raises(ChildNotFoundError):
                await grown.command(unknown)

        ref = await grown.command(StartChild(spec))
        with pytest.raises(ChildRunningError) as running:
            await grown.command(StartChild(spec))
        assert running.value.ref is ref
        for busy in (RestartChild("a"), DeleteChild("a")):
            with pytest.raises(ChildRunningError):
                await grown.command(busy)

        exit_ = await grown.command(TerminateChild("a"))
        assert exit_.kind is ExitKind.SHUTDOWN
        await grown.command(TerminateChild("a"))  # twice is fine
        with pytest.raises(ChildPresentError):
            await grown.command(StartChild(spec))

        assert await grown.command(RestartChild("a")) is ref
        assert await ask_async(ref, "back", timeout=5) == "back"
        await grown.command(TerminateChild("a"))
        await grown.command(DeleteChild("a"))
        assert await grown.command(WhichChildren()) == ()


async def test_s13_a_failing_start_by_command_keeps_nothing_and_names_the_cause(
    grow: Any, child_class: type[pykka.Actor], told: Any
) -> None:
    async with grow(SupervisorSpec()) as grown:
        child = ChildSpec(id="a", actor=child_class, args=(told(fail_starts=1),))
        with pytest.raises(ChildStartError, match=r"a did not start: OSError: no luck"):
            await grown.command(StartChild(child))

        assert await grown.command(WhichChildren()) == ()
        await grown.command(StartChild(child))


async def test_s13_a_failing_restart_by_command_keeps_the_stopped_child(
    grow: Any, child_class: type[pykka.Actor], told: Any
) -> None:
    orders = told()
    async with grow(SupervisorSpec()) as grown:
        await grown.command(StartChild(ChildSpec(id="a", actor=child_class, args=(orders,))))
        await grown.command(TerminateChild("a"))
        orders.fail_starts = 1
        with pytest.raises(ChildStartError):
            await grown.command(RestartChild("a"))

        assert (await grown.command(WhichChild("a"))).state is ChildState.STOPPED
        await grown.command(RestartChild("a"))


async def test_s13_a_terminated_temporary_child_is_forgotten(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(SupervisorSpec()) as grown:
        child = ChildSpec(id="a", actor=child_class, restart=Restart.TEMPORARY)
        ref = await grown.command(StartChild(child))
        await grown.command(TerminateChild("a"))

        assert not ref.is_alive()
        assert await grown.command(WhichChildren()) == ()


async def test_s9_a_child_that_waits_for_its_restart_is_restarting_not_gone(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = ChildSpec(id="a", actor=child_class, backoff=wait_fixed(5))
    async with grow(SupervisorSpec(children=(spec,))) as grown:
        grown.tree.ref("a").tell(BOOM)
        await grown.expect(ChildRestarting, "a")

        with pytest.raises(ChildPresentError):
            await grown.command(StartChild(spec))
        for command in (RestartChild("a"), DeleteChild("a")):
            with pytest.raises(ChildRestartingError):
                await grown.command(command)
        counts = await grown.command(CountChildren())
        assert (counts.specs, counts.active) == (1, 0)

        await grown.command(TerminateChild("a"))
        grown.clock.advance(60.0)
        await grown.rest()
        assert (await grown.command(WhichChild("a"))).state is ChildState.STOPPED
        assert len(grown.probe.seen(ChildStarted)) == 1  # the late timer was ignored


async def test_a_pending_restart_can_be_brought_forward(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = ChildSpec(id="a", actor=child_class, backoff=wait_fixed(500))
    async with grow(SupervisorSpec(children=(spec,))) as grown:
        grown.tree.ref("a").tell(BOOM)
        await grown.expect(ChildRestarting, "a")
        await grown.command(RestartChild("a", force=True))

        assert await grown.ask("a", "early") == "early"


async def test_s29_a_commanded_stop_is_no_crash_and_is_not_restarted(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        children=(ChildSpec(id="a", actor=child_class),), intensity=RestartIntensity(limit=0)
    )
    async with grow(spec) as grown:
        await grown.command(TerminateChild("a"))
        await grown.rest()

        assert len(grown.probe.seen(ChildStarted)) == 1
        assert not grown.tree.terminated.done


async def test_s27_counts_and_lists_agree(grow: Any, child_class: type[pykka.Actor]) -> None:
    inner = ChildSpec(id="inner", actor=Supervisor, args=(SupervisorSpec(),))
    spec = SupervisorSpec(children=(ChildSpec(id="a", actor=child_class), inner))
    async with grow(spec) as grown:
        await grown.command(StartChild(ChildSpec(id="b", actor=child_class)))
        await grown.command(TerminateChild("a"))
        counts = await grown.command(CountChildren())
        infos = await grown.command(WhichChildren())

        assert (counts.specs, counts.active, counts.supervisors, counts.workers) == (3, 2, 1, 2)
        assert [(i.id, i.state) for i in infos] == [
            ("a", ChildState.STOPPED),
            ("inner", ChildState.RUNNING),
            ("b", ChildState.RUNNING),
        ]
        assert await grown.command(WhichChild("b")) == infos[2]
        assert (await grown.command(GetChildSpec("b"))).actor is child_class


async def test_a_supervisor_answers_while_a_child_keeps_failing_to_start(
    grow: Any, child_class: type[pykka.Actor], told: Any
) -> None:
    """OTP's hanging_restart_loop: questions and a stop get their turn between the attempts."""
    orders = told()
    spec = SupervisorSpec(
        strategy=Strategy.REST_FOR_ONE,
        children=(
            ChildSpec(id="a", actor=child_class, args=(orders,)),
            ChildSpec(id="b", actor=child_class),
        ),
        intensity=RestartIntensity(limit=10**9, period=1.0),
    )
    async with grow(spec) as grown:
        orders.fail_starts = 10**9
        grown.tree.ref("a").tell(BOOM)
        await grown.expect(ChildStartFailed, "a", count=3)

        infos = await grown.command(WhichChildren())
        assert [info.id for info in infos] == ["a", "b"]
        report = await grown.within(grown.tree.stop())
        assert report.is_clean


async def test_a_change_that_comes_during_a_group_restart_is_carried_out_after_it(
    grow: Any, loop_child: type[pykka.Actor], told: Any
) -> None:
    gate = asyncio.Event()

    class Slow(loop_child):  # type: ignore[misc, valid-type]  # the host's class
        async def on_start(self) -> None:
            if self.incarnation > 1:
                await gate.wait()

    spec = SupervisorSpec(
        strategy=Strategy.ONE_FOR_ALL,
        children=(ChildSpec(id="a", actor=Slow), ChildSpec(id="b", actor=loop_child)),
    )
    async with grow(spec) as grown:
        grown.tree.ref("b").tell(BOOM)
        await grown.expect(ChildStopped, "a")
        starting = asyncio.ensure_future(
            grown.command(StartChild(ChildSpec(id="c", actor=loop_child)))
        )
        infos = await grown.command(WhichChildren())  # questions need not wait
        assert [info.id for info in infos] == ["a", "b"]
        assert not starting.done()
        gate.set()
        ref = await starting

        assert await ask_async(ref, "after", timeout=5) == "after"
        assert grown.probe.story(ChildStarted)[-1] == ("ChildStarted", "c")


class Needing(LoopActor):
    """Starts again only when the child that it is given answers."""

    def __init__(self, needed: pykka.ActorRef[Any]) -> None:
        super().__init__()
        self.needed = needed

    async def on_start(self) -> None:
        if self.incarnation > 1:
            await ask_async(self.needed, "count", timeout=1000.0)


@pytest.mark.parametrize("strategy", [Strategy.REST_FOR_ONE, Strategy.ONE_FOR_ALL])
async def test_a_child_that_ends_while_a_later_one_waits_for_it_is_seen_to_at_once(
    grow: Any, nursery: Any, strategy: Strategy
) -> None:
    needing = ChildSpec(id="needing", actor=Needing, args=(Sibling("first"),))
    spec = nursery.group("first", needing, strategy=strategy)
    async with grow(spec) as grown:
        first = grown.tree.ref("first")
        for _ in range(2):  # the second waits in the mailbox until the next incarnation has it
            first.tell(BOOM)
        await grown.expect(ChildStarted, "needing", count=2)
        await grown.rest()

        standing = grown.standing()
        assert standing["first"] == (3, ChildState.RUNNING)
        assert standing["needing"][1] is ChildState.RUNNING  # in its second or third incarnation


async def test_a_round_that_was_replaced_is_not_tried_again(grow: Any, nursery: Any) -> None:
    spec = nursery.group("a", "b", "c", strategy=Strategy.REST_FOR_ONE)
    async with grow(spec) as grown:
        nursery.told["c"].fail_starts = 1
        grown.tree.ref("b").tell(BOOM)
        grown.tree.ref("a").tell(BOOM)
        await grown.expect(ChildStarted, "a", count=2)
        await grown.until(
            lambda: all(p is ChildState.RUNNING for _, p in grown.standing().values())
        )
        await grown.rest()
        starts = len(grown.probe.seen(ChildStarted))
        await grown.rest()

        assert len(grown.probe.seen(ChildStarted)) == starts


async def test_a_child_that_ends_while_its_group_first_starts_is_seen_to_after_that() -> None:
    has_failed = asyncio.Event()

    class Failing(LoopActor):
        def on_start(self) -> None:
            if self.incarnation == 1:
                self.after(1.0, "fail")

        def on_receive(self, message: object) -> None:
            has_failed.set()
            raise ValueError(message)

    class Slow(LoopActor):
        async def on_start(self) -> None:
            await has_failed.wait()

    spec = SupervisorSpec(
        strategy=Strategy.ONE_FOR_ALL,
        children=(ChildSpec(id="failing", actor=Failing), ChildSpec(id="slow", actor=Slow)),
    )
    clock = ManualClock()
    tree = Tree(spec, clock=clock)
    probe = EventProbe(tree.events)
    starting = asyncio.ensure_future(tree.start())
    await asyncio.wait_for(probe.expect(ChildStarted, "failing"), 5)
    clock.advance(1.0)
    await starting
    await asyncio.wait_for(probe.expect(ChildStarted, "slow", count=2), 5)

    standing = {c.id: (c.incarnation, c.state) for c in tree.snapshot().children}
    assert standing == {"failing": (2, ChildState.RUNNING), "slow": (2, ChildState.RUNNING)}
    await tree.stop()


# S26: significant children


@pytest.mark.parametrize("auto", [AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT])
async def test_s26_a_supervisor_ends_with_its_significant_children(
    grow: Any, child_class: type[pykka.Actor], auto: AutoShutdown
) -> None:
    keys = tuple(
        ChildSpec(id=id_, actor=child_class, restart=Restart.TRANSIENT, significant=True)
        for id_ in "kl"
    )
    others = (ChildSpec(id="other", actor=child_class, restart=Restart.TEMPORARY),)
    async with grow(SupervisorSpec(children=keys + others, auto_shutdown=auto)) as grown:
        grown.tree.ref("other").tell("leave")
        grown.tree.ref("k").tell(BOOM)  # a crash restarts, it does not end
        await grown.expect(ChildStarted, "k", count=2)
        await grown.rest()
        assert not grown.tree.terminated.done

        grown.tree.ref("k").tell("leave")
        await grown.expect(ChildStopped, "k")
        await grown.rest()
        if auto is AutoShutdown.ALL_SIGNIFICANT:
            assert not grown.tree.terminated.done
            grown.tree.ref("l").tell("leave")
        exit_ = await grown.within(grown.tree.terminated)

        assert exit_.kind is ExitKind.SHUTDOWN


async def test_s26_an_end_by_command_or_by_a_sibling_ends_nothing(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = SupervisorSpec(
        strategy=Strategy.ONE_FOR_ALL,
        children=(
            ChildSpec(id="a", actor=child_class),
            ChildSpec(id="key", actor=child_class, restart=Restart.TRANSIENT, significant=True),
            ChildSpec(id="guest", actor=child_class, restart=Restart.TEMPORARY, significant=True),
        ),
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
    )
    async with grow(spec) as grown:
        grown.tree.ref("a").tell(BOOM)
        await grown.expect(ChildStarted, "key", count=2)
        await grown.command(TerminateChild("key"))
        await grown.rest()

        assert not grown.tree.terminated.done


async def test_a_restarted_supervisor_has_its_described_children_in_their_order_and_no_others(
    grow: Any, nursery: Any
) -> None:
    inner = nursery.group(nursery.child("t", restart=Restart.TEMPORARY), "p")
    spec = SupervisorSpec(children=(ChildSpec(id="inner", actor=Supervisor, args=(inner,)),))
    async with grow(spec) as grown:
        grown.tree.ref("inner/t").tell("leave")
        await grown.until(lambda: [*grown.standing("inner")] == ["p"])
        added = await grown.command(StartChild(nursery.child("added")), "inner")
        grown.tree.ref("inner").tell(Drill())
        await grown.expect(ChildStarted, "inner", count=2)

        assert [*grown.standing("inner")] == ["t", "p"]
        assert not added.is_alive()
