"""The classes of events that can be sent to webhooks, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import Final

from ..storage import events as storage_events
from ..supervision.observe import events as tree_events
from ..supervision.observe.events import Event
from ..telegram import health, session_events
from . import events as alert_events


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
