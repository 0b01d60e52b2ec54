"""How fast supervised actors are, beside stock Pykka: messages, asks, starts and stops, memory.

Restarts are in ``supervision_restarts.py``. An ask from a coroutine stands beside what stock Pykka
has for it: to await its own future blocks the whole loop until the answer is there, and
``asyncio.to_thread`` is the way around that. Of asks it is measured how long an answered one takes,
one after the other, and how many are answered in a second with 100 in flight.

usage: python benchmarks/supervision_speed.py [--reps 3] [--only scale] [--children 10000] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pykka
from side_by_side import Aim, Cases, Figures, main

from telewarden.supervision import ChildSpec, LoopActor, SupervisorSpec, Tree, ask_async

now = time.perf_counter
TELLS, ASKS, ASYNC_ASKS = 300_000, 10_000, 3_000
FLIGHTS, AT_ONCE = 50, 100
Ask = Callable[[Any, int], Awaitable[object]]
BASES: dict[str, type[pykka.Actor]] = {
    "stock": pykka.ThreadingActor,
    "thread": pykka.ThreadingActor,
    "loop": LoopActor,
}


def tree_of(actor: type[pykka.Actor], count: int, *args: object) -> Tree:
    """A tree of that many of them, not started."""
    children = tuple(
        ChildSpec(id=str(number), actor=actor, args=(number, *args)) for number in range(count)
    )
    return Tree(SupervisorSpec(children=children))


def messages(host: str) -> Figures:
    """Messages a second from another thread, and microseconds for an answered one."""
    done = threading.Event()

    class Sink(BASES[host]):  # type: ignore[misc]  # the class is chosen by the case
        def __init__(self, _number: int) -> None:
            super().__init__()

        def on_receive(self, message: object) -> object:
            if message is None:
                done.set()
            return message

    tree = None if host == "stock" else tree_of(Sink, 1)
    if tree is not None:
        tree.start_blocking()
    ref = Sink.start(0) if tree is None else tree.ref("0")
    begun = now()
    for number in range(TELLS):
        ref.tell(number)
    ref.tell(None)
    done.wait()
    told = TELLS / (now() - begun)
    took = []
    for number in range(ASKS):
        begun = now()
        ref.ask(number)
        took.append((now() - begun) * 1e6)
    ref.stop() if tree is None else tree.stop_blocking()
    return {"tell_per_second": told, "ask_us": statistics.median(took)}


def scale(host: str, count: int) -> Figures:
    """Start and stop of many, newest first; a tick to all; what each costs in memory."""
    left = threading.Semaphore(0)

    class Idle(BASES[host]):  # type: ignore[misc]  # the class is chosen by the case
        def __init__(self, _number: int) -> None:
            super().__init__()

        def on_receive(self, _message: object) -> None:
            left.release()

    before = resident()
    begun = now()
    tree = None if host == "stock" else tree_of(Idle, count)
    if tree is None:
        refs = [Idle.start(number) for number in range(count)]
    else:
        tree.start_blocking()
        refs = [tree.ref(str(number)) for number in range(count)]
    figures = {"start_s": now() - begun, "kib_each": (resident() - before) / count}
    begun = now()
    if host == "loop":
        for ref in refs:
            ref.tell("tick")
        for _ in refs:
            left.acquire()
        figures["tick_ms"] = (now() - begun) * 1e3
    begun = now()
    if tree is None:
        for ref in reversed(refs):
            ref.stop(block=True)
    else:
        tree.stop_blocking()
    return figures | {"stop_s": now() - begun}


def resident() -> float:
    """KiB of memory in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024


def delay(count: int) -> Figures:
    """The longest that an ask waits while a sweep goes over ``count`` actors of the same loop."""

    async def measured() -> Figures:
        async with tree_of(OnLoop, count) as tree:
            refs = [tree.ref(str(number)) for number in range(count)]
            worst, worst_busy = 0.0, 0.0
            for asked in (refs[0], refs[count // 2], refs[-1]):
                for _ in range(7):
                    for ref in refs:
                        ref.tell("sweep")
                    begun, busy = now(), time.process_time()
                    await asked.ask("?", block=False)
                    worst = max(worst, now() - begun)
                    worst_busy = max(worst_busy, time.process_time() - busy)
                    await asyncio.sleep(0.05)  # until the sweep is over
            # the second without the times when another process had the core
            return {"worst_ask_ms": worst * 1e3, "worst_ask_cpu_ms": worst_busy * 1e3}

    return asyncio.run(measured())


class Echo:
    """Answers with what it is asked."""

    def __init__(self, _number: int = 0) -> None:
        super().__init__()

    def on_receive(self, message: object) -> object:
        return message


class OnThread(Echo, pykka.ThreadingActor):
    """On a thread of its own."""


class OnLoop(Echo, LoopActor):
    """In a loop."""


async def asked(ask: Ask, ref: Any) -> Figures:
    """One after the other, then many at once."""
    took = []
    for number in range(ASYNC_ASKS):
        begun = now()
        await ask(ref, number)
        took.append((now() - begun) * 1e6)
    begun = now()
    for _ in range(FLIGHTS):
        await asyncio.gather(*(ask(ref, number) for number in range(AT_ONCE)))
    per_second = FLIGHTS * AT_ONCE / (now() - begun)
    return {"ask_us": statistics.median(took), "per_second": per_second}


async def ours(ref: Any, number: int) -> object:
    return await ask_async(ref, number, timeout=5.0)


async def blocking(ref: Any, number: int) -> object:
    return await ref.ask(number, block=False)


async def beside(ref: Any, number: int) -> object:
    return await asyncio.to_thread(ref.ask, number, timeout=5.0)


def same_loop(actor: type[pykka.Actor]) -> Figures:
    """The asker and the tree share a loop."""

    async def measured() -> Figures:
        async with tree_of(actor, 1) as tree:
            return await asked(ours, tree.ref("0"))

    return asyncio.run(measured())


def other_loop() -> Figures:
    """The asker has a loop of its own, the tree another, on another thread."""
    with tree_of(OnLoop, 1) as tree:
        return asyncio.run(asked(ours, tree.ref("0")))


def stock_asks(ask: Ask) -> Figures:
    """A plain Pykka actor."""
    return asyncio.run(asked(ask, OnThread.start()))


def cases(arguments: argparse.Namespace) -> Cases:
    found: dict[str, Callable[[], Figures]] = {}
    for host in BASES:
        found[f"messages.{host}"] = partial(messages, host)
        found[f"scale.{host}"] = partial(scale, host, arguments.children)
    found["delay.loop"] = partial(delay, arguments.children)
    return found | {
        "ask.stock.blocking": partial(stock_asks, blocking),
        "ask.stock.to_thread": partial(stock_asks, beside),
        "ask.ours.same_loop": partial(same_loop, OnLoop),
        "ask.ours.other_loop": other_loop,
        "ask.ours.thread": partial(same_loop, OnThread),
    }


AIMS = (
    Aim("messages.loop", "tell_per_second", ">=", 2.0, "messages.stock", free=5.0),
    Aim("messages.loop", "ask_us", "<=", 1.0, "messages.stock"),
    Aim("messages.thread", "tell_per_second", ">=", 2.0, "messages.stock", free=5.0),
    Aim("messages.thread", "ask_us", "<=", 1.0, "messages.stock"),
    Aim("scale.loop", "start_s", "<=", 0.4),
    Aim("scale.loop", "stop_s", "<=", 0.4),
    Aim("scale.loop", "kib_each", "<=", 6.0),
    Aim("scale.loop", "tick_ms", "<=", 40.0),
    Aim("scale.thread", "start_s", "<=", 1.0, "scale.stock"),
    Aim("scale.thread", "stop_s", "<=", 1.0, "scale.stock"),
    Aim("scale.thread", "kib_each", "<=", 1.1, "scale.stock"),
    Aim("delay.loop", "worst_ask_ms", "<=", 10.0),
    Aim("delay.loop", "worst_ask_cpu_ms", "<=", 10.0),
    *(
        Aim(f"ask.ours.{where}", figure, relation, 1.0, "ask.stock.to_thread")
        for figure, relation in (("ask_us", "<="), ("per_second", ">="))
        for where in ("same_loop", "other_loop", "thread")
    ),
)

if __name__ == "__main__":
    main(__doc__, cases, AIMS)
