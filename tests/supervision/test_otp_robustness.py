"""OTP's own acceptance cases for robustness, under their names in ``supervisor_SUITE``."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
import weakref
from typing import Any

import pytest
from tenacity import wait_fixed

from telewarden.errors import (
    ChildNotFoundError,
    ChildPresentError,
    ChildRestartingError,
    DrillError,
)
from telewarden.supervision import (
    ChildForgotten,
    ChildRestarting,
    ChildSpec,
    ChildStarted,
    ChildState,
    CountChildren,
    DeleteChild,
    Drill,
    DynamicSpec,
    DynamicSupervisor,
    ExitKind,
    GetChildSpec,
    Host,
    LoopActor,
    Restart,
    RestartChild,
    RestartIntensity,
    StartChild,
    Strategy,
    Supervisor,
    SupervisorSpec,
    TerminateChild,
    WhichChildren,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes(
        "*", (DrillError, ValueError), start=OSError, logged="child abandoned|child quarantined"
    ),
]

ENDLESS = RestartIntensity(limit=1_000_000, period=1.0)
POOL = SupervisorSpec(
    children=(
        ChildSpec(id="pool", actor=DynamicSupervisor, args=(DynamicSpec(intensity=ENDLESS),)),
    )
)


class Evading(LoopActor):
    """Shrugs off every cancellation until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()

    async def on_receive(self, message: object) -> None:
        while not self.let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.let_go.wait()


async def test_child_unlink(grow: Any, nursery: Any, gate: Any) -> None:
    if nursery.host is Host.LOOP:
        spec = ChildSpec(id="a", actor=Evading, shutdown=1.0)
        message: object = "evade"
    else:
        spec, message = nursery.child("a", shutdown=1.0), ("wait", gate)
    async with grow(SupervisorSpec(children=(spec,))) as grown:
        grown.tree.ref("a").tell(message)
        if nursery.host is Host.THREAD:
            await gate.is_entered()
        await grown.rest()
        evading = grown.tree.ref("a").slot.actor
        asked = asyncio.ensure_future(grown.command(TerminateChild("a")))
        await grown.until(lambda: grown.standing()["a"][1] is ChildState.STOPPING)
        grown.clock.advance(1.0)

        assert (await grown.within(asked)).kind is ExitKind.ABANDONED
        assert await grown.counts() == (1, 0, 0, 1)
        gate.open()
        if nursery.host is Host.LOOP:
            evading.let_go.set()


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ONE, Strategy.ONE_FOR_ALL])
async def test_hanging_restart_loop(grow: Any, nursery: Any, strategy: Strategy) -> None:
    await _answers_while_a_child_keeps_failing(grow, nursery, strategy)


async def test_hanging_restart_loop_rest_for_one(grow: Any, nursery: Any) -> None:
    await _answers_while_a_child_keeps_failing(grow, nursery, Strategy.REST_FOR_ONE)


async def _answers_while_a_child_keeps_failing(grow: Any, nursery: Any, strategy: Strategy) -> None:
    spec = nursery.group("a", "b", "c", strategy=strategy, intensity=ENDLESS)
    others = 2 if strategy is Strategy.ONE_FOR_ONE else 1
    async with grow(spec) as grown:
        nursery.told["b"].fail_starts = 10**9
        await grown.crash("b")
        await grown.expect(ChildRestarting, "b", count=5)

        with pytest.raises(ChildPresentError):
            await grown.command(StartChild(spec.children[1]))
        for command in (RestartChild("b"), DeleteChild("b")):
            with pytest.raises(ChildRestartingError):
                await grown.command(command)
        infos = {info.id: info.state for info in await grown.command(WhichChildren())}
        assert infos["b"] in {ChildState.RESTARTING, ChildState.STARTING, ChildState.IDLE}
        assert (await grown.command(CountChildren())).specs == 3
        assert await grown.command(GetChildSpec("b")) is spec.children[1]

        await grown.command(TerminateChild("b"))
        assert await grown.counts() == (3, others, 0, 3)
        assert grown.standing()["b"][1] is ChildState.STOPPED
        nursery.told["b"].fail_starts = 0
        await grown.command(RestartChild("b"))
        nursery.told["b"].fail_starts = 10**9
        grown.probe.clear()
        await grown.crash("b")
        await grown.expect(ChildRestarting, "b", count=5)
        report = await grown.within(grown.tree.stop())

        assert report.is_clean


async def test_hanging_restart_loop_simple(grow: Any, nursery: Any) -> None:
    async with grow(POOL) as grown:
        for id_ in "ab":
            await grown.command(StartChild(nursery.child(id_)), "pool")
        nursery.told["a"].fail_starts = 10**9
        await grown.crash("pool/a")
        await grown.expect(ChildRestarting, "pool/a", count=5)

        with pytest.raises(ChildPresentError):
            await grown.command(StartChild(nursery.child("a")), "pool")
        for command in (RestartChild("a"), DeleteChild("a")):
            with pytest.raises(ChildRestartingError):
                await grown.command(command, "pool")
        assert (await grown.command(CountChildren(), "pool")).specs == 2
        await grown.command(TerminateChild("a"), "pool")
        with pytest.raises(ChildNotFoundError):
            await grown.command(RestartChild("a"), "pool")
        assert grown.standing("pool") == {"b": (1, ChildState.RUNNING)}


async def test_a_terminated_child_ignores_the_late_timer_of_its_restart(
    grow: Any, nursery: Any
) -> None:
    async with grow(nursery.group(nursery.child("a", backoff=wait_fixed(5)))) as grown:
        await grown.crash("a")
        await grown.expect(ChildRestarting, "a")
        with pytest.raises(ChildRestartingError):
            await grown.command(RestartChild("a"))
        await grown.command(TerminateChild("a"))
        grown.clock.advance(60.0)
        await grown.rest()

        assert grown.standing() == {"a": (1, ChildState.STOPPED)}


async def test_simple_global_supervisor(grow: Any, nursery: Any) -> None:
    inner = nursery.group("w", intensity=RestartIntensity(limit=10, period=1.0))
    spec = SupervisorSpec(children=(ChildSpec(id="sup", actor=Supervisor, args=(inner,)),))
    async with grow(spec) as grown:
        ref = grown.tree.ref("sup/w")  # by name, once; every incarnation answers it
        for number, deed in enumerate(("supervisor", "crash", "leave", "manual"), start=2):
            if deed == "supervisor":
                grown.tree.ref("sup").tell(Drill())
            elif deed == "crash":
                await grown.crash("sup/w")
            elif deed == "leave":
                ref.tell("leave")
            else:
                await grown.command(TerminateChild("w"), "sup")
                await grown.command(RestartChild("w"), "sup")
            await grown.expect(ChildStarted, "sup/w", count=number)
            assert await grown.ask("sup/w", "count") == 1  # a new one, counting from the start


@pytest.mark.parametrize("strategy", Strategy)
async def test_do_not_save_start_parameters_for_temporary_children(
    grow: Any, strategy: Strategy
) -> None:
    class Secret(list[str]):
        """Something to hold a weak reference to."""

    class Holder(LoopActor):
        def __init__(self, _secret: list[str]) -> None:
            super().__init__()

    known = []
    async with grow(SupervisorSpec(strategy=strategy)) as grown:
        for id_ in "ab":
            secret = Secret()
            known.append(weakref.ref(secret))
            spec = ChildSpec(id=id_, actor=Holder, args=(secret,), restart=Restart.TEMPORARY)
            await grown.command(StartChild(spec))
            grown.tree.ref(id_).stop(block=False)
            await grown.expect(ChildForgotten, id_)
            del secret, spec
        await grown.rest()
        gc.collect()

        assert [ref() for ref in known] == [None, None]


@pytest.mark.parametrize("strategy", Strategy)
async def test_do_not_save_child_specs_for_temporary_children(
    grow: Any, nursery: Any, strategy: Strategy
) -> None:
    async with grow(SupervisorSpec(strategy=strategy)) as grown:
        for id_ in "ab":
            await grown.command(StartChild(nursery.child(id_, restart=Restart.TEMPORARY)))
            await grown.command(TerminateChild(id_))
            with pytest.raises(ChildNotFoundError):
                await grown.command(GetChildSpec(id_))
            with pytest.raises(ChildNotFoundError):
                await grown.command(RestartChild(id_))
        assert await grown.counts() == (0, 0, 0, 0)


async def _work_to_come_and_go(grown: Any, many: int, *, temporary: bool) -> float:
    """Seconds of this thread's own time: what else the machine does is not in them."""
    restart = Restart.TEMPORARY if temporary else Restart.PERMANENT
    begun = time.thread_time()
    for n in range(many):
        spec = ChildSpec(id=f"c{n}", actor=LoopActor, restart=restart)
        await grown.command(StartChild(spec), "pool")
    for n in range(many):
        if temporary:
            grown.tree.ref(f"pool/c{n}").stop(block=False)
        else:
            await grown.command(TerminateChild(f"c{n}"), "pool")
    await grown.until(lambda: not grown.standing("pool"))
    return time.thread_time() - begun


@pytest.mark.parametrize("temporary", [True, False], ids=["temporary", "terminated"])
async def test_simple_one_for_one_scale_many_temporary_children(grow: Any, temporary: bool) -> None:
    async with grow(POOL) as grown:
        grown.probe.close()
        await _work_to_come_and_go(grown, 100, temporary=temporary)
        few = await _work_to_come_and_go(grown, 200, temporary=temporary)
        many = await _work_to_come_and_go(grown, 2000, temporary=temporary)

    assert many < 10 * few * 4 + 0.2  # ten times as many take about ten times as long


async def test_scale_start_stop_many_children(grow: Any) -> None:
    def group(many: int) -> SupervisorSpec:
        return SupervisorSpec(
            children=tuple(ChildSpec(id=f"c{n}", actor=LoopActor) for n in range(many))
        )

    async def work(many: int) -> float:
        begun = time.thread_time()
        async with grow(group(many)) as grown:
            grown.probe.close()
            assert (await grown.tree.stop()).is_clean
        return time.thread_time() - begun

    await work(100)
    few, many = await work(300), await work(3000)

    assert many < 10 * few * 4 + 0.2
