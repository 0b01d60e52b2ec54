"""Two rules that show only in the whole: S7, S16."""

from __future__ import annotations

import asyncio
from typing import Any

import pykka
import pytest

from telewarden.supervision import (
    ChildFailed,
    ChildSpec,
    ChildStarted,
    Host,
    RestartIntensity,
    Supervisor,
    SupervisorSpec,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes("*", ValueError, logged="child abandoned|supervisor gives up"),
]


async def test_s7_the_worst_case_is_the_product_of_the_limits_up_the_tree(
    grow: Any, nursery: Any
) -> None:
    inner = nursery.group("w", intensity=RestartIntensity(limit=2, period=1000.0))
    middle = SupervisorSpec(
        children=(ChildSpec(id="inner", actor=Supervisor, args=(inner,)),),
        intensity=RestartIntensity(limit=3, period=1000.0),
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
        thread = grown.tree.ref("a").slot.runner._worker.thread
        stopping = asyncio.ensure_future(grown.tree.stop())
        await grown.rest()
        grown.clock.advance(1.0)
        await grown.within(stopping)
        assert thread.is_alive()  # abandoned, and at its work until it comes back by itself
        gate.open()
        await asyncio.to_thread(thread.join, 5)

        assert not thread.is_alive()
        assert asked.done
    assert Host.THREAD is child.placed_on
