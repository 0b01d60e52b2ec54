"""The inbox of what webhooks are to be sent, from a warden's start to its end.

Outlives the notifier's incarnations: what happens while there is none, or before the first, waits
here. In memory only; what is owed is in the store once the notifier has taken it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from ..storage import Epoch
from ..supervision import Event, EventStream, Subscription
from .event_kinds import EventKinds
from .queues import MOST_EVENTS
from .settings import NotifySettings

Noted = tuple[str, Event, float]


class EventInbox:
    """Notes events of the classes that webhooks want, in whichever thread they happen.

    Args:
        events: what happens.
        epoch: the clocks.
        kinds: the events that there are.
    """

    def __init__(self, events: EventStream, epoch: Epoch, kinds: EventKinds) -> None:
        self._events, self._epoch, self.kinds = events, epoch, kinds
        self._wanted: Mapping[type[Event], tuple[str, ...]] = {}
        self._lock = threading.Lock()  # events come from the journal's thread, too
        self._noted: list[Noted] = []
        self._subscription: Subscription | None = None

    def want(self, settings: NotifySettings) -> None:
        """Note what these settings want from now on; other classes are not looked at."""
        wanted: dict[type[Event], tuple[str, ...]] = {}
        for name, hook in settings.webhooks.items():
            for event in hook.events:
                kind = self.kinds.of(event)
                wanted[kind] = (*wanted.get(kind, ()), name)
        if wanted.keys() == self._wanted.keys():
            self._wanted = wanted
            return
        before, self._wanted = self._subscription, wanted
        self._subscription = self._events.subscribe(self._note, wanted) if wanted else None
        if before is not None:
            before.close()

    def wants(self, event: Event) -> bool:
        """Whether a webhook is to be sent it."""
        return type(event) in self._wanted

    def take(self) -> list[Noted]:
        """What has been noted since the last time: webhook, event, and when (epoch seconds)."""
        with self._lock:
            noted, self._noted = self._noted, []
        return noted

    def close(self) -> None:
        """Note nothing more."""
        if self._subscription is not None:
            self._subscription.close()

    def _note(self, event: Event) -> None:
        at = self._epoch.wall()
        with self._lock:
            for webhook in self._wanted.get(type(event), ()):
                if len(self._noted) < MOST_EVENTS:
                    self._noted.append((webhook, event, at))
