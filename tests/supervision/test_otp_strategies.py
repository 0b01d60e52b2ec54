"""OTP's own acceptance cases for group strategies, under their names in ``supervisor_SUITE``."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from telewarden.supervision import (
    ChildForgotten,
    ChildSpec,
    ChildStarted,
    ChildStartFailed,
    ChildState,
    ChildStopped,
    DynamicSpec,
    DynamicSupervisor,
    ExitKind,
    IntensityExceeded,
    LoopActor,
    Restart,
    RestartIntensity,
    StartChild,
    Strategy,
    Supervisor,
    SupervisorSpec,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes("*", ValueError, start=OSError, logged="supervisor gives up"),
]

TWICE = RestartIntensity(limit=2, period=3600.0)
POOL = SupervisorSpec(
    children=(ChildSpec(id="pool", actor=DynamicSupervisor, args=(DynamicSpec(intensity=TWICE),)),),
    intensity=RestartIntensity(limit=0, period=1.0),
)


async def crash_until_it_gives_up(grown: Any, path: str, times: int) -> None:
    for n in range(2, times + 2):
        await grown.crash(path, again=n)
    await grown.crash(path)
    exit_ = await grown.within(grown.tree.terminated)
    assert exit_.kind is ExitKind.SHUTDOWN


async def test_multiple_restarts(grow: Any, nursery: Any) -> None:
    async with grow(nursery.group("a", intensity=RestartIntensity(limit=1, period=1.0))) as grown:
        for n in range(2, 6):
            await grown.crash("a", again=n)
            grown.clock.advance(1.5)

        assert grown.standing() == {"a": (5, ChildState.RUNNING)}


async def test_one_for_one(grow: Any, nursery: Any) -> None:
    async with grow(nursery.group("a", "b", intensity=TWICE)) as grown:
        await grown.crash("a", again=2)
        assert grown.standing() == {"a": (2, ChildState.RUNNING), "b": (1, ChildState.RUNNING)}
        await grown.crash("a", again=3)
        await grown.crash("b")

        assert (await grown.within(grown.tree.terminated)).kind is ExitKind.SHUTDOWN
    assert nursery.deeds("start") == ["a*3", "b"]


async def test_one_for_one_escalation(grow: Any, nursery: Any) -> None:
    await escalates(grow, nursery, Strategy.ONE_FOR_ONE, stopped="b")


async def escalates(grow: Any, nursery: Any, strategy: Strategy, *, stopped: str) -> None:
    """A child that cannot be restarted exhausts its tries; supervisor and sibling end."""
    spec = nursery.group(
        "a", "b", strategy=strategy, intensity=RestartIntensity(limit=4, period=3600.0)
    )
    async with grow(spec) as grown:
        nursery.told["a"].fail_starts = 1000
        await grown.crash("a")
        exit_ = await grown.within(grown.tree.terminated)

        assert exit_.kind is ExitKind.SHUTDOWN
        assert len(grown.probe.seen(ChildStartFailed, "a")) == 4
        assert grown.probe.seen(IntensityExceeded)[0].offender == "a"
        assert grown.probe.seen(ChildStopped, stopped)


async def test_one_for_all(grow: Any, nursery: Any) -> None:
    spec = nursery.group("a", "b", strategy=Strategy.ONE_FOR_ALL, intensity=TWICE)
    async with grow(spec) as grown:
        await grown.crash("a", again=2)
        await grown.expect(ChildStarted, "b", count=2)
        assert grown.standing() == {"a": (2, ChildState.RUNNING), "b": (2, ChildState.RUNNING)}
        await grown.crash("b")
        await grown.expect(ChildStarted, "b", count=3)
        await grown.rest()
        await grown.crash("a")

        assert (await grown.within(grown.tree.terminated)).kind is ExitKind.SHUTDOWN


async def test_one_for_all_escalation(grow: Any, nursery: Any) -> None:
    await escalates(grow, nursery, Strategy.ONE_FOR_ALL, stopped="b")


async def test_one_for_all_other_child_fails_restart(grow: Any, nursery: Any) -> None:
    spec = nursery.group("a", "b", "c", strategy=Strategy.ONE_FOR_ALL)
    async with grow(spec) as grown:
        nursery.told["b"].fail_starts = 1
        await grown.crash("c")
        await grown.expect(ChildStarted, "c", count=2)

        # what the first round had started was stopped, and all began again
        assert grown.standing() == {
            "a": (3, ChildState.RUNNING),
            "b": (3, ChildState.RUNNING),
            "c": (2, ChildState.RUNNING),
        }


async def test_rest_for_one(grow: Any, nursery: Any) -> None:
    spec = nursery.group("a", "b", "c", strategy=Strategy.REST_FOR_ONE, intensity=TWICE)
    async with grow(spec) as grown:
        await grown.crash("b")
        await grown.expect(ChildStarted, "c", count=2)
        await grown.rest()
        assert {i: n for i, (n, _) in grown.standing().items()} == {"a": 1, "b": 2, "c": 2}
        await grown.crash("c")
        await grown.expect(ChildStarted, "c", count=3)
        await grown.rest()
        await grown.crash("c")

        assert (await grown.within(grown.tree.terminated)).kind is ExitKind.SHUTDOWN
    assert nursery.deeds("start") == ["a", "b*2", "c*3"]


async def test_rest_for_one_escalation(grow: Any, nursery: Any) -> None:
    await escalates(grow, nursery, Strategy.REST_FOR_ONE, stopped="b")


async def test_rest_for_one_other_child_fails_restart(grow: Any, nursery: Any) -> None:
    spec = nursery.group("a", "b", "c", strategy=Strategy.REST_FOR_ONE)
    async with grow(spec) as grown:
        nursery.told["b"].fail_starts = 1
        await grown.crash("a")
        await grown.expect(ChildStarted, "c", count=2)

        # tried again from the one that failed on: the first stays
        assert {i: n for i, (n, _) in grown.standing().items()} == {"a": 2, "b": 3, "c": 2}


async def test_simple_one_for_one(grow: Any, nursery: Any) -> None:
    async with grow(POOL) as grown:
        for id_ in "ab":
            await grown.command(StartChild(nursery.child(id_)), "pool")
        await grown.crash("pool/a", again=2)
        assert grown.standing("pool") == {
            "a": (2, ChildState.RUNNING),
            "b": (1, ChildState.RUNNING),
        }
        await grown.crash("pool/a", again=3)
        await grown.crash("pool/b")

        assert (await grown.within(grown.tree.terminated)).kind is ExitKind.SHUTDOWN


async def test_simple_one_for_one_extra(grow: Any, nursery: Any) -> None:
    async with grow(POOL) as grown:
        specs = {
            id_: nursery.child(id_, kwargs={}, shutdown=seconds)
            for id_, seconds in (("a", 1.0), ("b", 2.0))
        }
        for spec in specs.values():
            await grown.command(StartChild(spec), "pool")
        await grown.crash("pool/b", again=2)  # each is restarted with its own arguments

        assert nursery.deeds("init") == ["a", "b*2"]
        assert grown.tree.ref("pool/b").slot.spec is specs["b"]


async def test_simple_one_for_one_escalation(grow: Any, nursery: Any) -> None:
    async with grow(POOL) as grown:
        for id_ in "ab":
            await grown.command(StartChild(nursery.child(id_)), "pool")
        nursery.told["a"].fail_starts = 1000
        await grown.crash("pool/a")

        assert (await grown.within(grown.tree.terminated)).kind is ExitKind.SHUTDOWN
        assert len(grown.probe.seen(ChildStartFailed, "pool/a")) == 2


async def test_simple_one_for_one_shutdown(grow: Any, nursery: Any) -> None:
    class Slow(LoopActor):
        def __init__(self, seconds: float) -> None:
            super().__init__()
            self.seconds, self.awaken = seconds, asyncio.Event()

        async def on_stop(self) -> None:
            self.clock.call_later(self.seconds, self.awaken.set)
            await self.awaken.wait()

    async with grow(POOL) as grown:
        for n in (1, 2, 3):
            slow = ChildSpec(id=f"s{n}", actor=Slow, args=(float(n),), shutdown=10.0)
            await grown.command(StartChild(slow), "pool")
        await grown.command(StartChild(nursery.child("quick")), "pool")
        stopping = asyncio.ensure_future(grown.tree.stop())
        await grown.rest()
        for _ in range(3):
            grown.clock.advance(1.0)
            await grown.rest()
        report = await grown.within(stopping)

        assert report.is_clean
        assert report.seconds == 3.0  # the slowest alone, not 1 + 2 + 3


async def test_simple_one_for_one_restart_ignore(grow: Any, nursery: Any) -> None:
    async with grow(POOL) as grown:
        await grown.command(StartChild(nursery.child("a")), "pool")
        nursery.told["a"].ignore_start = True
        await grown.crash("pool/a")
        await grown.expect(ChildForgotten, "pool/a")

        assert await grown.counts("pool") == (0, 0, 0, 0)
        assert not grown.tree.terminated.done


async def test_simple_one_for_one_corruption(grow: Any) -> None:
    class Secret(list[str]):
        """Something to hold a weak reference to."""

    class Holder(LoopActor):
        def __init__(self, secret: list[str]) -> None:
            super().__init__()
            self.secret = secret

    secret = Secret(["1BVts"])
    known = weakref.ref(secret)
    async with grow(POOL) as grown:
        spec = ChildSpec(id="a", actor=Holder, args=(secret,), restart=Restart.TEMPORARY)
        ref = await grown.command(StartChild(spec), "pool")
        ref.stop(block=False)
        await grown.expect(ChildForgotten, "pool/a")
        del spec, ref, secret
        await grown.rest()
        gc.collect()

        assert known() is None
        assert (await grown.tree.stop()).is_clean


async def test_order_of_children(grow: Any, nursery: Any) -> None:
    ids = [f"c{n}" for n in range(6)]
    spec = nursery.group(*ids, strategy=Strategy.ONE_FOR_ALL)
    async with grow(spec) as grown:
        assert [c for _, c in grown.probe.story(ChildStarted) if c in ids] == ids
        grown.probe.clear()
        await grown.crash("c3")
        await grown.until(lambda: len(grown.probe.seen(ChildStarted)) == len(ids))
        stopped = [c for _, c in grown.probe.story(ChildStopped)]
        assert stopped == ["c5", "c4", "c2", "c1", "c0"]
        assert [c for _, c in grown.probe.story(ChildStarted)] == ids
        grown.probe.clear()
        await grown.tree.stop()

        stopped = [c for _, c in grown.probe.story(ChildStopped) if c in ids]
        assert stopped == ids[::-1]


async def test_tree(grow: Any, nursery: Any) -> None:
    # a worker and two supervisors, one of them dynamic, below a middle one
    leaf = nursery.group("w1", "w2", intensity=RestartIntensity(limit=1, period=3600.0))
    middle = SupervisorSpec(
        strategy=Strategy.ONE_FOR_ALL,
        children=(
            nursery.child("m"),
            ChildSpec(id="leaf", actor=Supervisor, args=(leaf,)),
            ChildSpec(id="pool", actor=DynamicSupervisor),
            nursery.child("t", restart=Restart.TRANSIENT),
        ),
    )
    root = SupervisorSpec(children=(ChildSpec(id="mid", actor=Supervisor, args=(middle,)),))
    async with grow(root) as grown:
        await grown.command(StartChild(nursery.child("guest")), "mid/pool")
        grown.tree.ref("mid/t").tell("leave")
        await grown.expect(ChildStopped, "mid/t")

        await grown.crash("mid/leaf/w1", again=2)  # a local matter
        assert grown.standing("mid/leaf")["w2"] == (1, ChildState.RUNNING)
        assert grown.standing("mid")["m"] == (1, ChildState.RUNNING)

        await grown.crash("mid/leaf/w1")  # the leaf gives up: its whole group begins again
        await grown.expect(ChildStarted, "mid/t", count=2)
        await grown.rest()
        assert {i: p for i, (_, p) in grown.standing("mid").items()} == dict.fromkeys(
            ("m", "leaf", "pool", "t"), ChildState.RUNNING
        )
        assert await grown.counts("mid/leaf") == (2, 2, 0, 2)
        assert await grown.counts("mid/pool") == (0, 0, 0, 0)  # dynamic ones do not come back
