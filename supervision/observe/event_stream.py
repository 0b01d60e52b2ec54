"""The event stream: subscribers come and go, and one that raises is detached."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import Any, Final, Self, TypeVar, cast

from ...errors import InvalidSpecError
from ..fencing import TOKEN
from .events import Event, ObserverFailed

logger = logging.getLogger(__name__)

E = TypeVar("E", bound=Event)


class Subscription:
    """One subscriber; ``close`` ends it, and may be called from anywhere, more than once."""

    __slots__ = ("_kinds", "_stream", "deliver")

    def __init__(
        self,
        stream: EventStream,
        callback: Callable[[Event], object],
        kinds: tuple[type[Event], ...],
    ) -> None:
        self._stream, self._kinds = stream, kinds
        self.deliver = callback
        """Call back with an event of a kind that was asked for."""

    def wants(self, kind: type[Event]) -> bool:
        """Whether it asked for events of this class."""
        return not self._kinds or issubclass(kind, self._kinds)

    def close(self) -> None:
        """Hear nothing more."""
        self._stream._remove(self)  # noqa: SLF001 - the two classes are one mechanism

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class EventStream:
    """Hands each event to every subscriber, in the thread that published it.

    A subscriber should be quick (put it on a queue, add to a counter). One that raises is
    detached and logged, and ``ObserverFailed`` says so to the others.
    """

    def __init__(self) -> None:
        # A dict, as an ordered set: adding and taking away are one step each, so that two threads
        # that do so at once cost neither its subscription, and no lock is needed.
        self._subscriptions: dict[Subscription, None] = {}
        self._listeners: dict[type[Event], tuple[Subscription, ...]] = {}

    def subscribe(
        self,
        callback: Callable[[E], object],
        kinds: Iterable[type[E]] = (),
    ) -> Subscription:
        """Call ``callback`` with every event, or with those of ``kinds`` and their subclasses.

        Raises:
            InvalidSpecError: nobody could call ``callback``, or await what it returns; or
                ``kinds`` are no classes of events. Nothing was subscribed.
        """
        check_callback(callback)
        wanted = _checked_kinds(kinds)
        subscription = Subscription(self, cast("Callable[[Event], object]", callback), wanted)
        self._subscriptions[subscription] = None
        self._listeners = {}  # after the change: what was sorted out before it is looked at no more
        return subscription

    def has_subscribers(self, kind: type[Event]) -> bool:
        """Whether anybody would be told of an event of this very class.

        For who publishes so many that making one for nobody counts.
        """
        return bool(self._listeners_of(kind))

    def publish(self, event: Event) -> None:
        """Tell every subscriber; never raises.

        They act for themselves, so that news of who was abandoned reaches those who pass it on.
        """
        token = TOKEN.get()
        if token is not None and token.fenced:
            Context().run(self._tell, event)
        else:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        for subscription in self._listeners_of(type(event)):
            try:
                subscription.deliver(event)
            except BaseException as error:  # noqa: BLE001 - S4: it must not hurt what it observes
                self._detach(subscription, event, error)

    def tell_everywhere(self) -> None:
        """Tell ``every_tree`` from now on, too, what somebody asked it for."""
        if every_tree._subscriptions:  # noqa: SLF001 - its own kind
            self._subscriptions[_ONWARDS] = None  # once, however many trees share the stream
            self._listeners = {}

    def _detach(self, subscription: Subscription, event: Event, error: BaseException) -> None:
        subscription.close()
        name = getattr(subscription.deliver, "__qualname__", repr(subscription.deliver))
        logger.exception("observer detached observer=%s event=%s", name, type(event).__name__)
        self.publish(ObserverFailed(at=event.at, child="", observer=name, error=error))

    def _remove(self, subscription: Subscription) -> None:
        self._subscriptions.pop(subscription, None)
        self._listeners = {}

    def _listeners_of(self, kind: type[Event]) -> tuple[Subscription, ...]:
        """Who asked for that class; sorted out once for each, until somebody comes or goes."""
        listeners = self._listeners  # first: what is found goes where it was looked for
        found = listeners.get(kind)
        if found is None:
            everybody = self._subscriptions.copy()  # one step: others may come and go meanwhile
            found = listeners[kind] = tuple(s for s in everybody if s.wants(kind))
        return found


class _Onwards(Subscription):
    """What takes a stream's events to ``every_tree``; one for all streams."""

    __slots__ = ()

    def wants(self, kind: type[Event]) -> bool:
        """Whether anybody there asked for events of this class."""
        return every_tree.has_subscribers(kind)


every_tree: Final = EventStream()
"""What the trees of this process tell, all of them: of those made after the first ``subscribe``."""
_ONWARDS: Final = _Onwards(every_tree, every_tree.publish, ())


def check_callback(callback: object) -> None:
    """Raise ``InvalidSpecError`` for a callback that would hear nothing, and say nothing of it."""
    called = getattr(type(callback), "__call__", None)  # noqa: B004 - its code is looked at
    awaited = inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(called)
    if awaited or not callable(callback):
        allowed = "a plain function; it may put the event on an asyncio.Queue"
        raise InvalidSpecError("callback", callback, allowed)


def _checked_kinds(kinds: Iterable[Any]) -> tuple[type[Event], ...]:
    alone: tuple[Any, ...] = (None,)  # one class instead of a list of them, say
    wanted = tuple(kinds) if isinstance(kinds, Iterable) else alone  # type: ignore[redundant-expr]  # whatever is given
    for kind in wanted:
        if not (isinstance(kind, type) and issubclass(kind, Event)):
            raise InvalidSpecError("kinds", kinds, "a list of classes of events")
    return wanted
