"""What a warden holds at rest: are memory, tasks, timers and threads back at their level?

Measured when the run begins and when it ends, each time after some quiet. What a pair keeps of
messages on their way must be gone; the rest may only have grown with the number of pairs.
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from .context import RunContext

__all__ = ["LevelWatch"]

ON_THE_WAY: Final = (
    "queue", "queue._under_way", "queue._asked", "_held", "_coming", "_owed", "_unheard",
    "_question", "_filling", "comparison._question", "comparison._changes", "revisions",
    "doubts._says", "doubts._doubtful", "doubts._handed", "doubts._foreign", "doubts._orphans",
    "doubts._strays",
)  # fmt: skip
"""What a pair keeps of messages on their way; nothing of it outlasts them."""
SPARE: Final = 6  # tasks or timers more than before: probes, sweeps, a ping that is just out
FOR_A_PAIR: Final = 2
OBJECTS: Final = 100  # of one class: what is remembered of messages that were sent is bounded
KEPT: Final = ("Incoming",)  # newest revisions are kept with what was sent, up to a bound
WAY_WITHIN: Final = 5.0  # virtual seconds that a message may be on its way
OWN: Final = "telewarden."
NOT_OWN: Final = ("telewarden.loopback.", "telewarden.testing.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What one process holds."""

    life: int
    pairs: int
    tasks: int
    timers: int
    threads: int
    connections: int
    objects: Counter[str] = field(default_factory=Counter)

    def grown(self, before: Level) -> Iterator[str]:
        """What is more than it was, in sentences."""
        more = SPARE + FOR_A_PAIR * max(0, self.pairs - before.pairs)
        for name in ("tasks", "timers", "threads", "connections"):
            now, then = getattr(self, name), getattr(before, name)
            if now > then + (more if name in ("tasks", "timers") else 0):
                yield f"{name}: {then} at first, {now} now"
        if self.life == before.life:
            for name, count in self.objects.items():
                if count > before.objects[name] + OBJECTS and name not in KEPT:
                    yield f"{name}: {before.objects[name]} objects at first, {count} now"


class LevelWatch:
    """The level at which a run began."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._before = self._measured()

    async def look(self) -> None:
        """After some quiet nothing is kept that was needed on the way.

        A pair looks at its source every now and then, so what is on the way once is looked for
        once more.
        """
        if grown := list(self._measured().grown(self._before)):
            gc.collect()  # it rests while a run is played: what is garbage is no growth
            grown = list(self._measured().grown(self._before))
        for what in grown:
            self._run.wrong(f"level: {what}")
        if left := self._left():
            await asyncio.sleep(WAY_WITHIN)
            for what in sorted(left & self._left()):
                self._run.wrong(f"level: {what}")

    def _measured(self) -> Level:
        run = self._run
        timers = len(run.scheduler.timers_of(run.process.loop))
        return measured(run.process, timers, sum(not pair.gone for pair in run.pairs))

    def _left(self) -> frozenset[str]:
        run = self._run
        wanted = {pair.id for pair in run.pairs if not pair.gone}
        return frozenset(left_in(one for one in run.process.pair_states() if one.plan.id in wanted))


def measured(process: Any, timers: int, pairs: int) -> Level:
    """What a process holds now.

    Args:
        process: the simulated one.
        timers: how many are still to come in it.
        pairs: how many it has.
    """
    loop = process.loop
    return Level(
        life=process.lives,
        pairs=pairs,
        tasks=sum(not task.done() for task in loop.tasks),
        timers=timers,
        threads=len(loop.threads),
        connections=sum(not link.is_closing() for link in loop.connections),
        objects=_objects() if process.lives == 1 else Counter(),
    )


def _objects() -> Counter[str]:
    found: Counter[str] = Counter()
    for kind, count in Counter(map(type, gc.get_objects())).items():
        home = kind.__module__
        if home.startswith(OWN) and not home.startswith(NOT_OWN):
            found[kind.__qualname__] += count
    return found


def left_in(states: Iterable[Any]) -> Iterator[str]:
    """What pairs still keep of messages that are not on their way any more."""
    for state in states:
        if state.paused is None:
            for name in ON_THE_WAY:
                if kept := attrgetter(name)(state):
                    what = name.rpartition(".")[2].lstrip("_")
                    yield f"pair {state.plan.id} keeps {what}: {repr(kept)[:80]}"
