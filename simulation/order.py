"""Sets that are gone through in the order in which they were filled.

The order of a set of objects is that of their addresses, and that of a set of words is drawn anew
by each process; whoever goes through one and sends something each time is no run to be replayed.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterable, Iterator, MutableSet
from typing import Any, Final

from telethon._updates import messagebox

from telewarden.actors import context
from telewarden.actors.registry import pair_plans, roster
from telewarden.actors.registry.changes import transaction
from telewarden.actors.session import send_queue
from telewarden.loopback.updates import connections
from telewarden.supervision.runtime import loop_runner
from telewarden.supervision.supervisor import changes
from telewarden.telegram.connecting import gateway

__all__ = ["OrderedSet", "install"]

MODULES: Final[tuple[Any, ...]] = (
    pair_plans,
    transaction,
    context,
    send_queue,
    roster,
    connections,
    loop_runner,
    changes,
    gateway,
)
"""Where sets are gone through that hold objects or words."""


class OrderedSet(MutableSet[Any]):
    """Stands for ``set``."""

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self._items: dict[Any, None] = dict.fromkeys(items)

    def add(self, value: Any) -> None:
        self._items[value] = None

    def discard(self, value: Any) -> None:
        self._items.pop(value, None)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def update(self, *others: Iterable[Any]) -> None:
        for other in others:
            self._items.update(dict.fromkeys(other))

    def union(self, *others: Iterable[Any]) -> OrderedSet:
        found = OrderedSet(self)
        found.update(*others)
        return found

    def copy(self) -> OrderedSet:
        return OrderedSet(self)


def install() -> None:
    """Let the modules that go through sets find ordered ones under the name."""
    for module in MODULES:
        module.set = OrderedSet
    # Telethon keeps what is behind in one set with numbers; where this stands is its address.
    messagebox.Sentinel.__hash__ = lambda self: _of_tag(self.tag)


@functools.cache
def _of_tag(tag: str) -> int:
    return zlib.crc32(tag.encode())
