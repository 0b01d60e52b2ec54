"""The same in another loop (uvloop), and two rules that show only in the whole (S7, S16)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pykka
import pytest
import uvloop

from telewarden.supervision import (
    ChildFailed,
    ChildSpec,
    ChildStarted,
    EventProbe,
    Host,
    LoopActor,
    ManualClock,
    RestartBudget,
    Supervisor,
    SupervisorSpec,
    Tree,
    ask_async,
)

pytestmark = pytest.mark.supervision

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@pytest.mark.parametrize("kind", LOOPS)
def test_a_tree_does_the_same_in_either_loop(kind: str, nursery: Any) -> None:
    spec = nursery.group("a", "b", budget=RestartBudget(limit=10, within=1.0))

    async def live() -> list[int]:
        tree = Tree(spec, clock=ManualClock())
        probe = EventProbe(tree.events)
        async with tree:
            counts = [await ask_async(tree.ref("a"), "count", timeout=5) for _ in range(2)]
            tree.ref("a").tell(("raise", ValueError("boom")))
            await probe.expect(ChildStarted, "a", count=2)
            counts.append(await ask_async(tree.ref("a"), "count", timeout=5))
            from_thread = await asyncio.to_thread(tree.ref("b").ask, "count", timeout=5)
            return [*counts, from_thread]

    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        assert runner.run(live()) == [1, 2, 1, 1]


@pytest.mark.parametrize("kind", LOOPS)
def test_an_async_handler_is_cancelled_by_a_stop_in_either_loop(kind: str) -> None:
    ended: list[str] = []

    class Waiting(LoopActor):
        async def on_receive(self, message: object) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(str(message))

    async def live() -> None:
        async with Tree(SupervisorSpec(children=(ChildSpec(id="w", actor=Waiting),))) as tree:
            tree.ref("w").tell("work")
            for _ in range(5):
                await asyncio.sleep(0)
            assert (await tree.stop()).is_clean

    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        runner.run(live())
    assert ended == ["work"]


async def test_s7_the_worst_case_is_the_product_of_the_limits_up_the_tree(
    grow: Any, nursery: Any
) -> None:
    inner = nursery.group("w", budget=RestartBudget(limit=2, within=1000.0))
    middle = SupervisorSpec(
        children=(ChildSpec(id="inner", actor=Supervisor, args=(inner,)),),
        budget=RestartBudget(limit=3, within=1000.0),
    )
    async with grow(middle) as grown:
        crashes = 0
        while not grown.tree.terminated.done:
            crashes += 1
            await grown.crash("inner/w")
            await grown.expect(ChildFailed, "inner/w", count=crashes)
            await grown.until(
                lambda: (
                    grown.tree.terminated.done
                    or len(grown.probe.seen(ChildStarted, "inner/w")) > crashes  # noqa: B023 - now
                )
            )

    assert crashes == (2 + 1) * (3 + 1)


async def test_s16_a_thread_is_never_ended_by_an_error_thrown_into_it(
    grow: Any, thread_child: type[pykka.Actor], gate: Any
) -> None:
    child = ChildSpec(id="a", actor=thread_child, shutdown=1.0)
    async with grow(SupervisorSpec(children=(child,))) as grown:
        asked = grown.tree.ref("a").ask(("wait", gate), block=False)
        await gate.is_entered()
        thread = grown.tree.ref("a").place.runner._hand.thread
        stopping = asyncio.ensure_future(grown.tree.stop())
        await grown.rest()
        grown.clock.advance(1.0)
        await grown.within(stopping)
        assert thread.is_alive()  # left behind, and at its work until it comes back by itself
        gate.open()
        await asyncio.to_thread(thread.join, 5)

        assert not thread.is_alive()
        assert asked.done
    assert Host.THREAD is child.placed_on
