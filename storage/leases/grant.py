"""A granted lease, and a lease's state as seen from outside.

Owns letting go of the lock and of the facts with it. Taking it is the lease's business.
"""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass
from typing import Self

from .machine_claim import Claim
from .owner import LeaseHolder

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Free:
    """Nobody holds the key and nobody left anything behind."""


@dataclass(frozen=True, slots=True)
class Held:
    """A process holds the key; ``holder`` is ``None`` where it cannot be told who.

    ``parent`` is who took the lease, where that one has ended and a process forked from it has
    the lock still.
    """

    holder: LeaseHolder | None
    parent: LeaseHolder | None = None

    def __str__(self) -> str:
        if self.parent is None:
            return str(self.holder or "a process that has not said who it is")
        child = f"a child of {self.parent}, which has itself ended"
        return child if self.holder is None else f"process {self.holder.pid}, {child}"


@dataclass(frozen=True, slots=True)
class Stale:
    """Nobody holds the key; ``holder`` ended without cleaning up. The next owner takes over."""

    holder: LeaseHolder


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseWait:
    """Somebody else holds the key and we are waiting for it."""

    key_id: int
    holder: LeaseHolder | None
    waited: float
    timeout: float


class LeaseGrant:
    """A lease that is held. Release it, or use it as a ``with`` block; keep a reference.

    ``took_over`` is the owner that had ended without cleaning up, if there was one.
    """

    __slots__ = ("_claim", "_handle", "_pid", "key_id", "took_over")

    def __init__(
        self, key_id: int, handle: int, *, took_over: LeaseHolder | None, claim: Claim
    ) -> None:
        self.key_id = key_id
        self.took_over = took_over
        self._claim = claim
        self._handle: int | None = handle
        self._pid = os.getpid()

    @property
    def held(self) -> bool:
        """Whether it has not been released yet."""
        return self._handle is not None

    def release(self) -> None:
        """Let the key go; a second time does nothing.

        A process forked meanwhile (not a spawned one) keeps the lock until it ends as well.
        """
        handle, self._handle = self._handle, None
        if handle is None:
            return
        if self._pid == os.getpid():  # a forked child's copy must not speak for its parent
            with contextlib.suppress(OSError):  # left-over facts are read as stale, no more
                os.ftruncate(handle, 0)
        self._claim.close()
        os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        if self.held:
            logger.warning("lease dropped without release key=%016x", self.key_id)
            self.release()

    def __repr__(self) -> str:
        return f"<LeaseGrant {self.key_id:016x} {'held' if self.held else 'released'}>"
