"""``LoopActor``: a Pykka actor without a thread, run by the tree's asyncio loop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar, cast

import pykka

from ..clock import Clock
from ..fencing import FencingToken
from .actor_tasks import TimerHandle, start_task, watch_for
from .failures import stop_itself
from .future import Reply
from .mailbox import Continue
from .monitor import Watch
from .refs import StopFlag
from .tree_context import Slot
from .unsupervised import start_unsupervised

T = TypeVar("T")


class LoopActor(pykka.Actor):
    """A Pykka actor without a thread: reference, proxy, ask, tell, registry and hooks as ever.

    ``on_start``, ``on_receive``, ``on_stop``, ``on_failure`` and proxied methods may be
    ``async def``. One message is handled at a time; a stop cancels a handler that is waiting. It
    must never block: whatever else lives in the loop would wait for it.

    ``MyActor.start()`` inside a running loop starts one by itself; in a tree it is a ``ChildSpec``.
    """

    runs_on_loop: ClassVar[bool] = True
    _telewarden_slot: Slot

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:  # Pykka's makes what a slot has
        slot = self.__dict__.get("_telewarden_slot")
        if slot is None:
            raise TypeError(
                f"{type(self).__name__} is made by its supervisor or by .start(), in a running loop"
            )
        self._telewarden_incarnation: int = slot.incarnation
        self._telewarden_token: FencingToken = slot.runner.token
        self.actor_urn = slot.urn
        self.actor_inbox = slot.mailbox
        self.actor_stopped = StopFlag()
        self._actor_ref = slot.ref

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> pykka.ActorRef[Self]:
        """Start one by itself in the running loop; it is not restarted by anybody.

        Raises:
            Exception: whatever its constructor or a plain ``on_start`` raises. An ``async def``
                ``on_start`` goes on after this returns; should it raise, the actor is dead.
        """
        return cast("pykka.ActorRef[Self]", start_unsupervised(cls, args, kwargs))

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise TypeError("a LoopActor's mailbox belongs to its slot")

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return Reply()

    def _start_actor_loop(self) -> None:
        raise TypeError("a LoopActor is started by its slot")

    def stop(self) -> None:
        """Stop when the messages before this have been handled; no other incarnation will."""
        stop_itself(self._telewarden_slot, self._telewarden_incarnation)

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
        to an end by then is abandoned, and nothing follows it.
        """

    @property
    def clock(self) -> Clock:
        """The tree's clock."""
        return self._telewarden_slot.context.clock

    @property
    def rng(self) -> random.Random:
        """The tree's source of chance."""
        return self._telewarden_slot.context.rng

    @property
    def path(self) -> str:
        """Where it lives: the ids from below the root down to its own, joined by ``/``."""
        return self._telewarden_slot.path

    @property
    def incarnation(self) -> int:
        """1 for the first that runs in this slot, one more after each restart."""
        return self._telewarden_incarnation

    def after(
        self, seconds: float, message: object = None, *, then: Callable[[], object] | None = None
    ) -> TimerHandle:
        """Send ``message`` to itself in ``seconds``; forgotten when this incarnation ends.

        Where only one method is meant, ``then()`` is called as if it handled such a message.
        """
        if then is not None:
            message = Continue(lambda _: then(), None)
        return TimerHandle(self._telewarden_slot, self.incarnation, message, seconds)

    def every(self, seconds: float, message: object, *, phase: float | None = None) -> TimerHandle:
        """Send ``message`` to itself every ``seconds``, first after ``phase`` seconds.

        Without a ``phase`` a random one is taken, so that many actors do not tick at once.
        """
        first = self.rng.uniform(0.0, seconds) if phase is None else phase
        slot = self._telewarden_slot
        return TimerHandle(slot, self.incarnation, message, first, period=seconds)

    @property
    def fencing_token(self) -> FencingToken:
        """This incarnation's token, to carry along into a thread and ``check`` before a write."""
        return self._telewarden_token

    def watch(self, ref: pykka.ActorRef[Any], *, for_good: bool = False) -> Watch:
        """Be sent a ``Down`` for each end of the child behind ``ref``; this one's incarnation only.

        With ``for_good`` one ``Terminated`` instead, when no other incarnation can follow. What
        does not run now is told of at once. ``ref`` is a reference from this or another tree.
        """
        return watch_for(self._telewarden_slot, self.incarnation, ref, for_good=for_good)

    def pipe(
        self,
        awaitable: Awaitable[T],
        done: Callable[[T], object] | None = None,
        failed: Callable[[BaseException], object] | None = None,
        *,
        then: Callable[[T], object] | None = None,
        otherwise: Callable[[BaseException], object] | None = None,
    ) -> asyncio.Task[None]:
        """Do ``awaitable`` beside the mailbox, and go on with its result in the mailbox's turn.

        The actor sends itself the message ``done(result)``; or, where only one method is meant,
        ``then(result)`` is called as if it handled such a message. An error comes back by
        ``failed`` or ``otherwise`` in the same two ways; without either it crashes the actor. The
        work is cancelled with this incarnation, and nothing comes of cancelled work.
        """
        done = done if then is None else partial(Continue, then)
        failed = failed if otherwise is None else partial(Continue, otherwise)
        if done is None:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()  # it never runs and would complain
            raise TypeError("pipe needs done= or then=")
        return start_task(self._telewarden_slot, self.incarnation, awaitable, done, failed)
