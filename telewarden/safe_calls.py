"""The calls of a ``safe_session``: which must wait, and their errors as ours.

While the block owns the session's key nobody else calls Telegram with it, so that the ledger is
read once. What Telegram asks for is written into it at once, also beside a running warden that may
have other sessions: each deadline is one short statement under SQLite's own lock, and the warden
reads the ledger once it has the key.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .actors.call_floods import OPENING, refused
from .actors.dressing import as_ours
from .config import Config
from .errors import StorageError, TelegramRateLimitError, TelewardenError
from .keeping import Keeping, master_key_of
from .storage import FloodRow, Store
from .telegram import Action, Moment, Verdict, classify, method_name

__all__ = ["FloodNotes", "LedgerGate", "flood_deadlines", "our_errors"]

logger = logging.getLogger(__name__)


class LedgerGate:
    """The deadlines of one account's methods, for the time of a block.

    Args:
        session: its name.
        until: by method, epoch seconds before which it is not called.
        notes: where new ones are kept.
        wall: epoch seconds.
    """

    def __init__(
        self,
        session: str,
        until: dict[str, float],
        notes: FloodNotes,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._session, self._until, self._notes, self._wall = session, until, notes, wall

    def check_opening(self) -> None:
        """Refuse to connect while the call that proves a login must wait.

        Raises:
            TelegramRateLimitError: it must; no packet was sent.
        """
        if (refusal := self._refusal(OPENING)) is not None:
            raise refusal

    def refusal(self, request: object) -> TelegramRateLimitError | None:
        """The error that a call gets while its method must wait; ``None`` when it may go."""
        return self._refusal(method_name(request))

    def failed(self, request: object, error: BaseException) -> None:
        """Note what an error says about when to call again, durably."""
        self._flooded(method_name(request), classify(error))

    def opening_failed(self, error: BaseException) -> None:
        """Note what a failed connect says about when to try again, durably."""
        if not isinstance(error, TelewardenError):
            self._flooded(OPENING, classify(error, moment=Moment.OPENING))

    async def stored(self) -> None:
        """Wait for what is being written of the deadlines."""
        await self._notes.stored()

    async def close(self) -> None:
        """Write what is not on disk yet; what cannot be is logged."""
        await self._notes.close()

    def _flooded(self, method: str, verdict: Verdict) -> None:
        if verdict.action is not Action.PARK_METHOD or verdict.wait is None:
            return
        until = self._wall() + verdict.wait
        self._until[method] = max(until, self._until.get(method, until))
        self._notes.add(
            FloodRow(
                account=self._session, method=method, chat=None, until=until, seconds=verdict.wait
            )
        )

    def _refusal(self, method: str) -> TelegramRateLimitError | None:
        until = self._until.get(method, 0.0)
        left = until - self._wall()
        return refused(self._session, method, left, until) if left > 0 else None


class FloodNotes:
    """Deadlines on their way into the database, in the order in which they were told.

    Args:
        database: its file; each write opens it for itself, so that nobody is kept from it.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._waiting: list[FloodRow] = []
        self._storing: asyncio.Task[None] | None = None

    def add(self, row: FloodRow) -> None:
        """Begin to write a deadline; the loop does not wait for the disk."""
        self._waiting.append(row)
        if self._storing is None or self._storing.done():
            self._storing = asyncio.get_running_loop().create_task(self._store())

    async def stored(self) -> None:
        """Wait for what is being written; what the disk refused is left to ``close``."""
        if self._storing is not None:
            await asyncio.shield(self._storing)

    async def close(self) -> None:
        """Write what is still to be written, and say what cannot be."""
        await self.stored()
        if self._waiting:
            await self._store()
        for row in self._waiting:
            logger.error(
                "flood not on record session=%s method=%s until=%.0f; do not call it before",
                *(row.account, row.method, row.until),
            )

    async def _store(self) -> None:
        while self._waiting:
            rows = tuple(self._waiting)
            try:
                await asyncio.to_thread(_put_floods, self._database, rows)
            except StorageError as exc:
                logger.warning("floods not stored yet count=%d why=%s", len(rows), exc)
                return
            del self._waiting[: len(rows)]


def _put_floods(database: Path, rows: Sequence[FloodRow]) -> None:
    with Store.open_beside(database) as store, store.transaction():
        for row in rows:
            store.put_flood(row.account, row.method, row.chat, row.until, row.seconds)


def flood_deadlines(config: Config, name: str) -> dict[str, float]:
    """What Telegram asked a session to wait with, by method; nothing is changed."""
    with Store.open_reader(Keeping(config).database, master_key_of(config)) as store:
        return {row.method: row.until for row in store.floods(name) if row.chat is None}


@contextlib.contextmanager
def our_errors(session: str) -> Iterator[None]:
    """Let Telegram's and the line's errors out as a warden's session does, with their cause."""
    try:
        yield
    except Exception as error:
        told = as_ours(error, session=session)
        if told is error:
            raise
        raise told from error
