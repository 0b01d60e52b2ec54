"""What an incarnation in the loop has going beside its mailbox: timers and work (S23).

Both belong to the incarnation, come back to it as messages, and mean nothing to the next one. They
live here, and not in ``LoopActor``, so that an actor's own names stay free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pykka

from ..clock import Timer
from .child_slot import STARTING, Place
from .fencing import TERM
from .mailbox import OwnEnvelope
from .monitor import Notice, Watch, begin_watch
from .refs import StableRef

if TYPE_CHECKING:
    from .loop_lifecycle import LoopLife

__all__ = ["TimerHandle", "life_of", "run_errand", "watch_for"]

T = TypeVar("T")


def life_of(place: Place) -> LoopLife:
    """The cell of a loop-hosted place."""
    return cast("LoopLife", place.runner)


class TimerHandle:
    """A message to oneself that is still to come; ``cancel`` takes it back."""

    __slots__ = ("_incarnation", "_message", "_period", "_place", "_timer")

    def __init__(
        self,
        place: Place,
        incarnation: int,
        message: object,
        delay: float,
        *,
        period: float | None = None,
    ) -> None:
        self._place, self._incarnation = place, incarnation
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
        if life_of(self._place).incarnation != self._incarnation:
            return  # it was left behind: it has no more messages to come
        self._timer = self._place.realm.clock.call_later(delay, self._due)
        life_of(self._place).timers.add(self._timer)

    def _drop(self) -> None:
        if self._timer is not None:
            life_of(self._place).timers.discard(self._timer)
            self._timer = None

    def _due(self) -> None:
        self._drop()
        if self._period is not None:
            self._set(self._period)
        self._place.mailbox.put(OwnEnvelope(self._message, self._incarnation))


def watch_for(place: Place, incarnation: int, ref: pykka.ActorRef[Any], *, for_good: bool) -> Watch:
    """Watch ``ref`` on behalf of that incarnation; see ``LoopActor.watch``."""
    if not isinstance(ref, StableRef):
        raise TypeError(f"{ref} is not a reference from a tree; only those can be watched")

    def tell(notice: Notice) -> None:
        place.mailbox.put(OwnEnvelope(notice, incarnation))

    one = Watch(ref.place, tell, for_good=for_good, key=(place.urn, incarnation))
    life_of(place).timers.add(one)
    return begin_watch(one, ref.place)


def run_errand(
    place: Place,
    incarnation: int,
    awaitable: Awaitable[T],
    done: Callable[[T], object],
    failed: Callable[[BaseException], object] | None,
) -> asyncio.Task[None]:
    """Do ``awaitable`` as a task of that incarnation; see ``LoopActor.pipe``."""
    context = copy_context()
    context.run(STARTING.set, None)
    context.run(TERM.set, life_of(place).term)
    task = asyncio.get_running_loop().create_task(
        _do(place, incarnation, awaitable, done, failed), context=context
    )
    tasks = life_of(place).tasks
    tasks.add(task)

    def ended(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if task.cancelled() and asyncio.iscoroutine(awaitable):
            awaitable.close()  # cancelled before it began: nobody else will

    task.add_done_callback(ended)
    return task


async def _do(
    place: Place,
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
            _crash(place, error, incarnation)
            return
        try:
            message = failed(error)
        except BaseException as second:  # noqa: BLE001 - as above
            _crash(place, second, incarnation)
            return
    place.mailbox.put(OwnEnvelope(message, incarnation))


def _crash(place: Place, error: BaseException, incarnation: int) -> None:
    def now() -> Any:
        life = life_of(place)
        if life.incarnation == incarnation:
            life.crash(error)

    place.realm.host.post(now)
