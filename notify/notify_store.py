"""What the notifier keeps in the store: alerts, news, silences, events for webhooks.

A disk that takes nothing is the very thing to tell of: what is not kept is logged, and sent anyway.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pykka

from ..actors import DISK_REFUSES, Journal
from ..errors import JournalUnavailableError
from ..storage import AlertRow, NewsRow, Store, WebhookRow

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """What an earlier process has left."""

    alerts: list[AlertRow]
    news: list[NewsRow]
    silences: dict[str, float]
    owed: list[WebhookRow] = field(repr=False)
    dead: list[WebhookRow] = field(repr=False)


class NotifyStore:
    """The notifier's part of the store, written through the journal.

    Args:
        journal: the database's writer.
    """

    def __init__(self, journal: pykka.ActorRef[Any]) -> None:
        self._journal = Journal(journal)

    async def read(self) -> Kept:
        """Read what is kept."""
        return await self._journal.do(_read)

    def post(self, work: Callable[[Store], object]) -> None:
        """Write behind what waits; nobody waits for it."""
        try:
            self._journal.post(work)
        except JournalUnavailableError as error:
            logger.warning("alert not kept why=%s", error)

    async def write(self, work: Callable[[Store], object]) -> None:
        """Write, and wait until it is on the disk, unless the disk takes nothing."""
        try:
            await self._journal.do(work, wait_for_disk=False)
        except DISK_REFUSES:
            self.post(work)  # it waits there until the disk takes it
        except JournalUnavailableError as error:
            logger.warning("alert not kept why=%s", error)


def _read(store: Store) -> Kept:
    return Kept(
        alerts=store.alerts(),
        news=store.news(),
        silences=store.silences(),
        owed=store.webhook_events(dead=False),
        dead=store.webhook_events(dead=True),
    )
