"""Notification of a process's exit (pidfd), without polling.

Owns one descriptor for each process that is waited for, however many wait. Where the system has
no such descriptors nothing is heard, and whoever waits looks for himself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from .owner import LeaseHolder


@dataclass(slots=True)
class _Watched:
    handle: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0


class ExitWatcher:
    """The processes of this machine whose end is waited for; in one event loop."""

    def __init__(self) -> None:
        self._watched: dict[int, _Watched] = {}

    @contextlib.contextmanager
    def of(self, holder: LeaseHolder | None) -> Iterator[asyncio.Event | None]:
        """An event that is set when ``holder``'s process ends; ``None`` where that is not heard."""
        watched = None if holder is None else self._watch(holder)
        if watched is None:
            yield None
            return
        watched.waiting += 1
        try:
            yield watched.ended
        finally:
            watched.waiting -= 1
            if not watched.waiting:
                self._forget(watched)

    def _watch(self, holder: LeaseHolder) -> _Watched | None:
        known = self._watched.get(holder.pid)
        if known is not None:
            return known
        if not hasattr(os, "pidfd_open") or not holder.alive:
            return None
        try:
            handle = os.pidfd_open(holder.pid)
        except OSError:  # it has ended just now, or descriptors are short
            return None
        watched = _Watched(handle)
        try:
            asyncio.get_running_loop().add_reader(handle, watched.ended.set)
        except NotImplementedError:  # a loop that watches no descriptors
            os.close(handle)
            return None
        self._watched[holder.pid] = watched
        return watched

    def _forget(self, watched: _Watched) -> None:
        for pid, one in tuple(self._watched.items()):
            if one is watched:
                del self._watched[pid]
        asyncio.get_running_loop().remove_reader(watched.handle)
        os.close(watched.handle)
