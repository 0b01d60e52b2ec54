"""Asking an actor from a coroutine: ``ask_async`` beside what stock Pykka has for it.

Awaiting Pykka's own future blocks the whole loop until the answer is there; ``asyncio.to_thread``
is the way around that. Measured: microseconds for an answered ask, one after the other, and answers
a second with 100 in flight.

usage: python benchmarks/supervision_ask_async.py [--reps 3] [--only loop] [--how pinned]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pykka
from side_by_side import Aim, Cases, Figures, main

from telewarden.supervision import ChildSpec, LoopActor, SupervisorSpec, Tree, ask_async

now = time.perf_counter
ASKS, FLIGHTS, AT_ONCE = 3_000, 50, 100
Ask = Callable[[Any, int], Awaitable[object]]


class Echo:
    """Answers with what it is asked."""

    def on_receive(self, message: object) -> object:
        return message


class OnThread(Echo, pykka.ThreadingActor):
    """On a thread of its own."""


class OnLoop(Echo, LoopActor):
    """In a loop."""


async def figures(ask: Ask, ref: Any) -> Figures:
    """One after the other, then many at once."""
    took = []
    for number in range(ASKS):
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


def tree_of(actor: type[pykka.Actor]) -> Tree:
    return Tree(SupervisorSpec(children=(ChildSpec(id="echo", actor=actor),)))


def same_loop(actor: type[pykka.Actor]) -> Figures:
    """The asker and the tree share a loop."""

    async def measured() -> Figures:
        async with tree_of(actor) as tree:
            return await figures(ours, tree.ref("echo"))

    return asyncio.run(measured())


def other_loop() -> Figures:
    """The asker has a loop of its own, the tree another, on another thread."""
    with tree_of(OnLoop) as tree:
        return asyncio.run(figures(ours, tree.ref("echo")))


def stock(ask: Ask) -> Figures:
    """A plain Pykka actor."""
    return asyncio.run(figures(ask, OnThread.start()))


def cases(_arguments: argparse.Namespace) -> Cases:
    return {
        "stock.blocking": partial(stock, blocking),
        "stock.to_thread": partial(stock, beside),
        "ours.same_loop": partial(same_loop, OnLoop),
        "ours.other_loop": other_loop,
        "ours.thread": partial(same_loop, OnThread),
    }


AIMS = (
    Aim("ours.same_loop", "ask_us", "<=", 1.0, "stock.to_thread"),
    Aim("ours.other_loop", "ask_us", "<=", 1.0, "stock.to_thread"),
    Aim("ours.thread", "ask_us", "<=", 1.0, "stock.to_thread"),
    Aim("ours.same_loop", "per_second", ">=", 1.0, "stock.to_thread"),
    Aim("ours.other_loop", "per_second", ">=", 1.0, "stock.to_thread"),
    Aim("ours.thread", "per_second", ">=", 1.0, "stock.to_thread"),
)

if __name__ == "__main__":
    main(__doc__, cases, AIMS)
