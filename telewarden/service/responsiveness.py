"""Which parts of a tree still answer: what a service manager's watchdog goes by, and an alert.

A loop that turns proves nothing about the journal's thread, and neither about a tree that has given
up, so each is asked. Nothing is ended here: another journal would wait for the same disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, Protocol

import pykka

from ..actors import Journal, OverviewAsked, PairPlansAsked
from ..actors.journal import DISK_REFUSES
from ..errors import TelewardenError, UnknownSessionError
from ..supervision import ChildStuck, EventStream, Snapshot, Tree, ask_async

NO_SESSION: Final = PairPlansAsked(session="")  # any question will do; this one is quickly refused
AT_WORK: Final = (*DISK_REFUSES, UnknownSessionError)  # another process would have the same disk

LOOK_EVERY: Final = 30.0  # seconds
LONG: Final = 30.0  # seconds without an answer; a start of thousands of sessions gives one sooner


class Watched(Protocol):
    """What a warden can be asked."""

    def snapshot(self) -> Snapshot: ...
    async def stuck_parts(self, *, within: float) -> tuple[str, ...]: ...


class PartWatch:
    """Tells of each part that does not answer, again at each look, as ``ChildStuck``.

    Args:
        warden: is asked.
        events: where it is told.
    """

    def __init__(self, warden: Watched, events: EventStream) -> None:
        self._warden, self._events = warden, events

    async def keep_looking(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.look()

    async def look(self) -> None:
        """Look once."""
        try:
            stuck, places = await self._warden.stuck_parts(within=LONG), self._warden.snapshot()
        except TelewardenError:  # it is being stopped
            return
        for part in stuck:
            place, now = places.find(part), asyncio.get_running_loop().time()
            if place is not None:
                told = ChildStuck(at=now, child=part, incarnation=place.incarnation, seconds=LONG)
                self._events.publish(told)


async def stuck_parts(tree: Tree, *, within: float) -> tuple[str, ...]:
    """The parts that do not answer within so many seconds, or the tree once it has given up."""
    if tree.terminated.done:
        return ("the tree",)
    questions: dict[str, Awaitable[object]] = {
        "journal": _write_nothing(tree, within),
        "registry": _ask(tree, "registry", NO_SESSION, within),
        "health": _ask(tree, "health", OverviewAsked(fresh=False), within),
    }
    answered = await asyncio.gather(*(_answers(one, within) for one in questions.values()))
    return tuple(part for part, well in zip(questions, answered, strict=True) if not well)


async def _write_nothing(tree: Tree, within: float) -> None:
    journal = Journal(tree.ref("journal"), timeout=within)
    await journal.do(lambda _: None, wait_for_disk=False)


async def _ask(tree: Tree, part: str, question: object, within: float) -> object:
    return await ask_async(tree.ref(part), question, timeout=within)


async def _answers(question: Awaitable[object], within: float) -> bool:
    try:
        async with asyncio.timeout(within):
            await question
    except AT_WORK:
        return True
    except (TelewardenError, pykka.ActorDeadError, TimeoutError):
        return False
    return True
