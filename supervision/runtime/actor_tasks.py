"""What an incarnation in the loop has going beside its mailbox: timers and work (S23).

Both belong to the incarnation, come back to it as messages, and mean nothing to the next one. They
live here, and not in ``LoopActor``, so that an actor's own names stay free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any, TypeVar, cast

import pykka

from ..clock import Timer
from ..fencing import TOKEN
from .loop_runner import LoopRunner
from .mailbox import OwnEnvelope
from .monitor import Notice, Watch, begin_watch
from .refs import StableRef
from .tree_context import STARTING_SLOT, Slot

T = TypeVar("T")


def runner_of(slot: Slot) -> LoopRunner:
    """The runner of a loop-hosted slot."""
    return cast("LoopRunner", slot.runner)


class TimerHandle:
    """A message to oneself that is still to come; ``cancel`` takes it back."""

    __slots__ = ("_incarnation", "_message", "_period", "_slot", "_timer")

    def __init__(
        self,
        slot: Slot,
        incarnation: int,
        message: object,
        delay: float,
        *,
        period: float | None = None,
    ) -> None:
        self._slot, self._incarnation = slot, incarnation
        self._message, self._period = message, period
        self._timer: Timer | None = None
        self._set(delay)

    def cancel(self) -> None:
        """Send nothing more; harmless when it has been sent."""
        timer, self._period = self._timer, None
        self._drop()
        if timer is not None:
            timer.cancel()

    def _set(self, delay: float) -> None:
        if runner_of(self._slot).incarnation != self._incarnation:
            return  # it was abandoned: it has no more messages to come
        self._timer = self._slot.context.clock.call_later(delay, self._due)
        runner_of(self._slot).timers.add(self._timer)

    def _drop(self) -> None:
        if self._timer is not None:
            runner_of(self._slot).timers.discard(self._timer)
            self._timer = None

    def _due(self) -> None:
        self._drop()
        if self._period is not None:
            self._set(self._period)
        self._slot.mailbox.put(OwnEnvelope(self._message, self._incarnation))


def watch_for(slot: Slot, incarnation: int, ref: pykka.ActorRef[Any], *, for_good: bool) -> Watch:
    """Watch ``ref`` on behalf of that incarnation; see ``LoopActor.watch``."""
    if not isinstance(ref, StableRef):
        raise TypeError(f"{ref} is not a reference from a tree; only those can be watched")

    def tell(notice: Notice) -> None:
        slot.mailbox.put(OwnEnvelope(notice, incarnation))

    one = Watch(ref.slot, tell, for_good=for_good, key=(slot.urn, incarnation))
    runner_of(slot).timers.add(one)
    return begin_watch(one, ref.slot)


def start_task(
    slot: Slot,
    incarnation: int,
    awaitable: Awaitable[T],
    done: Callable[[T], object],
    failed: Callable[[BaseException], object] | None,
) -> asyncio.Task[None]:
    """Do ``awaitable`` as a task of that incarnation; see ``LoopActor.pipe``."""
    context = copy_context()
    context.run(STARTING_SLOT.set, None)
    context.run(TOKEN.set, runner_of(slot).token)
    task = asyncio.get_running_loop().create_task(
        _do(slot, incarnation, awaitable, done, failed), context=context
    )
    tasks = runner_of(slot).tasks
    tasks.add(task)

    def ended(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if task.cancelled() and asyncio.iscoroutine(awaitable):
            awaitable.close()  # cancelled before it began: nobody else will

    task.add_done_callback(ended)
    return task


async def _do(
    slot: Slot,
    incarnation: int,
    awaitable: Awaitable[T],
    done: Callable[[T], object],
    failed: Callable[[BaseException], object] | None,
) -> None:
    task = cast("asyncio.Task[None]", asyncio.current_task())
    try:
        message = done(await awaitable)
    except BaseException as error:  # S4: a task lets SystemExit through to the loop, and ends it
        if isinstance(error, asyncio.CancelledError) and task.cancelling():
            raise
        if failed is None:
            _crash(slot, error, incarnation)
            return
        try:
            message = failed(error)
        except BaseException as second:  # noqa: BLE001 - as above
            _crash(slot, second, incarnation)
            return
    slot.mailbox.put(OwnEnvelope(message, incarnation))


def _crash(slot: Slot, error: BaseException, incarnation: int) -> None:
    def now() -> Any:
        runner = runner_of(slot)
        if runner.incarnation == incarnation:
            runner.crash(error)

    slot.context.host.call_soon(now)
