"""Children that come and go by command under a dynamic supervisor (S17, S26), on both hosts."""

from __future__ import annotations

import asyncio
from typing import Any

import pykka
import pytest
from tenacity import wait_fixed

from telewarden.errors import (
    ChildNotFoundError,
    ChildStartError,
    DrillError,
    InvalidSpecError,
    TooManyChildrenError,
)
from telewarden.supervision import (
    ChildRestarting,
    ChildSpec,
    ChildStarted,
    Drill,
    DynamicSpec,
    DynamicSupervisor,
    Restart,
    RestartChild,
    Sibling,
    StartChild,
    SupervisorSpec,
    TerminateChild,
    WhichChildren,
    ask_async,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes("*", (DrillError, ValueError), start=ChildStartError),
]

BOOM = ("raise", ValueError("boom"))


async def grown_dynamic(grow: Any, spec: DynamicSpec | None = None) -> Any:
    args = () if spec is None else (spec,)
    return grow(SupervisorSpec(children=(ChildSpec(id="d", actor=DynamicSupervisor, args=args),)))


async def test_dynamic_children_come_go_and_come_back(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with await grown_dynamic(grow) as grown:
        ref = await grown.command(StartChild(ChildSpec(id="a", actor=child_class)), "d")
        ref.tell(BOOM)
        assert await ask_async(ref, "back", timeout=5) == "back"
        assert grown.tree.ref("d/a") is ref

        await grown.command(TerminateChild("a"), "d")
        assert not ref.is_alive()
        with pytest.raises(ChildNotFoundError):
            await grown.command(RestartChild("a"), "d")
        again = await grown.command(StartChild(ChildSpec(id="a", actor=child_class)), "d")
        assert again is not ref


async def test_a_dynamic_supervisor_has_a_limit(grow: Any, child_class: type[pykka.Actor]) -> None:
    async with await grown_dynamic(grow, DynamicSpec(max_children=1)) as grown:
        await grown.command(StartChild(ChildSpec(id="a", actor=child_class)), "d")
        with pytest.raises(TooManyChildrenError):
            await grown.command(StartChild(ChildSpec(id="b", actor=child_class)), "d")


async def test_s17_a_restarting_child_still_counts_towards_the_limit(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with await grown_dynamic(grow, DynamicSpec(max_children=1)) as grown:
        waiting = ChildSpec(id="a", actor=child_class, backoff=wait_fixed(5))
        ref = await grown.command(StartChild(waiting), "d")
        ref.tell(BOOM)
        await grown.expect(ChildRestarting, "d/a")

        with pytest.raises(TooManyChildrenError):
            await grown.command(StartChild(ChildSpec(id="b", actor=child_class)), "d")


async def test_s26_dynamic_children_cannot_be_significant(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    child = ChildSpec(id="a", actor=child_class, restart=Restart.TEMPORARY, significant=True)
    async with await grown_dynamic(grow) as grown:
        with pytest.raises(InvalidSpecError, match="significant"):
            await grown.command(StartChild(child), "d")


async def test_dynamic_children_are_gone_after_their_supervisor_restarts(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with await grown_dynamic(grow) as grown:
        ref = await grown.command(StartChild(ChildSpec(id="a", actor=child_class)), "d")
        grown.tree.ref("d").tell(Drill())
        await grown.expect(ChildStarted, "d", count=2)

        assert not ref.is_alive()
        assert await grown.command(WhichChildren(), "d") == ()


async def test_starts_of_dynamic_children_do_not_wait_for_each_other(
    grow: Any, loop_child: type[pykka.Actor]
) -> None:
    gate = asyncio.Event()

    class Slow(loop_child):  # type: ignore[misc, valid-type]  # the host's class
        async def on_start(self) -> None:
            await gate.wait()

    async with await grown_dynamic(grow) as grown:
        slow = asyncio.ensure_future(
            grown.command(StartChild(ChildSpec(id="slow", actor=Slow)), "d")
        )
        await grown.command(StartChild(ChildSpec(id="quick", actor=loop_child)), "d")
        assert not slow.done()
        gate.set()
        await slow


async def test_a_start_that_a_stop_breaks_off_is_answered(
    grow: Any, loop_child: type[pykka.Actor]
) -> None:
    class Slow(loop_child):  # type: ignore[misc, valid-type]  # the host's class
        async def on_start(self) -> None:
            await asyncio.Event().wait()

    async with await grown_dynamic(grow) as grown:
        starting = asyncio.ensure_future(
            grown.command(StartChild(ChildSpec(id="slow", actor=Slow)), "d")
        )
        await grown.rest()
        await grown.tree.stop()

        with pytest.raises(ChildStartError):
            await starting


async def test_a_sibling_must_exist_when_a_child_is_started_by_command(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(SupervisorSpec()) as grown:
        with pytest.raises(InvalidSpecError, match="nobody"):
            await grown.command(
                StartChild(ChildSpec(id="a", actor=child_class, args=(Sibling("nobody"),)))
            )
