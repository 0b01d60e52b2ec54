"""Actors that live in an asyncio loop: cheap, and deaf to nothing but their own blocking."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

import pykka

from .clock import Clock, Timer
from .mailbox import OwnEnvelope
from .place import STARTING
from .refs import StopFlag
from .reply import Reply

if TYPE_CHECKING:
    from .loopcell import LoopCell
    from .place import Place

__all__ = ["LoopActor", "TimerHandle"]

T = TypeVar("T")


class TimerHandle:
    """A message to oneself that is still to come; ``cancel`` takes it back."""

    __slots__ = ("_cell", "_period", "_timer")

    def __init__(self, cell: LoopCell, period: float | None) -> None:
        self._cell, self._period = cell, period
        self._timer: Timer | None = None

    def cancel(self) -> None:
        """Send nothing more; harmless when it has been sent."""
        timer, self._timer, self._period = self._timer, None, None
        if timer is not None:
            self._cell.timers.discard(timer)
            timer.cancel()

    def _set(self, clock: Clock, delay: float, fire: Callable[[], object]) -> None:
        def due() -> None:
            self._drop()
            if self._period is not None:
                self._set(clock, self._period, fire)
            fire()

        self._timer = clock.call_later(delay, due)
        self._cell.timers.add(self._timer)

    def _drop(self) -> None:
        if self._timer is not None:
            self._cell.timers.discard(self._timer)
            self._timer = None


class LoopActor(pykka.Actor):
    """A Pykka actor without a thread: reference, proxy, ask, tell, registry and hooks as ever.

    ``on_start``, ``on_receive``, ``on_stop``, ``on_failure`` and proxied methods may be
    ``async def``. One message is handled at a time; a stop cancels a handler that is waiting. It
    must never block: whatever else lives in the loop would wait for it.

    ``MyActor.start()`` inside a running loop starts one by itself; in a tree it is a ``ChildSpec``.
    """

    runs_on_loop: ClassVar[bool] = True
    _telewarden_place: Place

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:  # Pykka's makes what a place has
        place = self.__dict__.get("_telewarden_place")
        if place is None:
            raise TypeError(
                f"{type(self).__name__} is made by its supervisor or by .start(), in a running loop"
            )
        self.actor_urn = place.urn
        self.actor_inbox = place.mailbox
        self.actor_stopped = StopFlag()
        self._actor_ref = place.ref
        self._cell: LoopCell = place.runner

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> pykka.ActorRef[Self]:
        """Start one by itself in the running loop; it is not restarted by anybody.

        Raises:
            Exception: whatever its constructor or a plain ``on_start`` raises. An ``async def``
                ``on_start`` goes on after this returns; should it raise, the actor is dead.
        """
        from .solo import start_alone

        return cast("pykka.ActorRef[Self]", start_alone(cls, args, kwargs))

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise TypeError("a LoopActor's mailbox belongs to its place")

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return Reply()

    def _start_actor_loop(self) -> None:
        raise TypeError("a LoopActor is started by its place")

    def on_start(self) -> Any:
        """Prepare, before the first message. May be ``async def``; see Pykka."""

    def on_stop(self) -> Any:
        """Clean up after a stop. May be ``async def``; bounded by the spec's ``shutdown``."""

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        """Clean up after a crash, before anybody is told of it.

        May be ``async def``; bounded by the spec's ``failure_timeout``. A child that has not come
        to an end by then is left behind, and nothing takes its place.
        """

    @property
    def clock(self) -> Clock:
        """The tree's clock."""
        return self._telewarden_place.realm.clock

    @property
    def rng(self) -> random.Random:
        """The tree's source of chance."""
        return self._telewarden_place.realm.rng

    @property
    def place(self) -> str:
        """Where it lives: the ids from below the root down to its own, joined by ``/``."""
        return self._telewarden_place.path

    @property
    def incarnation(self) -> int:
        """1 for the first that runs in this place, one more after each restart."""
        return self._cell.incarnation

    def after(self, seconds: float, message: object) -> TimerHandle:
        """Send ``message`` to itself in ``seconds``; forgotten when this incarnation ends."""
        handle = TimerHandle(self._cell, None)
        handle._set(self.clock, seconds, self._sender(message))  # noqa: SLF001 - one mechanism
        return handle

    def every(self, seconds: float, message: object, *, phase: float | None = None) -> TimerHandle:
        """Send ``message`` to itself every ``seconds``, first after ``phase`` seconds.

        Without a ``phase`` a random one is taken, so that many actors do not tick at once.
        """
        handle = TimerHandle(self._cell, seconds)
        first = self.rng.uniform(0.0, seconds) if phase is None else phase
        handle._set(self.clock, first, self._sender(message))  # noqa: SLF001 - one mechanism
        return handle

    def pipe(
        self,
        awaitable: Awaitable[T],
        done: Callable[[T], object],
        failed: Callable[[BaseException], object] | None = None,
    ) -> asyncio.Task[None]:
        """Do ``awaitable`` beside the mailbox and send itself the message ``done(result)``.

        An error comes back as ``failed(error)``; without ``failed`` it crashes the actor. The work
        is cancelled with this incarnation, and cancelled work sends nothing.
        """
        context = copy_context()
        context.run(STARTING.set, None)
        task = asyncio.get_running_loop().create_task(
            self._work(awaitable, done, failed, self.incarnation), context=context
        )
        self._cell.tasks.add(task)
        task.add_done_callback(lambda task: self._work_ended(task, awaitable))
        return task

    async def _work(
        self,
        awaitable: Awaitable[T],
        done: Callable[[T], object],
        failed: Callable[[BaseException], object] | None,
        incarnation: int,
    ) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        try:
            message = done(await awaitable)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and task.cancelling():
                raise
            if failed is None:
                self._crash(error, incarnation)
                return
            try:
                message = failed(error)
            except Exception as second:  # noqa: BLE001 - it must not vanish in a task
                self._crash(second, incarnation)
                return
        self.actor_inbox.put(OwnEnvelope(message, incarnation))

    def _work_ended(self, task: asyncio.Task[None], awaitable: Awaitable[Any]) -> None:
        self._cell.tasks.discard(task)
        if task.cancelled() and asyncio.iscoroutine(awaitable):
            awaitable.close()  # cancelled before it began: nobody else will

    def _crash(self, error: BaseException, incarnation: int) -> None:
        self._telewarden_place.realm.host.post(self._crash_now, error, incarnation)

    def _crash_now(self, error: BaseException, incarnation: int) -> None:
        if self._cell.incarnation == incarnation:
            self._cell.crash(error)

    def _sender(self, message: object) -> Callable[[], object]:
        incarnation = self.incarnation
        return lambda: self.actor_inbox.put(OwnEnvelope(message, incarnation))
