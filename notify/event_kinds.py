"""The classes of events that can be sent to webhooks, by name: a warden's own and an app's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, Final

from ..errors import InvalidSpecError, UnknownEventError
from ..storage import events as storage_events
from ..supervision.observe import events as tree_events
from ..supervision.observe.events import Event
from ..telegram import health, session_events
from . import events as alert_events

APP: Final = "app."
"""What the name of an app's own event begins with, in a configuration and in what is sent."""


def _classes(module: ModuleType) -> Iterator[tuple[str, type[Event]]]:
    for name, value in vars(module).items():
        if (
            isinstance(value, type)
            and issubclass(value, Event)
            and value.__module__ == module.__name__
        ):
            yield name, value


EVENT_KINDS: Final[Mapping[str, type[Event]]] = MappingProxyType(
    dict(
        pair
        for module in (tree_events, storage_events, session_events, health, alert_events)
        for pair in _classes(module)
    )
)


def is_apps(name: str) -> bool:
    """Whether a name may be that of an app's own event; whether there is one, the app knows."""
    return name.startswith(APP) and name.removeprefix(APP).isidentifier()


class EventKinds:
    """The events that one warden can send.

    Args:
        own: classes of an app's own events, dataclasses below ``Event``.

    Raises:
        InvalidSpecError: one of them is something else, or two have one name.
    """

    def __init__(self, own: Iterable[Any] = ()) -> None:
        self._by_name = dict(EVENT_KINDS)
        for kind in own:
            described = dataclasses.is_dataclass(kind)
            if not (described and isinstance(kind, type) and issubclass(kind, Event)):
                raise InvalidSpecError("webhook_events", kind, "dataclasses below Event")
            name = f"{APP}{kind.__name__}"
            if name in self._by_name:
                raise InvalidSpecError("webhook_events", kind, "classes of different names")
            self._by_name[name] = kind
        self._names = {kind: name for name, kind in self._by_name.items()}

    def of(self, name: str) -> type[Event]:
        """The class of that name.

        Raises:
            UnknownEventError: nobody offers one.
        """
        if name not in self._by_name:
            own = [one for one in self._by_name if one.startswith(APP)]
            raise UnknownEventError(name, own if name.startswith(APP) else self._by_name)
        return self._by_name[name]

    def name_of(self, event: Event) -> str:
        """What it is called in a configuration, and in what is sent."""
        return self._names[type(event)]
