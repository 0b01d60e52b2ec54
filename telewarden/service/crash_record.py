"""The crash history of all processes, kept in the database to detect crash loops.

Read once, before the tree starts; written through the journal, so that nobody waits for the disk.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import pykka

from ..actors import Journal
from ..config import Config
from ..errors import TelewardenError
from ..storage import CrashRow, MasterKey, Place, Store

logger = logging.getLogger(__name__)


class CrashRecord:
    """The supervision room's ``CrashHistory``, on the warden's database.

    Args:
        past: the crashes of earlier processes, oldest first.
        journal: finds the journal's reference, once there is one.
    """

    def __init__(
        self, past: Sequence[CrashRow], journal: Callable[[], pykka.ActorRef[Any]]
    ) -> None:
        self._past, self._journal = past, journal

    def record_crash(self, path: str, reason: str, at: float) -> None:
        """Have it written with the next commit; waits for nothing."""
        try:
            journal = Journal(self._journal())
            journal.post(lambda store: store.record_crash(path, reason, at))
        except TelewardenError:  # the journal itself did not start, or has been stopped
            # INFO: the crash is told by the supervisor, or is the error that the start ends with
            logger.info("crash not on record child=%s reason=%r", path, reason)

    def crashes(self, path: str | None = None, since: float = 0.0) -> list[CrashRow]:
        """The crashes of earlier processes; those of this one the tree knows by itself."""
        return [one for one in self._past if path in {None, one.path} and one.at >= since]


def past_crashes(database: Place, master: MasterKey, *, since: float) -> list[CrashRow]:
    """Read what earlier processes left, since ``since`` (epoch seconds); blocks for milliseconds.

    A database that is not there, or does not open, holds none: the journal says what is wrong.
    """
    try:
        with Store.open_reader(database, master) as store:
            return store.crashes(since=since)
    except TelewardenError:
        return []


def crashes_since(config: Config) -> float:
    """Since when crashes are kept, in epoch seconds."""
    return time.time() - config.supervision.crashes_kept


def forget_old_crashes(journal: Journal, config: Config) -> None:
    """Prune those before that at each start: a process that crashes in a loop has no retention."""
    before = crashes_since(config)
    journal.post(lambda store: store.prune_crashes(before))
