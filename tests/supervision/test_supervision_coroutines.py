"""Handlers, hooks and proxied methods that are coroutines."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from telewarden.errors import ChildUnavailableError
from telewarden.supervision import (
    ChildAbandoned,
    ChildQuarantined,
    ChildRestarting,
    ChildSpec,
    ChildStarted,
    LoopActor,
    SupervisorSpec,
    TerminateChild,
    Tree,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes("*", ValueError, logged="child abandoned|child quarantined"),
]


class Patient(LoopActor):
    """Its handlers and hooks are coroutines."""

    def __init__(self, log: list[str], gate: asyncio.Event) -> None:
        super().__init__()
        self.log, self.gate = log, gate

    async def on_start(self) -> None:  # type: ignore[override]  # hooks may be async
        await asyncio.sleep(0)
        self.log.append("started")

    async def on_receive(self, message: Any) -> Any:
        if message == "crash":
            raise ValueError("crash")
        self.log.append(f"begin {message}")
        await self.gate.wait()
        self.log.append(f"end {message}")
        return message

    async def on_stop(self) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        self.log.append("stopped")

    async def on_failure(self, *_: Any) -> None:  # type: ignore[override]
        self.log.append("cleaning up")
        await self.gate.wait()
        self.log.append("clean")

    async def halve(self, number: int) -> int:
        await asyncio.sleep(0)
        return number // 2


def patient(log: list[str], gate: asyncio.Event, **more: Any) -> SupervisorSpec:
    return SupervisorSpec(children=(ChildSpec(id="a", actor=Patient, args=(log, gate), **more),))


async def test_one_message_at_a_time_even_while_a_handler_waits(grow: Any) -> None:
    log, gate = [], asyncio.Event()
    async with grow(patient(log, gate)) as grown:
        both = [asyncio.ensure_future(grown.ask("a", n)) for n in (1, 2)]
        await grown.rest()
        assert log == ["started", "begin 1"]
        gate.set()

        assert await asyncio.gather(*both) == [1, 2]
        assert log[1:] == ["begin 1", "end 1", "begin 2", "end 2"]


async def test_coroutine_methods_work_through_a_proxy_from_the_loop(grow: Any) -> None:
    async with grow(patient([], asyncio.Event())) as grown:
        assert await grown.tree.ref("a").proxy().halve(8) == 4


def test_coroutine_methods_work_through_a_proxy_from_a_thread() -> None:
    with Tree(patient([], asyncio.Event())) as tree:
        assert tree.ref("a").proxy().halve(8).get(timeout=5) == 4


async def test_the_clean_up_is_awaited_before_anybody_takes_the_place(grow: Any) -> None:
    log, gate = [], asyncio.Event()
    async with grow(patient(log, gate)) as grown:
        grown.tree.ref("a").tell("crash")
        await grown.rest()
        assert log == ["started", "cleaning up"]
        assert grown.probe.seen(ChildRestarting) == []
        gate.set()
        await grown.expect(ChildStarted, "a", count=2)

        assert log == ["started", "cleaning up", "clean", "started"]


async def test_what_cannot_be_proven_off_in_time_is_not_replaced(grow: Any) -> None:
    async with grow(patient([], asyncio.Event(), failure_timeout=3.0)) as grown:
        grown.tree.ref("a").tell("crash")
        await grown.rest()
        grown.clock.advance(3.0)
        await grown.expect(ChildQuarantined, "a")

        assert len(grown.probe.seen(ChildStarted)) == 1
        assert [e.child for e in grown.probe.seen(ChildAbandoned)] == ["a"]


async def test_a_handler_that_shrugs_off_its_cancellation_is_left_behind(grow: Any) -> None:
    class Stubborn(LoopActor):
        async def on_receive(self, message: Any) -> None:
            while not message.is_set():
                try:
                    await message.wait()
                except asyncio.CancelledError:
                    continue

    gate = asyncio.Event()
    spec = SupervisorSpec(children=(ChildSpec(id="a", actor=Stubborn, shutdown=2.0),))
    async with grow(spec) as grown:
        answer = grown.tree.ref("a").ask(gate, block=False)
        await grown.rest()
        stopping = asyncio.ensure_future(grown.command(TerminateChild("a")))
        await grown.rest()
        grown.clock.advance(2.0)
        exit_ = await stopping
        gate.set()

        assert exit_.kind.value == "abandoned"
        with pytest.raises(ChildUnavailableError):
            await answer
