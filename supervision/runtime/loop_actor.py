"""Actors that live in an asyncio loop: cheap, and deaf to nothing but their own blocking."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

import pykka

from ..clock import Clock
from .actor_tasks import TimerHandle, run_errand, watch_for
from .failures import stop_itself
from .fencing import Term
from .future import Reply
from .monitor import Watch
from .refs import StopFlag

if TYPE_CHECKING:
    from .child_slot import Place

__all__ = ["LoopActor"]

T = TypeVar("T")


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
        self._telewarden_incarnation: int = place.incarnation
        self._telewarden_term: Term = place.runner.term
        self.actor_urn = place.urn
        self.actor_inbox = place.mailbox
        self.actor_stopped = StopFlag()
        self._actor_ref = place.ref

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> pykka.ActorRef[Self]:
        """Start one by itself in the running loop; it is not restarted by anybody.

        Raises:
            Exception: whatever its constructor or a plain ``on_start`` raises. An ``async def``
                ``on_start`` goes on after this returns; should it raise, the actor is dead.
        """
        from .unsupervised import start_alone

        return cast("pykka.ActorRef[Self]", start_alone(cls, args, kwargs))

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise TypeError("a LoopActor's mailbox belongs to its place")

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return Reply()

    def _start_actor_loop(self) -> None:
        raise TypeError("a LoopActor is started by its place")

    def stop(self) -> None:
        """Stop when the messages before this have been handled; no other incarnation will."""
        stop_itself(self._telewarden_place, self._telewarden_incarnation)

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
        return self._telewarden_incarnation

    def after(self, seconds: float, message: object) -> TimerHandle:
        """Send ``message`` to itself in ``seconds``; forgotten when this incarnation ends."""
        return TimerHandle(self._telewarden_place, self.incarnation, message, seconds)

    def every(self, seconds: float, message: object, *, phase: float | None = None) -> TimerHandle:
        """Send ``message`` to itself every ``seconds``, first after ``phase`` seconds.

        Without a ``phase`` a random one is taken, so that many actors do not tick at once.
        """
        first = self.rng.uniform(0.0, seconds) if phase is None else phase
        place = self._telewarden_place
        return TimerHandle(place, self.incarnation, message, first, period=seconds)

    @property
    def term(self) -> Term:
        """This incarnation's term, to carry along into a thread and ``check`` before a write."""
        return self._telewarden_term

    def watch(self, ref: pykka.ActorRef[Any], *, for_good: bool = False) -> Watch:
        """Be sent a ``Down`` for each end of the child behind ``ref``; this one's incarnation only.

        With ``for_good`` one ``Gone`` instead, when no other incarnation can follow. What does not
        run now is told of at once. ``ref`` is a reference from a tree, this one or another.
        """
        return watch_for(self._telewarden_place, self.incarnation, ref, for_good=for_good)

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
        return run_errand(self._telewarden_place, self.incarnation, awaitable, done, failed)
