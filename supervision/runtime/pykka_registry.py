"""References in Pykka's process-wide registry, without walking its list from the wrong end.

Pykka looks for the reference to remove from the oldest on, twice; a tree stops the newest first,
which with 10,000 actors costs 71 us each. These two look from the newest end.
"""

from __future__ import annotations

from typing import Any

import pykka


def register(ref: pykka.ActorRef[Any]) -> None:
    """Add ``ref`` to Pykka's registry."""
    registry = pykka.ActorRegistry
    with registry._actor_refs_lock:  # noqa: SLF001 - the order of removal is the point
        registry._actor_refs.append(ref)  # noqa: SLF001


def unregister(ref: pykka.ActorRef[Any]) -> None:
    """Take ``ref`` out of Pykka's registry, if it is there."""
    registry = pykka.ActorRegistry
    with registry._actor_refs_lock:  # noqa: SLF001
        refs = registry._actor_refs  # noqa: SLF001
        for at in range(len(refs) - 1, -1, -1):
            if refs[at] is ref:
                del refs[at]
                return
