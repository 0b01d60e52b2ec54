"""Races asks against crashes, stops and the end of the whole tree, and counts who got no answer.

Every ask has to end in a reply, an error of the child, "dead" or "unavailable"; else exit code 1.

usage: python benchmarks/supervision_asks.py [--asks 500000]
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import threading
import time
from collections import Counter
from typing import Any

import pykka

from telewarden.supervision import ChildSpec, LoopActor, RestartIntensity, SupervisorSpec, Tree

ASKERS, EACH_TREE = 4, 25_000
WITHIN = 10.0  # seconds that the last answers may take once the tree has ended


class Crashing:
    """Answers, unless it is told to crash."""

    def on_receive(self, message: object) -> object:
        if message == "crash":
            raise ValueError(message)
        return message


class OnLoop(Crashing, LoopActor):
    """In the loop."""


class OnThread(Crashing, pykka.ThreadingActor):
    """On a thread."""


def race(seed: int, asks: int) -> Counter[str]:
    """One tree, from its start to its end in the middle of the asking."""
    children = tuple(
        ChildSpec(id=f"c{number}", actor=actor, mailbox_limit=50)
        for number, actor in enumerate((OnLoop, OnThread) * 2)
    )
    endless = RestartIntensity(limit=10**9, period=1.0)
    replies: list[Any] = []
    found: Counter[str] = Counter()
    tree = Tree(SupervisorSpec(children=children, intensity=endless))
    tree.start_blocking()
    refs = [tree.ref(spec.id) for spec in children]

    def ask_around(number: int) -> None:
        chance, mine = random.Random(seed * ASKERS + number), []
        for _ in range(asks // ASKERS):
            ref, roll = chance.choice(refs), chance.random()
            try:
                if roll < 0.01:
                    ref.tell("crash")
                mine.append(ref.stop(block=False) if roll > 0.995 else ref.ask("?", block=False))
            except pykka.ActorDeadError:
                found["dead at once"] += 1
        replies.extend(mine)

    threads = [threading.Thread(target=ask_around, args=(number,)) for number in range(ASKERS)]
    for thread in threads:
        thread.start()
    threads[0].join()
    tree.stop_blocking()
    for thread in threads:
        thread.join()
    until = time.monotonic() + WITHIN
    for reply in replies:
        try:
            reply.get(timeout=max(0.0, until - time.monotonic()))
            found["answered"] += 1
        except pykka.Timeout:
            found["unanswered"] += 1
        except Exception as error:  # noqa: BLE001 - any error is an answer
            found[type(error).__name__] += 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asks", type=int, default=500_000)
    asks = parser.parse_args().asks
    logging.disable(logging.CRITICAL)
    found: Counter[str] = Counter()
    seed = 0
    while found.total() < asks:
        found += race(seed, min(EACH_TREE, asks))
        seed += 1
    print(f"{found.total()} asks in {seed} trees: {dict(found)}")
    return 1 if found["unanswered"] else 0


if __name__ == "__main__":
    sys.exit(main())
