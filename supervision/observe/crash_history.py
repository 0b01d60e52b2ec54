"""Crashes of earlier processes: the protocol of their store, and their times on this tree's clock.

A process that crashes in a loop would start every restart window anew; with a history a child's own
window remembers. Where it is kept is somebody else's business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol


class PastCrash(Protocol):
    """A crash on record."""

    @property
    def path(self) -> str:
        """The child's path in the tree."""
        ...

    @property
    def at(self) -> float:
        """When; seconds of the wall clock."""
        ...


class CrashHistory(Protocol):
    """Keeps crashes over the life of a process.

    Both are called in the tree's loop and must not block: hand a record to a writer, load before.
    """

    def record_crash(self, path: str, reason: str, at: float) -> object:
        """Keep that the child at ``path`` crashed at ``at``, seconds of the wall clock."""
        ...

    def crashes(self, path: str | None = None, since: float = 0.0) -> Iterable[PastCrash]:
        """The crashes of one child, or of all, since ``since``, oldest first."""
        ...


class PastCrashes:
    """What is remembered of earlier processes, as readings of this tree's clock.

    Args:
        history: who kept it.
        now: this tree's clock.
        wall: the wall clock at the same moment; both in seconds.
    """

    def __init__(self, history: CrashHistory, *, now: float, wall: float) -> None:
        self._history, self._ahead = history, wall - now
        self._past: dict[str, list[float]] = defaultdict(list)
        for crash in history.crashes():
            self._past[crash.path].append(crash.at - self._ahead)

    def recall(self, path: str) -> tuple[float, ...]:
        """When the child at ``path`` crashed before; remembered once, its first record has it."""
        return tuple(self._past.pop(path, ()))

    def record(self, path: str, reason: str, at: float) -> None:
        """Keep a crash of this process."""
        self._history.record_crash(path, reason, at + self._ahead)
